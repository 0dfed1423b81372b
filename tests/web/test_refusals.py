"""What people are told when something is refused: whole sentences, in Czech and in English."""

import ast
import html
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa
from flask import g
from sqlalchemy.orm import Session

from supportdesk.catalogues import CATALOGUES, REFUSALS, read_catalogue
from supportdesk.db.models import Agent, Author, LineState, OutboxMail, OutboxState
from supportdesk.errors import (
    ChannelError,
    Conflict,
    InvalidInput,
    NotFound,
    SupportdeskError,
    Unreadable,
    read_back,
    write_down,
)
from supportdesk.messages import Assurance
from supportdesk.routing.authority import Activity, Circumstance, Role
from supportdesk.routing.authority_words import PROOFS
from supportdesk.routing.facts import AgentStatus, TopicKind
from supportdesk.tickets import Desk as TeamDesk
from supportdesk.tickets import State
from supportdesk.web.refusals import told
from tests.factories import NOON, make_line, make_message, make_receipt, make_ticket
from tests.web.conftest import Desk, token_of
from tests.web.raised import PACKAGE, Sentence, places_in, sentences, sentences_in

SENTENCES = sentences()
LANGUAGES = ("cs", "en")
AT_MIDNIGHT = datetime(2026, 12, 24, 23, 30, tzinfo=UTC)  # half past in Prague, the next day
# Whatever stands in a place must neither break the sentence nor be read as one.
ODD: tuple[object, ...] = (
    "{",
    "}",
    "{0}",
    "{agent}",
    "%(agent)s",
    "%",
    "<b>",
    "",
    None,
    -1,
    [],
    [None, "{"],
    NOON,
)


def czech() -> dict[str, str]:
    catalogue = read_catalogue("cs", REFUSALS)
    return {str(message.id): str(message.string) for message in catalogue if message.id}


def in_language(desk: Desk, language: str, error: SupportdeskError) -> str:
    with desk.app.test_request_context():
        g.language = language
        return told(error)


def speak(session: Session, agent: Agent, language: str) -> None:
    session.execute(sa.update(Agent).where(Agent.id == agent.id).values(language=language))


# --- the code ------------------------------------------------------------------------------------


def test_every_sentence_is_a_literal_where_it_is_raised() -> None:
    assert [one.place for one in SENTENCES if one.text is None] == []
    assert len(SENTENCES) > 150


def test_every_place_of_a_sentence_has_its_value() -> None:
    wrong = [one for one in SENTENCES if places_in(one.text or "") != one.values]
    assert wrong == []


@pytest.mark.parametrize(
    ("source", "text", "values"),
    [
        ('NotFound("No {thing}.", thing=1)', "No {thing}.", {"thing"}),
        ('ChannelError("No" " mail.", permanent=True)', "No mail.", set()),
        ('NotFound(f"No {thing}.")', None, set()),
        ('NotFound("No " + thing)', None, set()),
        ('NotFound("No {}.".format(thing))', None, set()),
        ('NotFound("No {thing}.", **things)', "No {thing}.", {"**"}),
        ('NotFound("No {thing}.", thing)', "No {thing}.", {"*"}),
    ],
)
def test_scan_for_sentences_sees(source: str, text: str | None, values: set[str]) -> None:
    kinds = {"NotFound": True, "ChannelError": True}
    found = list(sentences_in(ast.parse(source), "there.py", kinds))
    assert found == [Sentence("there.py:1", text, frozenset(values))]


def test_nothing_shows_an_error_on_a_page_untranslated() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}: {ast.unparse(node)}"
        for path in sorted((PACKAGE / "web").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node) in {"str(error)", "format(error)"}
    ]
    assert found == []


# --- the catalogue -------------------------------------------------------------------------------


def test_every_sentence_for_pages_is_there_in_czech_and_no_other() -> None:
    said = {one.text for one in SENTENCES if one.is_for_pages}
    assert (said - czech().keys(), czech().keys() - said) == (set(), set())


def test_czech_sentences_are_finished() -> None:
    source = (CATALOGUES / "cs" / "LC_MESSAGES" / REFUSALS).read_text(encoding="utf-8")
    assert "fuzzy" not in source
    assert [english for english, said in czech().items() if not said] == []


def test_czech_sentences_have_the_same_places() -> None:
    differing = {
        english for english, said in czech().items() if places_in(english) != places_in(said)
    }
    assert differing == set()


def test_czech_sentences_have_a_full_stop_where_the_english_ones_do() -> None:
    assert [e for e, said in czech().items() if e.endswith(".") is not said.endswith(".")] == []


# --- filling in ----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_filling_never_fails_whatever_the_values_are(quick_desk: Desk, language: str) -> None:
    with quick_desk.app.test_request_context():
        g.language = language
        for one in SENTENCES:
            for odd in ODD:
                error = InvalidInput(one.text or "", **dict.fromkeys(one.values, odd))
                assert str(error)
                assert told(error)


def test_braces_from_outside_stay_what_they_are(quick_desk: Desk) -> None:
    answer = "550 {error} %(reason)s {}"
    text = "The mail relay {relay} refused the mail: {answer}"
    error = ChannelError(text, permanent=True, relay="r:25", answer=answer)
    assert str(error) == f"The mail relay r:25 refused the mail: {answer}"
    assert in_language(quick_desk, "cs", error).endswith(answer)
    assert str(Unreadable(answer)) == answer  # a text without values is nobody's template


@pytest.mark.parametrize(
    ("value", "cs", "en"),
    [
        (State.WAITING_CUSTOMER, "Čeká na zákazníka", "Waiting for the customer"),
        ([State.OPEN, State.RESOLVED], "Otevřený, Vyřešeno", "Open, Resolved"),
        (TeamDesk.POOL, "Asistenti 24/7", "Pool 24/7"),
        (Role.FINANCE_ADMIN, "administrátor financí", "finance administrator"),
        ((Assurance.W, Circumstance.BLOCK_PIN), "podepsaný dokument, PIN pro blokaci",
         "a signed document, the PIN for blocking"),
        (date(2026, 12, 24), "24. 12. 2026", "24 Dec 2026"),
        (AT_MIDNIGHT, "pá 25. 12. 2026, 0:30", "Fri 25 Dec 2026, 0:30"),
        (Unreadable("it needs more than {megabytes} MB", megabytes=200),
         "je na to třeba více než 200 MB", "it needs more than 200 MB"),
        ("{curly}", "{curly}", "{curly}"),
        (12, "12", "12"),
    ],
)  # fmt: skip
def test_values_are_told_in_words(quick_desk: Desk, value: object, cs: str, en: str) -> None:
    error = NotFound("{header}", header=value)
    assert (in_language(quick_desk, "cs", error), in_language(quick_desk, "en", error)) == (cs, en)


@pytest.mark.parametrize(
    "codes", [State, TeamDesk, LineState, TopicKind, AgentStatus, Activity, Assurance, Role, PROOFS]
)
def test_no_code_is_shown_as_such(quick_desk: Desk, codes: object) -> None:
    for code in codes:  # type: ignore[attr-defined]
        error = NotFound("{code}", code=code)
        assert in_language(quick_desk, "cs", error) != str(code)


# --- kept, and told later ------------------------------------------------------------------------

NEEDS_MEMORY = Unreadable("it needs more than {megabytes} MB", megabytes=200)


@pytest.mark.parametrize(
    "error",
    [
        InvalidInput("The note is empty; write what colleagues need to know."),
        Unreadable("The mail cannot be parsed: {reason}.", reason=NEEDS_MEMORY),
        ChannelError("Try {folders} with {count}.", permanent=True, folders=["Žádosti"], count=2),
        Conflict("It waited since {instant}.", instant=AT_MIDNIGHT),
        ChannelError("It said: {answer}", permanent=True, answer='550 "{text}" {"text": 1}'),
    ],
    ids=lambda error: str(error.text),
)
def test_error_that_was_written_down_says_the_same(error: SupportdeskError) -> None:
    assert str(read_back(write_down(error))) == str(error)


def test_an_instant_that_was_written_down_is_told_in_local_time(quick_desk: Desk) -> None:
    error = read_back(write_down(Conflict("{header}", header=AT_MIDNIGHT)))
    assert in_language(quick_desk, "cs", error) == "pá 25. 12. 2026, 0:30"
    assert str(error) == "2026-12-24 23:30 UTC"


@pytest.mark.parametrize("written", ["550 No such {user}", '{"text"', "", "{"])
def test_any_other_text_is_read_back_as_it_is(written: str) -> None:
    assert str(read_back(written)) == written


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("cs", "Zprávu nelze přečíst: je na to třeba více než 200 MB."),
        ("en", "The mail cannot be parsed: it needs more than 200 MB."),
    ],
)
def test_reason_of_the_quarantine_is_told_in_the_readers_language(
    quick_desk: Desk, language: str, said: str
) -> None:
    cast = quick_desk.world.cast
    error = Unreadable("The mail cannot be parsed: {reason}.", reason=NEEDS_MEMORY)
    with quick_desk.world.runtime.database.write() as session:
        receipt = make_receipt(session)
        receipt.problem = write_down(error)
        receipt.blob_key = quick_desk.world.runtime.blobs.put(b"Subject: x\r\n\r\n")
        speak(session, cast.jana, language)
    client = quick_desk.visit(cast.jana)
    assert said in client.get("/quarantine").text
    assert said in client.get(f"/quarantine/{receipt.id}").text


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("cs", "Odesílací server r:25 odmítl e-mail: 550 {nobody}"),
        ("en", "The mail relay r:25 refused the mail: 550 {nobody}"),
    ],
)
def test_reason_of_an_undelivered_reply_is_told_in_the_readers_language(
    quick_desk: Desk, language: str, said: str
) -> None:
    cast = quick_desk.world.cast
    text = "The mail relay {relay} refused the mail: {answer}"
    error = ChannelError(text, permanent=True, relay="r:25", answer="550 {nobody}")
    with quick_desk.world.runtime.database.write() as session:
        ticket = make_ticket(session, contact=cast.ekonom, organisation=cast.region)
        message = make_message(session, ticket, author=Author.AGENT)
        session.add(
            OutboxMail(
                message_id=message.id,
                envelope_from="business@example.com",
                recipients=["ekonom@kraj.example"],
                state=OutboxState.FAILED,
                queued_at=NOON,
                problem=write_down(error),
            )
        )
        speak(session, cast.jana, language)
    page = quick_desk.visit(cast.jana).get(f"/tickets/{ticket.id}").text
    assert page.count(said) == 2  # beside the reply, and where the customer is


# --- on pages ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Refused:
    """A request that is refused, and what the page then says; no `form` means a GET."""

    url: str
    form: dict[str, str] | None
    status: int
    cs: str
    en: str


REFUSED = (
    Refused(
        "/tickets/{ticket}/note",
        {"text": " "},
        422,
        cs="Poznámka je prázdná; napište, co mají kolegové vědět.",
        en="The note is empty; write what colleagues need to know.",
    ),
    Refused(
        "/tickets/{ticket}/state",
        {"version": "1", "state": "closed"},
        422,
        cs="Požadavek {ticket} je ve stavu „Nový“ a do stavu „Uzavřeno“ přejít nemůže;"
        " možné je: Otevřený, Vyřešeno, Čeká na zákazníka, Čeká na kolegu.",
        en="Ticket {ticket} is New and cannot become Closed;"
        " possible is: Open, Resolved, Waiting for the customer, Waiting for a colleague.",
    ),
    Refused(
        "/tickets/{ticket}/state",
        {"version": "1", "state": "gone"},
        422,
        cs="V poli „Stav“ nemůže být „gone“; možné je: Nový, Otevřený,",
        en="The field 'State' cannot be 'gone'; possible is: New, Open,",
    ),
    Refused(
        "/tickets/{ticket}/topic",
        {"version": "7", "topic": "business"},
        409,
        cs="Požadavek {ticket} mezitím někdo změnil a nic vašeho se neuložilo;",
        en="Somebody changed ticket {ticket} in the meantime and nothing of yours was saved;",
    ),
    Refused(
        "/tickets/{ticket}/reply",
        {"text": "Ano.", "to": "nikdo", "last_seen_message_id": "0", "then_state": "open"},
        422,
        cs="„nikdo“ není e-mailová adresa; opravte ji, nebo ji odstraňte.",
        en="'nikdo' is not an email address; correct or remove it.",
    ),
    Refused(
        "/tickets/{ticket}/lines/{line}/carry-out",
        {},
        403,
        cs="Role kontaktní osoby na to nestačí; musí požádat někdo s potřebnou rolí.",
        en="The contact's roles do not cover it; somebody with the right role has to ask.",
    ),
    Refused(
        "/tickets/{ticket}/lines/{line}/carry-out",
        {"override_reason": "Prosba"},
        403,
        cs="Co není povoleno, smí provést jen vedoucí směny; požádejte některého z nich.",
        en="Only a supervisor carries out what is not allowed; ask one.",
    ),
    Refused(
        "/tickets/987654",
        None,
        404,
        cs="Požadavek 987654 neexistuje, nebo ho nesmíte vidět; zkontrolujte číslo.",
        en="There is no ticket 987654 that you may see; check its number.",
    ),
    Refused(
        "/settings/agents",
        None,
        403,
        cs="Tato stránka není pro váš účet; o právo požádejte správce.",
        en="This page is not for your account; ask an administrator for the right.",
    ),
    Refused(
        "/password",
        {"password": "x", "current_password": "y"},
        403,
        cs="Současné heslo nesouhlasí; nic se nezměnilo.",
        en="The current password is not right; nothing was changed.",
    ),
)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("refused", REFUSED, ids=lambda one: f"{one.status} {one.url}")
def test_consultant_reads_a_refusal_in_her_language(
    quick_desk: Desk, refused: Refused, language: str
) -> None:
    cast = quick_desk.world.cast
    with quick_desk.world.runtime.database.write() as session:
        ticket = make_ticket(session, contact=cast.ekonom, organisation=cast.region)
        line = make_line(session, ticket, "contract", state=LineState.CONFIRMED)
        speak(session, cast.jana, language)
    client = quick_desk.visit(cast.jana)
    url = refused.url.format(ticket=ticket.id, line=line.id)
    if refused.form is None:
        answer = client.get(url)
    else:
        answer = client.post(url, data={**refused.form, "csrf_token": token_of(client)})
    page = html.unescape(answer.text)
    assert answer.status_code == refused.status
    said, unsaid = refused.cs, refused.en
    if language == "en":
        said, unsaid = unsaid, said
    assert said.format(ticket=ticket.id) in page
    assert unsaid.format(ticket=ticket.id) not in page
