"""Loading the demo region: its people, and two weeks of requests told over again.

Nothing is written by hand: people come by the import, mails by the door, and what staff did is done
by the same actions as in the inbox, each with the clock at its instant.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import parseaddr
from functools import partial

import sqlalchemy as sa

from supportdesk.actions.availability import add_closing_day, record_absence
from supportdesk.actions.hand_back import hand_back
from supportdesk.actions.import_people import import_people
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.set_password import set_password
from supportdesk.db.models import Agent, Contact
from supportdesk.demo.days import CLOSING_DAY_NAME, Days
from supportdesk.demo.mails import Draft, write, write_bounce, write_unreadable
from supportdesk.demo.past import LastMail, Past, past_of
from supportdesk.demo.staff import address_of, do_step, viewer_named
from supportdesk.demo.story import Happening, Mail, Step, bytes_of, read_stories
from supportdesk.errors import InvalidInput
from supportdesk.routing.facts import AbsenceKind
from supportdesk.routing.subjects import with_ticket

PASSWORD = "severohora-demo"
"""Public on purpose, and set nowhere but here."""

REGION = "region.csv"

_LOG_INS = (
    ("jana.novakova", "personal consultant of most of the region"),
    ("petr.dvorak", "personal consultant, away today; his deputy is away, too"),
    ("olga.pokorna", "assistant of the 24/7 pool"),
    ("radek.simek", "TDMS specialist"),
    ("karel.svoboda", "account manager"),
    ("vera.mala", "supervisor"),
    ("adam.riha", "administrator"),
)

Event = tuple[datetime, Callable[[], object]]


def is_empty(runtime: Runtime) -> bool:
    """Tell whether nobody was set up yet."""
    with runtime.database.read() as session:
        return session.scalar(sa.select(Agent.id).limit(1)) is None


def demo_log_ins() -> list[str]:
    """Give lines that tell who can log in to the demo, and how."""
    people = [f"  {username:<14} {who}" for username, who in _LOG_INS]
    return [f"Demo log-ins, all with the password {PASSWORD}", *people]


def load_demo(runtime: Runtime) -> None:
    """Fill an empty service with the demo region; the same clock gives the same tickets."""
    days = Days(runtime.clock())
    with past_of(runtime, days) as past:
        _set_up_people(past)
        for at, happens in sorted(_events(past), key=lambda event: event[0]):
            past.clock.now = at
            happens()


def _events(past: Past) -> list[Event]:
    """List all that happened until now; at 8:00 the hand-back comes first."""
    events: list[Event] = [(at, partial(hand_back, past.runtime)) for at in past.days.openings()]
    for happening in read_stories():
        at = past.days.at(happening.at)
        if at <= past.days.now:
            events.append((at, partial(_tell, past, happening)))
    return events


def _tell(past: Past, happening: Happening) -> None:
    match happening:
        case Mail():
            _arrive(past, happening)
        case Step():
            do_step(past, happening)


def _set_up_people(past: Past) -> None:
    report = import_people(past.runtime, bytes_of(REGION), filename=REGION)
    if report.problems:
        raise InvalidInput("The demo region is wrong: {problem}", problem=report.problems[0])
    with past.runtime.database.read() as session:
        agents = session.execute(sa.select(Agent.username, Agent.id)).all()
        viewers = {row.username: viewer_named(session, row.username, past) for row in agents}
    for row in agents:
        set_password(past.runtime, None, row.id, PASSWORD)
    days = past.days
    if days.closing_day:
        supervisor = viewers["vera.mala"]
        add_closing_day(past.runtime, supervisor, days.closing_day, CLOSING_DAY_NAME)
    for username, first, kind, substitute in (
        ("petr.dvorak", "W3", AbsenceKind.LEAVE, None),
        ("lucie.vranova", "W3", AbsenceKind.TRAINING, "jana.novakova"),
        ("eva.maresova", "W2", AbsenceKind.ILLNESS, None),
    ):
        record_absence(
            past.runtime,
            viewers[username],
            first_on=days.on(first),
            last_on=days.today + timedelta(days=1),
            kind=kind,
            substitute_id=viewers[substitute].agent_id if substitute else None,
        )


def _arrive(past: Past, mail: Mail) -> None:
    if mail.unreadable:
        sender = parseaddr(_people(past, mail)[0])[1]
        raw = write_unreadable(past.days.fill_in(mail.mail))
        past.receive(raw, mail_from=sender, to=mail.to)
        return
    draft, to = _draft(past, mail)
    raw = write_bounce(draft, mail.bounce_of) if mail.bounce_of else write(draft)
    past.receive(raw, mail_from="" if mail.bounce_of else parseaddr(draft.sender)[1], to=to)
    ticket_id = past.ticket_of_message(draft.message_id)
    if ticket_id is not None:
        past.tickets.setdefault(mail.story, ticket_id)


def _draft(past: Past, mail: Mail) -> tuple[Draft, tuple[str, ...]]:
    """Give the mail with its envelope recipients."""
    sender, cc = _people(past, mail)
    subject = past.days.fill_in(mail.subject)
    answered: LastMail | None = None
    if mail.answers or mail.bounce_of:
        answered = past.last_mail(mail.story)
    if mail.about:
        subject = with_ticket(subject, past.ticket(mail.about))
    to = (answered.reply_to,) if answered else mail.to
    at = past.clock()
    domain = parseaddr(sender)[1].rpartition("@")[2]
    draft = Draft(
        sender=sender,
        to=to,
        cc=cc,
        subject=subject,
        text=past.days.fill_in(mail.mail),
        at=at,
        message_id=f"<{mail.story}.{at:%Y%m%d%H%M%S}@{domain}>",
        in_reply_to=answered.message_id if answered else "",
        references=answered.references if answered else (),
        dmarc=mail.dmarc,
        headers=tuple(mail.headers.items()),
        html=past.days.fill_in(mail.html),
        inline=mail.inline,
        attach=mail.attach,
    )
    return draft, to


def _people(past: Past, mail: Mail) -> tuple[str, tuple[str, ...]]:
    """Write the sender and the copies as they stand in a header."""
    with past.runtime.database.read() as session:
        cc = tuple(address_of(session, one) for one in mail.cc)
        if "@" in mail.sender:
            return mail.sender, cc
        name = session.scalars(sa.select(Contact.name).where(Contact.key == mail.sender)).one()
        return f"{name} <{address_of(session, mail.sender)}>", cc
