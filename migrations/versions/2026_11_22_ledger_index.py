"""Mark the receipts of mails that we had already, and count receipts by day from an index.

Revision: 2026_11_22_ledger_index
Follows: 2026_11_22_ledger
"""

from supportdesk.db.careful import create_index, drop_index, update_in_batches

revision = "2026_11_22_ledger_index"
down_revision = "2026_11_22_ledger"
branch_labels = None
depends_on = None

phase = "expand"

_MARK = (
    "UPDATE receipt SET is_duplicate = (1 = 1) WHERE id >= :first AND id < :after AND EXISTS"
    " (SELECT 1 FROM receipt AS earlier"
    " WHERE earlier.message_id = receipt.message_id AND earlier.id < receipt.id)"
)


def upgrade() -> None:
    """Bring the schema to this revision."""
    update_in_batches(_MARK, "receipt")
    create_index(
        "ix_receipt_ledger",
        "receipt",
        ["channel", "mailbox_id", "state", "is_duplicate", "received_at"],
    )


def downgrade() -> None:
    """Go back to the revision before."""
    drop_index("ix_receipt_ledger", "receipt")
