"""Lose a row without saying so."""

from alembic import op

from supportdesk.db.migrate import head_revision

revision = "c1_forgets"
down_revision = head_revision()
branch_labels = None
depends_on = None

phase = "expand"


def upgrade() -> None:
    op.execute("DELETE FROM receipt WHERE id = (SELECT MIN(id) FROM receipt)")


def downgrade() -> None:
    pass
