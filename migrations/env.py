"""Run by Alembic: migrate over the connection that `supportdesk.db.migrate` hands over."""

from alembic import context

from supportdesk.db.models import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
