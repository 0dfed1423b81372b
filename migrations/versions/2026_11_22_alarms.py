"""Alarms, heartbeats, and indexes for what waits to be sent and what was given up.

Revision: 2026_11_22_alarms
Follows: 2026_11_22_ground
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_22_alarms"
down_revision = "2026_11_22_ground"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the schema to this revision."""
    op.create_table(
        "alarm",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cleared_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alarm")),
    )
    op.create_index(
        "uq_alarm_one_open",
        "alarm",
        ["key"],
        unique=True,
        postgresql_where=sa.text("cleared_at IS NULL"),
        sqlite_where=sa.text("cleared_at IS NULL"),
    )
    op.create_table(
        "heartbeat",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "detail", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_heartbeat")),
    )
    op.create_index(
        "ix_work_dead",
        "work",
        ["kind", "id"],
        postgresql_where=sa.text("state = 'dead'"),
        sqlite_where=sa.text("state = 'dead'"),
    )
    op.create_index(
        "ix_outbox_unsent",
        "outbox",
        ["state", "queued_at"],
        postgresql_where=sa.text("state IN ('queued', 'sending', 'failed')"),
        sqlite_where=sa.text("state IN ('queued', 'sending', 'failed')"),
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_index("ix_outbox_unsent", "outbox")
    op.drop_index("ix_work_dead", "work")
    op.drop_table("heartbeat")
    op.drop_table("alarm")
