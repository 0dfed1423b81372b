"""The HTML of our mails: from the little Markdown that people write, or from plain text."""

from functools import lru_cache
from html import escape

from markdown_it import MarkdownIt

from supportdesk.channels.email.sanitise import sanitise


def to_html(text: str) -> str:
    """Render Markdown; line breaks stay, raw HTML is shown as text, images are left out."""
    return sanitise(_renderer().render(text))


def paragraphs(text: str) -> str:
    """Give plain text as HTML paragraphs; nothing in it is markup."""
    return "".join(
        f"<p>{escape(part)}</p>\n".replace("\n", "<br>\n", part.count("\n"))
        for part in text.split("\n\n")
    )


@lru_cache(maxsize=1)
def _renderer() -> MarkdownIt:
    options = {"html": False, "linkify": False, "breaks": True}
    return MarkdownIt("commonmark", options).enable("table").disable("image")
