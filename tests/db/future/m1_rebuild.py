"""Make the table anew to which most others refer."""

import sqlalchemy as sa
from alembic import op

from supportdesk.db.migrate import head_revision

revision = "m1_rebuild"
down_revision = head_revision()
branch_labels = None
depends_on = None

phase = "expand"


def upgrade() -> None:
    with op.batch_alter_table("mailbox") as batch:
        batch.add_column(sa.Column("remark", sa.Text(), server_default="", nullable=False))
        batch.alter_column("name", server_default="", existing_type=sa.Text())
        batch.add_column(sa.Column("keeper_id", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("mailbox") as batch:
        batch.drop_column("keeper_id")
        batch.alter_column("name", server_default=None, existing_type=sa.Text())
        batch.drop_column("remark")
