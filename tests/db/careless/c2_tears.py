"""Break references between rows, and say which rows go."""

from alembic import op

revision = "c2_tears"
down_revision = "c1_forgets"
branch_labels = None
depends_on = None

phase = "expand"
changes_rows_of = ("agent", "receipt")


def upgrade() -> None:
    op.execute("DELETE FROM agent")


def downgrade() -> None:
    pass
