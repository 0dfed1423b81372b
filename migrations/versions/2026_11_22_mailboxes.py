"""How the polling of mailboxes goes, and which mails were fetched only in part.

Revision: 2026_11_22_mailboxes
Follows: 2026_11_22_schema_steps
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_mailboxes"
down_revision = "2026_11_22_schema_steps"
branch_labels = None
depends_on = None
phase = "expand"

_INSTANTS = (
    "polled_since",
    "failing_since",
    "next_try_at",
    "rescanned_at",
    "listened_until",
)


def upgrade() -> None:
    """Bring the schema to this revision."""
    for name in _INSTANTS:
        op.add_column("mailbox", sa.Column(name, sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "mailbox",
        sa.Column(
            "failures",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=False,
            server_default="0",
        ),
    )
    op.add_column(
        "mailbox", sa.Column("tells_news", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("mailbox", sa.Column("listener", sa.String(length=40), nullable=True))
    op.add_column(
        "receipt",
        sa.Column("is_truncated", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    # What was quarantined before for its size; the index of unfinished receipts finds it.
    op.execute(
        "UPDATE receipt SET is_truncated = true"
        " WHERE state IN ('received', 'quarantined') AND state = 'quarantined'"
        " AND problem LIKE '%only its header was fetched%'"
    )


def downgrade() -> None:
    """Take the schema back to the revision before."""
    with op.batch_alter_table("receipt") as receipt:
        receipt.drop_column("is_truncated")
    with op.batch_alter_table("mailbox") as mailbox:
        for name in ("listener", "tells_news", "failures", *reversed(_INSTANTS)):
            mailbox.drop_column(name)
