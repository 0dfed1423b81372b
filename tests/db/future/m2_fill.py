"""Fill a column of many rows."""

from alembic import op

from supportdesk.db.careful import update_in_batches

revision = "m2_fill"
down_revision = "m1_rebuild"
branch_labels = None
depends_on = None

phase = "expand"


def upgrade() -> None:
    update_in_batches(
        "UPDATE receipt SET problem = 'filled' WHERE id >= :first AND id < :after",
        "receipt",
        size=500,
    )


def downgrade() -> None:
    op.execute("UPDATE receipt SET problem = NULL")
