"""Setting up our own people: who they are, where they work, and what they may do."""

from flask import Blueprint, flash, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from supportdesk.actions.agents import AgentDetails, create_agent, update_agent
from supportdesk.actions.set_password import set_password
from supportdesk.db.models import Right
from supportdesk.db.queries.staff import StaffRow, find_staff, list_staff
from supportdesk.errors import Conflict, InvalidInput, NotAllowed, NotFound
from supportdesk.tickets import Desk
from supportdesk.web.context import reading, runtime, stop_reading, viewer
from supportdesk.web.errors import status_of
from supportdesk.web.forms import optional_number_of, text_of
from supportdesk.web.gate import for_administrators
from supportdesk.web.refusals import told
from supportdesk.web.shell import render_page

agents = Blueprint("agents", __name__, url_prefix="/settings/agents")


@agents.get("")
@for_administrators
def show_list() -> ResponseReturnValue:
    """Show everybody."""
    return render_page("agents.html", menu="agents", rows=list_staff(reading()))


@agents.get("/new")
@for_administrators
def show_new() -> ResponseReturnValue:
    """Show the empty form."""
    return _form(None, AgentDetails("", ""))


@agents.post("/new")
@for_administrators
def create() -> ResponseReturnValue:
    """Add a member of staff."""
    details = AgentDetails("", "")
    try:
        details = _details()
        agent_id = create_agent(runtime(), viewer(), details)
    except (Conflict, InvalidInput) as error:
        return make_response(_form(None, details, problem=told(error)), status_of(error))
    flash(_("The agent was added. Set a password, so that she can log in."))
    return redirect(url_for("agents.show", agent_id=agent_id), 303)


@agents.get("/<int:agent_id>")
@for_administrators
def show(agent_id: int) -> ResponseReturnValue:
    """Show one member of staff."""
    found = _found(agent_id)
    return _form(found, _stored(found))


@agents.post("/<int:agent_id>")
@for_administrators
def change(agent_id: int) -> ResponseReturnValue:
    """Change what is on file, or let somebody go."""
    found = _found(agent_id)
    stop_reading()
    details = _stored(found)
    try:
        details = _details()
        update_agent(runtime(), viewer(), agent_id, details, is_active="is_active" in request.form)
    except (Conflict, InvalidInput) as error:
        return make_response(_form(found, details, problem=told(error)), status_of(error))
    flash(_("The agent was changed."))
    return redirect(url_for("agents.show_list"), 303)


@agents.post("/<int:agent_id>/password")
@for_administrators
def give_password(agent_id: int) -> ResponseReturnValue:
    """Give a member of staff a new password; her sessions end."""
    found = _found(agent_id)
    stop_reading()
    if agent_id == viewer().agent_id:
        return redirect(url_for("preferences.show_password"), 303)
    try:
        set_password(runtime(), viewer(), agent_id, text_of("password", most=1000))
    except (InvalidInput, NotAllowed) as error:
        return make_response(_form(found, _stored(found), problem=told(error)), status_of(error))
    flash(_("The password was set, and open sessions were ended."))
    return redirect(url_for("agents.show", agent_id=agent_id), 303)


def _found(agent_id: int) -> StaffRow:
    found = find_staff(reading(), agent_id)
    if found is None:
        raise NotFound("There is no agent {agent}.", agent=agent_id)
    return found


def _stored(row: StaffRow) -> AgentDetails:
    return AgentDetails(
        row.username, row.name, row.email, row.phone, row.language, row.teams, row.rights
    )


def _details() -> AgentDetails:
    teams = {desk: optional_number_of(f"team_{desk}") for desk in Desk}
    return AgentDetails(
        username=text_of("username", most=80).strip(),
        name=text_of("name", most=200).strip(),
        email=text_of("email", most=300).strip() or None,
        phone=text_of("phone", most=20).strip() or None,
        language=text_of("language", most=10),
        teams={desk: experience for desk, experience in teams.items() if experience is not None},
        rights=frozenset(right for right in Right if f"right_{right}" in request.form),
    )


def _form(found: StaffRow | None, details: AgentDetails, *, problem: str = "") -> str:
    return render_page("agent.html", menu="agents", found=found, details=details, problem=problem)
