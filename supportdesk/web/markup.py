"""Plain text of strangers as safe HTML: links become links, nothing else becomes anything."""

import re

from markupsafe import Markup, escape

_LINK = re.compile(r"https?://[^\s<>\"'“”„)\]]+[^\s<>\"'“”„)\].,;:!?]", re.IGNORECASE)
MOST_LINKS = 200


def linked(text: str) -> Markup:
    """Escape text and make its web addresses clickable."""
    pieces: list[str] = []
    position = 0
    for count, found in enumerate(_LINK.finditer(text)):
        if count == MOST_LINKS:
            break
        address = escape(found[0])
        pieces += (
            str(escape(text[position : found.start()])),
            f'<a href="{address}" target="_blank" rel="noopener noreferrer">{address}</a>',
        )
        position = found.end()
    pieces.append(str(escape(text[position:])))
    return Markup("".join(pieces))  # noqa: S704 - every piece is escaped above
