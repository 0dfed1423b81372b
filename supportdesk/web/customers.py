"""A customer's whole history: of an organisation, and of one contact."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from supportdesk.db.queries.customers import (
    find_customer,
    find_person,
    find_servants,
    find_visible_contact,
    list_history,
    list_people,
    organisations_of,
)
from supportdesk.db.queries.suppressions import find_suppressed
from supportdesk.errors import NotFound
from supportdesk.web.context import reading, viewer
from supportdesk.web.inbox import read_cursor, write_cursor
from supportdesk.web.shell import render_page

customers = Blueprint("customers", __name__)


@customers.get("/customers/<int:organisation_id>")
def show_organisation(organisation_id: int) -> ResponseReturnValue:
    """Show an organisation, its people and every request of it."""
    session, today = reading(), viewer().today
    found = find_customer(session, viewer(), organisation_id)
    if found is None:
        raise NotFound(
            "There is no customer {customer} that you may see.", customer=organisation_id
        )
    after = read_cursor(request.args.get("after"))
    page = list_history(session, viewer(), organisation_id=found.id, after=after)
    return render_page(
        "customer.html",
        customer=found,
        servants=find_servants(session, found.id, found.contract_id, today),
        people=list_people(session, found.id, today),
        page=page,
        next_cursor=write_cursor(page.after),
        is_first=after is None,
    )


@customers.get("/contacts/<int:contact_id>")
def show_contact(contact_id: int) -> ResponseReturnValue:
    """Show a contact and every request that came from him."""
    session, today = reading(), viewer().today
    if find_visible_contact(session, viewer(), contact_id) is None:
        raise NotFound("There is no contact {contact} that you may see.", contact=contact_id)
    after = read_cursor(request.args.get("after"))
    page = list_history(session, viewer(), contact_id=contact_id, after=after)
    organisations = [
        (organisation_id, name, find_person(session, contact_id, organisation_id, today).roles)
        for organisation_id, name in organisations_of(session, contact_id, today)
    ]
    person = find_person(session, contact_id, None, today)
    return render_page(
        "contact.html",
        person=person,
        suppressed=find_suppressed(session, person.addresses),
        organisations=organisations,
        page=page,
        next_cursor=write_cursor(page.after),
        is_first=after is None,
    )
