"""Mailboxes that are polled with OAuth 2 tokens.

Revision: 2026_11_22_mailbox_grants
Follows: 2026_11_22_search
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_mailbox_grants"
down_revision = "2026_11_22_search"
branch_labels = None
depends_on = None
phase = "expand"


def upgrade() -> None:
    """Bring the schema to this revision."""
    op.create_table(
        "mailbox_grant",
        sa.Column(
            "mailbox_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            sa.ForeignKey("mailbox.id", name=op.f("fk_mailbox_grant_mailbox_id_mailbox")),
            nullable=False,
        ),
        sa.Column("token_url", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("client_secret", sa.Text(), nullable=False),
        sa.Column("refresh_token", sa.Text(), nullable=False),
        sa.Column("access_token", sa.Text(), nullable=False),
        sa.Column("access_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("renewing_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("mailbox_id", name=op.f("pk_mailbox_grant")),
    )


def downgrade() -> None:
    """Take the schema back to the revision before."""
    op.drop_table("mailbox_grant")
