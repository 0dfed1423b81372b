"""The people and situations of the routing tests."""

from datetime import UTC, datetime, timedelta

from supportdesk.messages import Channel
from supportdesk.routing.calendar import BusinessCalendar, local_time
from supportdesk.routing.facts import (
    Absence,
    Agent,
    Caller,
    CallerKind,
    Consultant,
    ConsultantState,
    Facts,
    Person,
    Topic,
    TopicKind,
    TopicSource,
)

CALENDAR = BusinessCalendar()
JANA = Person(1, "Jana Nováková")
PETR = Person(2, "Petr Svoboda")

# Thursday before Easter 2026, in the middle of the day.
THURSDAY_NOON = datetime(2026, 4, 2, 10, 0, tzinfo=UTC)
THURSDAY_EVENING = datetime(2026, 4, 2, 18, 0, tzinfo=UTC)

WITH_DEPUTY = {ConsultantState.FREE, ConsultantState.BUSY, ConsultantState.AWAY_WITH_DEPUTY}


def consultant(state: ConsultantState) -> Consultant:
    """Give Jana in a state, with Petr as deputy where a situation presumes one."""
    return Consultant(
        state,
        person=None if state is ConsultantState.NONE else JANA,
        deputy=PETR if state in WITH_DEPUTY else None,
    )


def facts(
    *,
    channel: Channel = Channel.EMAIL,
    at: datetime = THURSDAY_NOON,
    caller: CallerKind = CallerKind.CONTACT,
    topic: TopicKind = TopicKind.BUSINESS,
    state: ConsultantState = ConsultantState.FREE,
    is_automatic: bool = False,
) -> Facts:
    """Give an ordinary situation with the named difference."""
    return Facts(
        channel=channel,
        at=at,
        caller=Caller(caller, ("Karel Malý",), ("Město Příklad",)),
        topic=Topic(topic, TopicSource.WORDS, ("faktura",)),
        hours=CALENDAR.hours_at(at),
        consultant=consultant(state),
        is_automatic=is_automatic,
    )


def prague(text: str) -> datetime:
    """Read a local time such as `2026-04-02 15:59:59`, with the offset of that moment."""
    naive = datetime.fromisoformat(text)
    for offset in (1, 2):
        instant = naive.replace(tzinfo=UTC) - timedelta(hours=offset)
        if local_time(instant).replace(tzinfo=None) == naive:
            return instant
    raise ValueError(f"{text} does not exist in Prague.")


def absent(
    agent_id: int, name: str, *, substitute_id: int | None = None, is_active: bool = True
) -> Agent:
    """Give an agent who is absent on the whole of THURSDAY_NOON's day."""
    begin = prague("2026-04-02 00:00")
    absence = Absence(begin, begin + timedelta(days=1), substitute_id=substitute_id)
    return Agent(agent_id, name, is_active=is_active, absences=(absence,))
