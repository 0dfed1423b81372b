"""The pause after a restore.

Revision: 2026_11_22_pause
Follows: 2026_11_22_leadership
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_pause"
down_revision = "2026_11_22_leadership"
branch_labels = None
depends_on = None

phase = "expand"


def upgrade() -> None:
    """Bring the schema to this revision."""
    op.create_table(
        "pause",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("backup_made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pause")),
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table("pause")
