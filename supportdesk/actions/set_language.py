"""Choosing the language of one's pages."""

import sqlalchemy as sa

from supportdesk.actions.runtime import Runtime
from supportdesk.db.models import Agent
from supportdesk.db.queries.viewers import Viewer
from supportdesk.errors import InvalidInput

LANGUAGES = ("cs", "en")


def set_language(runtime: Runtime, viewer: Viewer, language: str) -> None:
    """Speak Czech or English to the viewer from now on."""
    if language not in LANGUAGES:
        raise InvalidInput("The language {language!r} is unknown; use cs or en.", language=language)
    with runtime.database.write() as session:
        session.execute(
            sa.update(Agent).where(Agent.id == viewer.agent_id).values(language=language)
        )
