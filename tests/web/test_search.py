"""The page of search: what was found, marked, safe, and how many."""

from supportdesk.db.models import SearchBacklog
from supportdesk.db.queries.search import MOST_HITS
from supportdesk.db.search_terms import read_terms
from supportdesk.web.search import marked
from tests.factories import make_message, make_ticket
from tests.web.conftest import Desk


def page(desk: Desk, address: str) -> str:
    response = desk.visit(desk.world.cast.jana).get(address)
    assert response.status_code == 200
    return response.text


def test_a_ticket_is_shown_once_with_its_newest_message_and_how_many_more(desk: Desk) -> None:
    with desk.world.runtime.database.write() as session:
        ticket = make_ticket(session, subject="Fakturace")
        make_message(session, ticket, "Prosím o fakturu.")
        make_message(session, ticket, "Fakturu <b>stále</b> nemáme.")
    text = page(desk, "/search?q=fakturu")
    assert text.count(f'href="/tickets/{ticket.id}"') == 1
    assert "<mark>Fakturu</mark> &lt;b&gt;stále&lt;/b&gt; nemáme." in text
    assert "1 další zpráva" in text
    assert "2 zprávy" in text


def test_a_number_finds_its_ticket_before_all_else(desk: Desk) -> None:
    with desk.world.runtime.database.write() as session:
        ticket = make_ticket(session, subject="Podle čísla")
        other = make_ticket(session, subject="Podle slova")
        make_message(session, other, f"Týká se {ticket.id}.")
    text = page(desk, f"/search?q={ticket.id}")
    assert text.index("Podle čísla") < text.index("Podle slova")
    client = desk.visit(desk.world.cast.jana)
    assert client.get(f"/search?q=%23{ticket.id}").location == f"/tickets/{ticket.id}"


def test_more_than_can_be_shown_is_said_and_the_next_page_goes_on(desk: Desk) -> None:
    with desk.world.runtime.database.write() as session:
        tickets = [make_ticket(session, subject=f"Věc {number}") for number in range(3)]
        for number in range(MOST_HITS + 2):
            make_message(session, tickets[0 if number < 2 else 1 + number % 2], "Výpadek")
    text = page(desk, "/search?q=výpadek")
    assert f"Více než {MOST_HITS} zpráv" in text
    assert f'href="/tickets/{tickets[0].id}"' not in text
    following = text.partition("before=")[2].partition('"')[0]
    assert f'href="/tickets/{tickets[0].id}"' in page(desk, f"/search?q=výpadek&before={following}")


def test_tickets_that_have_no_place_on_a_page_begin_the_next(quick_desk: Desk) -> None:
    with quick_desk.world.runtime.database.write() as session:
        for number in range(30):
            make_message(session, make_ticket(session, subject=f"Věc {number:02}"), "Výpadek")
    first = page(quick_desk, "/search?q=výpadek")
    following = first.partition("before=")[2].partition('"')[0]
    second = page(quick_desk, f"/search?q=výpadek&before={following}")
    assert [f"Věc {number:02}" in first for number in range(30)] == [False] * 5 + [True] * 25
    assert [f"Věc {number:02}" in second for number in range(30)] == [True] * 5 + [False] * 25


def test_the_page_says_what_to_do_when_there_is_nothing_to_show(quick_desk: Desk) -> None:
    assert "Co hledáte?" in page(quick_desk, "/search")
    assert "Nic nenalezeno" in page(quick_desk, "/search?q=neexistuje")
    with quick_desk.world.runtime.database.write() as session:
        session.add(SearchBacklog())
    assert "teprve připravují" in page(quick_desk, "/search?q=neexistuje")


def test_whatever_is_searched_for_is_shown_as_text(desk: Desk) -> None:
    for typed in ("<script>", '" OR 1=1 --', "%", "a:b*", "'", "\\", "(", '"', "😀"):
        answer = desk.visit(desk.world.cast.jana).get("/search", query_string={"q": typed})
        assert answer.status_code == 200
        assert "<script>" not in answer.text


def test_only_whole_words_that_were_searched_for_are_marked() -> None:
    text = "Z P\u0159íloh: <příloha> & nepříloha"
    assert marked(text, read_terms("priloh")) == (
        "Z <mark>Příloh</mark>: &lt;<mark>příloha</mark>&gt; &amp; nepříloha"
    )


def test_the_snippet_shows_where_the_words_stand_in_a_long_text(quick_desk: Desk) -> None:
    with quick_desk.world.runtime.database.write() as session:
        make_message(session, make_ticket(session), f"{'úvod ' * 500}jehla {'závěr ' * 500}")
    text = page(quick_desk, "/search?q=jehla")
    snippet = text.partition('class="snippet">')[2].partition("</span>")[0]
    assert snippet.startswith("… ")
    assert "<mark>jehla</mark>" in snippet
    assert len(snippet) < 400
