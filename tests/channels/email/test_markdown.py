"""The HTML of our mails."""

import pytest

from supportdesk.channels.email.markdown import paragraphs, to_html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Dobrý den,\n\nděkujeme.", "<p>Dobrý den,</p>\n<p>děkujeme.</p>\n"),
        ("první\ndruhý", "<p>první<br>\ndruhý</p>\n"),
        ("*Firma_a_syn* <b>&</b>", "<p>*Firma_a_syn* &lt;b&gt;&amp;&lt;/b&gt;</p>\n"),
    ],
)
def test_in_plain_text_nothing_is_markup(text: str, html: str) -> None:
    assert paragraphs(text) == html


def test_people_write_a_little_markdown_and_no_html() -> None:
    html = to_html("**Důležité** <script>alert(1)</script>")
    assert "<strong>Důležité</strong>" in html
    assert "<script" not in html
