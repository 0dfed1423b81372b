"""Receipts of mails that we had already.

Revision: 2026_11_22_ledger
Follows: 2026_11_22_mailbox_grants
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_ledger"
down_revision = "2026_11_22_mailbox_grants"
branch_labels = None
depends_on = None

phase = "expand"


def upgrade() -> None:
    """Bring the schema to this revision."""
    op.add_column(
        "receipt",
        sa.Column("is_duplicate", sa.Boolean(), server_default=sa.false(), nullable=False),
    )


def downgrade() -> None:
    """Go back to the revision before."""
    with op.batch_alter_table("receipt") as batch_op:
        batch_op.drop_column("is_duplicate")
