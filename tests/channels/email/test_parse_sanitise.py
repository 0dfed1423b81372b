"""HTML of strangers keeps its words and loses its life."""

from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportdesk.channels.email.parse import parse_message
from supportdesk.channels.email.sanitise import ATTRIBUTES, TAGS, sanitise, text_of_html
from tests.channels.email.mails import mail

PAYLOADS = (Path(__file__).parent / "samples" / "xss.txt").read_text("utf-8").splitlines()
URL_ATTRIBUTES = {"href": ("http://", "https://", "mailto:"), "src": ("cid:",)}
ALLOWED = ATTRIBUTES["*"] | {"rel", "target"}


class LiveNodes(HTMLParser):
    """Collects whatever is not on our own list of harmless things."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in TAGS:
            self.found.append(tag)
        for name, value in attrs:
            lowered = (value or "").lower()
            if name not in ALLOWED | ATTRIBUTES.get(tag, set()):
                self.found.append(f"{tag} {name}")
            if name in URL_ATTRIBUTES and not lowered.startswith(URL_ATTRIBUTES[name]):
                self.found.append(f"{tag} {name}={value}")
            if name == "style" and any(
                word in lowered for word in ("url", "expression", "\\", "@")
            ):
                self.found.append(f"{tag} style={value}")
            if name == "style" and "position" in lowered:
                self.found.append(f"{tag} style={value}")

    def handle_comment(self, data: str) -> None:
        self.found.append(f"comment {data}")

    def handle_decl(self, decl: str) -> None:
        self.found.append(f"declaration {decl}")

    def handle_pi(self, data: str) -> None:
        self.found.append(f"instruction {data}")


def live_nodes(page: str) -> list[str]:
    parser = LiveNodes()
    parser.feed(page)
    parser.close()
    return parser.found


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_of_a_payload_stays_alive(payload: str) -> None:
    raw = mail("Content-Type: text/html; charset=utf-8\n", f"before {payload} after")

    assert live_nodes(parse_message(raw).html) == []


@given(st.lists(st.sampled_from([*PAYLOADS, "<svg>", "<math>", "<table>", "</p>", "'", '"'])))
def test_payloads_put_together_stay_dead(payloads: list[str]) -> None:
    page = sanitise("".join(payloads))

    assert live_nodes(page) == []
    assert live_nodes(sanitise(page)) == []
    assert isinstance(text_of_html(page), str)


def test_the_checker_itself_sees_live_nodes() -> None:
    assert live_nodes("<script>x</script>") == ["script"]
    assert live_nodes("<b onclick=x>") == ["b onclick"]
    assert live_nodes('<a href="//evil.example">') == ["a href=//evil.example"]
    assert live_nodes('<img src="https://spy.example/1.gif">') == [
        "img src=https://spy.example/1.gif"
    ]


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        (
            '<a href="https://x.example/?a=1&amp;b=2">x</a>',
            '<a href="https://x.example/?a=1&amp;b=2" ',
        ),
        ('<img src="cid:logo@x" width="10">', '<img src="cid:logo@x" width="10">'),
        ('<p style="color:red;position:fixed">x</p>', '<p style="color:red">x</p>'),
        ("<table><tr><td colspan=2>x</td></tr></table>", "colspan"),
        ("<p>příliš &lt;b&gt;</p>", "<p>příliš &lt;b&gt;</p>"),
    ],
)
def test_what_is_harmless_stays(source: str, kept: str) -> None:
    assert kept in sanitise(source)


def test_plain_text_next_to_html_is_escaped() -> None:
    boundary = "Content-Type: multipart/mixed; boundary=b\n"
    body = "--b\n\n<script>x</script>\n--b\nContent-Type: text/html\n\n<b>y</b>\n--b--\n"
    page = parse_message(mail(boundary, body)).html

    assert "&lt;script&gt;" in page
    assert live_nodes(page) == []
