"""Who leads the schedule.

Revision: 2026_11_22_leadership
Follows: 2026_11_22_mailboxes
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_leadership"
down_revision = "2026_11_22_mailboxes"
branch_labels = None
depends_on = None

phase = "expand"


def upgrade() -> None:
    """Bring the schema to this revision."""
    op.create_table(
        "leadership",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("holder", sa.String(length=100), nullable=False),
        sa.Column("term", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("renewed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leadership")),
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table("leadership")
