"""What members of staff did in the demo's stories, done again through the same actions."""

from contextlib import suppress

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions.acknowledge_hand_over import acknowledge_hand_over
from supportdesk.actions.add_note import add_note
from supportdesk.actions.assign_ticket import assign_ticket, take_ticket
from supportdesk.actions.change_state import change_state
from supportdesk.actions.identify_sender import identify_sender
from supportdesk.actions.reply import reply
from supportdesk.actions.request_lines import carry_out_line, confirm_line
from supportdesk.db.models import (
    Agent,
    Author,
    Contact,
    ContactAddress,
    HandOver,
    Message,
    Organisation,
    RequestLine,
    Team,
    TeamMember,
    Ticket,
)
from supportdesk.db.queries.viewers import Viewer, load_viewer
from supportdesk.demo.past import Past
from supportdesk.demo.story import HANDLER, Step
from supportdesk.errors import NotAllowed, NotFound
from supportdesk.messages import Automatic
from supportdesk.routing.calendar import local_date
from supportdesk.tickets import Desk

_CLOSING = {"cs": "S pozdravem", "en": "Kind regards"}


def do_step(past: Past, step: Step) -> None:
    """Do what one member of staff did; what she sent leaves at once."""
    ticket_id = past.ticket(step.story)
    with past.runtime.database.read() as session:
        ticket = session.get_one(Ticket, ticket_id)
        viewer = _viewer(session, step, ticket, past)
        if step.reply:
            to, cc = [_customer(session, ticket_id)], [address_of(session, one) for one in step.cc]
            newest = session.scalar(
                sa.select(sa.func.max(Message.id)).where(Message.ticket_id == ticket_id)
            )
    if step.reply:
        text = _signed(past.days.fill_in(step.reply), viewer, ticket.language, past)
        reply(
            past.runtime,
            viewer,
            ticket_id,
            text=text,
            to=to,
            cc=cc,
            last_seen_message_id=newest or 0,
            then_state=step.then,
        )
    elif step.confirm or step.carry_out:
        _decide_line(past, viewer, step, ticket_id)
    else:
        _change(past, viewer, step, ticket)
    past.work_off()


def viewer_named(session: Session, username: str, past: Past) -> Viewer:
    """Look at the service as the agent with this user name."""
    agent_id = session.scalar(sa.select(Agent.id).where(Agent.username == username))
    viewer = load_viewer(session, agent_id or 0, today=local_date(past.clock()))
    if viewer is None:
        raise NotFound(
            "The demo has no agent {username!r}; correct the story or the region.",
            username=username,
        )
    return viewer


def address_of(session: Session, written: str) -> str:
    """Give the first address of a contact by its key, or what is an address already."""
    if "@" in written:
        return written
    found = session.scalar(
        sa.select(ContactAddress.address)
        .join(Contact, Contact.id == ContactAddress.contact_id)
        .where(Contact.key == written)
        .order_by(ContactAddress.id)
        .limit(1)
    )
    if found is None:
        raise NotFound(
            "The demo has no contact {contact!r}; correct the story or the region.", contact=written
        )
    return found


def _change(past: Past, viewer: Viewer, step: Step, ticket: Ticket) -> None:
    runtime, version = past.runtime, ticket.version
    if step.note:
        add_note(runtime, viewer, ticket.id, past.days.fill_in(step.note))
    elif step.escalate:
        assign_ticket(
            runtime, viewer, ticket.id, version=version, desk=Desk.TDMS, reason=step.escalate
        )
    elif step.hand_to:
        assign_ticket(runtime, viewer, ticket.id, version=version, desk=step.hand_to)
    elif step.take:
        take_ticket(runtime, viewer, ticket.id, version=version)
    elif step.state:
        change_state(runtime, viewer, ticket.id, step.state, version=version)
    elif step.identify:
        _identify(past, viewer, step, ticket)
    elif step.acknowledge:
        _acknowledge(past, viewer, ticket.id)


def _identify(past: Past, viewer: Viewer, step: Step, ticket: Ticket) -> None:
    with past.runtime.database.read() as session:
        organisation_id = session.scalars(
            sa.select(Organisation.id).where(Organisation.key == step.identify)
        ).one()
        contact_id = session.scalars(
            sa.select(ContactAddress.contact_id)
            .join(Message, Message.sender_address == ContactAddress.address)
            .where(Message.ticket_id == ticket.id)
            .limit(1)
        ).one()
    identify_sender(
        past.runtime,
        viewer,
        ticket.id,
        version=ticket.version,
        contact_id=contact_id,
        organisation_id=organisation_id,
    )


def _acknowledge(past: Past, viewer: Viewer, ticket_id: int) -> None:
    with past.runtime.database.read() as session:
        hand_over_id = session.scalars(
            sa.select(HandOver.id).where(
                HandOver.ticket_id == ticket_id, HandOver.acknowledged_at.is_(None)
            )
        ).one()
    acknowledge_hand_over(past.runtime, viewer, hand_over_id)


def _decide_line(past: Past, viewer: Viewer, step: Step, ticket_id: int) -> None:
    activity = step.confirm or step.carry_out
    with past.runtime.database.read() as session:
        line_id = session.scalars(
            sa.select(RequestLine.id)
            .where(RequestLine.ticket_id == ticket_id, RequestLine.activity == activity)
            .order_by(RequestLine.id.desc())
            .limit(1)
        ).one()
    if step.confirm:
        confirm_line(past.runtime, viewer, ticket_id, line_id, circumstances=step.known)
        return
    with suppress(NotAllowed):  # a refusal is a part of the story, and stored
        carry_out_line(
            past.runtime,
            viewer,
            ticket_id,
            line_id,
            circumstances=step.known,
            override_reason=step.override,
        )


def _viewer(session: Session, step: Step, ticket: Ticket, past: Past) -> Viewer:
    if step.by != HANDLER:
        return viewer_named(session, step.by, past)
    handler_id = ticket.handler_id or session.scalar(
        sa.select(TeamMember.agent_id)
        .join(Team)
        .where(Team.desk == ticket.desk)
        .order_by(TeamMember.experience.desc(), TeamMember.agent_id)
        .limit(1)
    )
    viewer = load_viewer(session, handler_id or 0, today=local_date(past.clock()))
    if viewer is None:
        raise NotFound(
            "Nobody handles the story {story!r}; name somebody in `by`.", story=step.story
        )
    return viewer


def _customer(session: Session, ticket_id: int) -> str:
    """Give the address from which a person on the customer's side wrote last."""
    return session.scalars(
        sa.select(Message.sender_address)
        .where(Message.ticket_id == ticket_id, Message.author == Author.CUSTOMER)
        .where(Message.automatic == Automatic.NO)
        .order_by(Message.id.desc())
        .limit(1)
    ).one()


def _signed(text: str, viewer: Viewer, language: str, past: Past) -> str:
    signature = f"{viewer.name}\n{past.runtime.settings.operator_name}"
    return f"{text}\n\n{_CLOSING[language]}\n\n{signature}"
