"""Index a table that is in use."""

from supportdesk.db.careful import create_index, drop_index

revision = "m3_index"
down_revision = "m2_fill"
branch_labels = None
depends_on = None

phase = "expand"


def upgrade() -> None:
    create_index("ix_receipt_blob_key", "receipt", ["blob_key"], where="size_bytes > 0")


def downgrade() -> None:
    drop_index("ix_receipt_blob_key", "receipt")
