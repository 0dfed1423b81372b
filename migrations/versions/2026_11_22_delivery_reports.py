"""What became of our mails: delivery reports, suppressed addresses, and invitations in mails.

Revision: 2026_11_22_delivery_reports
Follows: 2026_11_22_alarms
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "2026_11_22_delivery_reports"
down_revision = "2026_11_22_alarms"
branch_labels = None
depends_on = None

phase = "expand"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_KIND = sa.Enum(
    "failed",
    "delayed",
    "delivered",
    "read",
    "complaint",
    name="reportkind",
    native_enum=False,
    length=30,
)


def upgrade() -> None:
    """Bring the schema to this revision."""
    op.create_table(
        "delivery_report",
        sa.Column("id", _ID, nullable=False),
        sa.Column("message_id", _ID, nullable=False),
        sa.Column("report_id", _ID, nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("kind", _KIND, nullable=False),
        sa.Column("status", sa.String(length=12), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_delivery_report_message_id_message")
        ),
        sa.ForeignKeyConstraint(
            ["report_id"], ["message.id"], name=op.f("fk_delivery_report_report_id_message")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_report")),
    )
    op.create_index(op.f("ix_delivery_report_message_id"), "delivery_report", ["message_id"])
    op.create_index(op.f("ix_delivery_report_report_id"), "delivery_report", ["report_id"])
    op.create_index("ix_delivery_report_recipient", "delivery_report", ["recipient", "at"])
    op.create_table(
        "suppression",
        sa.Column("id", _ID, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("kind", _KIND, nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("message_id", _ID, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name=op.f("fk_suppression_message_id_message")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppression")),
        sa.UniqueConstraint("address", name=op.f("uq_suppression_address")),
    )
    op.add_column(
        "attachment",
        sa.Column(
            "invitation", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True
        ),
    )


def downgrade() -> None:
    """Take the schema back to the revision before."""
    op.drop_column("attachment", "invitation")
    op.drop_table("suppression")
    op.drop_table("delivery_report")
