"""What the last comparison of a mailbox with our receipts found.

Revision: 2026_11_22_reconciled
Follows: 2026_11_22_ledger_index
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_reconciled"
down_revision = "2026_11_22_ledger_index"
branch_labels = None
depends_on = None

phase = "expand"

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Bring the schema to this revision."""
    op.add_column("mailbox", sa.Column("reconciled_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "mailbox", sa.Column("missing_count", _NUMBER, server_default="0", nullable=False)
    )
    op.add_column("mailbox", sa.Column("first_missing_uid", _NUMBER, nullable=True))


def downgrade() -> None:
    """Go back to the revision before."""
    with op.batch_alter_table("mailbox") as batch_op:
        batch_op.drop_column("first_missing_uid")
        batch_op.drop_column("missing_count")
        batch_op.drop_column("reconciled_at")
