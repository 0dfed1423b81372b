"""What is in force on a day: rows valid on the days [valid_from, valid_until)."""

from datetime import date
from typing import Any

import sqlalchemy as sa

TODAY = sa.bindparam("today", type_=sa.Date())
"""The day of statements that are built once."""


def valid_on(row: Any, day: date | sa.BindParameter[date] = TODAY) -> sa.ColumnElement[bool]:
    """Give the condition that a model with `valid_from` and `valid_until` is in force that day."""
    return sa.and_(
        row.valid_from <= day,
        sa.or_(row.valid_until.is_(None), row.valid_until > day),
    )
