"""What migrations did to this database, for versions of the code that do not have them."""

from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from supportdesk.db.base import Base
from supportdesk.db.types import enum_text


class Phase(StrEnum):
    """What a migration means for the version of the code before it."""

    EXPAND = "expand"  # that one goes on working: things were only added
    CONTRACT = "contract"  # that one must not run any more


class SchemaStep(Base):
    """A migration that was done; `follows` is the revision before it."""

    __tablename__ = "schema_step"

    revision: Mapped[str] = mapped_column(sa.String(32), primary_key=True)
    follows: Mapped[str | None] = mapped_column(sa.String(32))
    phase: Mapped[Phase] = mapped_column(enum_text(Phase))
