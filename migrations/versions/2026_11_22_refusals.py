"""Recipients whom our own relay refuses, noted like reports of other servers.

Revision: 2026_11_22_refusals
Follows: 2026_11_22_reconciled
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_refusals"
down_revision = "2026_11_22_reconciled"
branch_labels = None
depends_on = None

phase = "expand"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Bring the schema to this revision."""
    with op.batch_alter_table("delivery_report") as batch_op:
        batch_op.alter_column("report_id", existing_type=_ID, nullable=True)


def downgrade() -> None:
    """Go back to the revision before, which cannot hold them."""
    op.execute("DELETE FROM delivery_report WHERE report_id IS NULL")
    with op.batch_alter_table("delivery_report") as batch_op:
        batch_op.alter_column("report_id", existing_type=_ID, nullable=False)
