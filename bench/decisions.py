"""Decisions a second, each with its trace, over the whole space of situations."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product

from bench.figures import Figure
from bench.size import Size
from supportdesk.messages import Channel
from supportdesk.routing.calendar import BusinessCalendar
from supportdesk.routing.decide import decide
from supportdesk.routing.facts import (
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

_MOMENTS = (
    datetime(2026, 11, 24, 11, 0, tzinfo=UTC),  # a working day at noon
    datetime(2026, 11, 24, 20, 0, tzinfo=UTC),  # its evening
    datetime(2026, 11, 22, 11, 0, tzinfo=UTC),  # a Sunday
    datetime(2026, 11, 17, 11, 0, tzinfo=UTC),  # a public holiday
)


def measure(size: Size) -> Iterator[Figure]:
    """Measure one thread deciding situation after situation."""
    situations = list(_situations())
    rounds = []
    for _ in range(max(3, size.pages // 4)):
        began = time.perf_counter()
        for situation in situations:
            decide(situation)
        rounds.append((time.perf_counter() - began) / len(situations))
    figure = Figure(f"decision with trace, {len(situations):,} situations", tuple(rounds))
    yield Figure(figure.name, figure.seconds, 1 / figure.median, "≥ 10,000/s")


def _situations() -> Iterator[Facts]:
    calendar = BusinessCalendar()
    space = product(Channel, _MOMENTS, CallerKind, TopicKind, ConsultantState, (False, True))
    for channel, at, caller, topic, state, is_automatic in space:
        if channel is Channel.WEB and caller is CallerKind.HIDDEN:
            continue  # the one impossible situation
        has_deputy = state is not ConsultantState.AWAY and state is not ConsultantState.NONE
        yield Facts(
            channel=channel,
            at=at,
            caller=Caller(caller, ("Karel Malý",), ("Město Příklad",)),
            topic=Topic(topic, TopicSource.WORDS, ("faktura",)),
            hours=calendar.hours_at(at),
            consultant=Consultant(
                state,
                person=None if state is ConsultantState.NONE else Person(1, "Jana Nováková"),
                deputy=Person(2, "Petr Svoboda") if has_deputy else None,
            ),
            is_automatic=is_automatic,
        )
