"""Run by Alembic: migrate over the connection that `supportdesk.db.migrate` hands over."""

from alembic import context

from supportdesk.db.migrate import note_step
from supportdesk.db.models import Base
from supportdesk.db.search_index import is_described

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
    transaction_per_migration=True,  # on SQLite all of them are in one that is begun outside
    on_version_apply=note_step,
    include_name=is_described,
)
with context.begin_transaction():
    context.run_migrations()
