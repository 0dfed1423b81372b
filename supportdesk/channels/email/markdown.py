"""The little Markdown that people write in replies becomes HTML for mail."""

from functools import lru_cache

from markdown_it import MarkdownIt

from supportdesk.channels.email.sanitise import sanitise


def to_html(text: str) -> str:
    """Render Markdown; line breaks stay, raw HTML is shown as text, images are left out."""
    return sanitise(_renderer().render(text))


@lru_cache(maxsize=1)
def _renderer() -> MarkdownIt:
    options = {"html": False, "linkify": False, "breaks": True}
    return MarkdownIt("commonmark", options).enable("table").disable("image")
