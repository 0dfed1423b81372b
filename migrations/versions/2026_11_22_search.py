"""Search: the words of messages, and how far those of older messages are still to be indexed.

Revision: 2026_11_22_search
Follows: 2026_11_22_pause
"""

import sqlalchemy as sa
from alembic import op

revision = "2026_11_22_search"
down_revision = "2026_11_22_pause"
branch_labels = None
depends_on = None

phase = "expand"


def upgrade() -> None:
    """Bring the schema to this revision."""
    if op.get_bind().dialect.name == "sqlite":
        # Words come folded already; this tokenizer leaves them as they are. Nobody asks for the
        # length of a document, so it is not kept.
        op.execute(
            "CREATE VIRTUAL TABLE message_search USING fts5(words, tokenize='ascii', columnsize=0)"
        )
    else:
        op.execute(
            "CREATE TABLE message_search ("
            "message_id bigint CONSTRAINT pk_message_search PRIMARY KEY, words tsvector NOT NULL)"
        )
        # Without its list of pending entries: every search would read it through, and whoever
        # fills it up waits until all of it is sorted in.
        op.execute(
            "CREATE INDEX ix_message_search_words ON message_search"
            " USING gin (words) WITH (fastupdate = off)"
        )
    op.create_table(
        "search_backlog",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("before_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_backlog")),
    )
    # Messages that are there already are indexed by the worker, from the newest to the oldest.
    op.execute(
        "INSERT INTO search_backlog (before_id) SELECT NULL WHERE EXISTS (SELECT 1 FROM message)"
    )


def downgrade() -> None:
    """Take this revision back: the index can be made again."""
    op.drop_table("search_backlog")
    op.execute("DROP TABLE message_search")
