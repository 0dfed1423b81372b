"""Which migrations were done, and whether the version before them can still work.

Revision: 2026_11_22_schema_steps
Follows: 2026_11_22_delivery_reports
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_schema_steps"
down_revision = "2026_11_22_delivery_reports"
branch_labels = None
depends_on = None

phase = "expand"


def upgrade() -> None:
    """Bring the schema to this revision."""
    op.create_table(
        "schema_step",
        sa.Column("revision", sa.String(length=32), nullable=False),
        sa.Column("follows", sa.String(length=32), nullable=True),
        sa.Column(
            "phase",
            sa.Enum("expand", "contract", name="phase", native_enum=False, length=30),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_schema_step")),
    )


def downgrade() -> None:
    """Go back to the revision before."""
    op.drop_table("schema_step")
