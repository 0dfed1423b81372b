"""The migrations make exactly the schema that the models describe."""

from supportdesk.db.database import Database
from supportdesk.db.migrate import current_revision, differences, head_revision, upgrade


def test_migrated_schema_is_what_the_models_say(database: Database) -> None:
    assert differences(database.engine) == []


def test_migrated_database_is_at_the_revision_of_the_code(database: Database) -> None:
    assert current_revision(database.engine) == head_revision() is not None


def test_migrating_again_changes_nothing(database: Database) -> None:
    upgrade(database.engine)
    assert differences(database.engine) == []
