"""Drop what nobody uses any more."""

from alembic import op

revision = "m5_contract"
down_revision = "m4_constraints"
branch_labels = None
depends_on = None

phase = "contract"
no_way_back = "What stood in the column is gone."


def upgrade() -> None:
    with op.batch_alter_table("mailbox") as batch:
        batch.drop_column("remark")
