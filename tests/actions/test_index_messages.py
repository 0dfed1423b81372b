"""New messages are found at once, those from before an upgrade after a while."""

import sqlalchemy as sa

from supportdesk.actions.add_note import add_note
from supportdesk.actions.index_messages import AT_ONCE, index_older_messages, is_index_behind
from supportdesk.actions.reply import reply
from supportdesk.db.models import SearchBacklog
from supportdesk.db.queries.search import find_messages
from supportdesk.db.search_terms import read_terms
from tests.factories import NOON, make_message, make_ticket
from tests.staff import viewer_of
from tests.world import World, mail


def found(world: World, typed: str) -> list[int]:
    viewer = viewer_of(world.runtime, world.cast.jana)
    with world.runtime.database.read() as session:
        return [hit.message_id for hit in find_messages(session, viewer, read_terms(typed)).found]


def test_mails_replies_and_notes_are_found_as_soon_as_they_are_stored(world: World) -> None:
    sender = "Ivo Modrý <ivo@novy.example>"
    world.arrives(mail(sender, "Nejde nám ústředna.", subject="Porucha"), at=NOON)
    (mail_id,) = found(world, "ústředn porucha modry")
    with world.runtime.database.read() as session:
        ticket_id = session.scalar(sa.text("SELECT max(id) FROM ticket")) or 0
    jana = viewer_of(world.runtime, world.cast.jana)
    note_id = add_note(world.runtime, jana, ticket_id, "Volat spojaře.")
    reply_id = reply(
        world.runtime,
        jana,
        ticket_id,
        text="Technik přijede.",
        to=["ivo@novy.example"],
        last_seen_message_id=note_id,
    )
    assert found(world, "spojař") == [note_id]
    assert found(world, "technik") == [reply_id]
    assert found(world, "porucha") == [reply_id, mail_id]


def test_older_messages_are_indexed_part_by_part_the_newest_first(world: World) -> None:
    database = world.runtime.database
    with database.write() as session:
        ticket = make_ticket(session)
        ids = [make_message(session, ticket, "Dávno").id for _ in range(AT_ONCE + 1)]
        session.execute(sa.text("DELETE FROM message_search"))
        session.add(SearchBacklog())
    assert is_index_behind(world.runtime)
    assert found(world, "dávno") == []
    with database.write() as session:
        ids.append(make_message(session, ticket, "Dávno").id)  # came after the upgrade
    assert index_older_messages(world.runtime)
    while index_older_messages(world.runtime):
        pass
    assert not is_index_behind(world.runtime)
    with database.read() as session:
        count = session.scalar(sa.text("SELECT count(*) FROM message_search"))
    assert count == len(ids)


def test_nothing_is_indexed_when_search_knows_everything(world: World) -> None:
    assert not index_older_messages(world.runtime)
    assert not is_index_behind(world.runtime)
