"""Have conditions hold that nobody looked at before."""

from alembic import op

from supportdesk.db.careful import add_check, add_foreign_key

revision = "m4_constraints"
down_revision = "m3_index"
branch_labels = None
depends_on = None

phase = "expand"


def upgrade() -> None:
    add_check("ck_receipt_size", "receipt", "size_bytes >= 0")
    add_foreign_key("fk_mailbox_keeper", "mailbox", "keeper_id", "agent")


def downgrade() -> None:
    with op.batch_alter_table("mailbox") as batch:
        batch.drop_constraint(op.f("fk_mailbox_keeper"), type_="foreignkey")
    with op.batch_alter_table("receipt") as batch:
        batch.drop_constraint(op.f("ck_receipt_size"), type_="check")
