"""The symbols that our pages use, cut out of the Bootstrap Icons sprite at start.

The whole sprite weighs 1.1 MB; what we use of it, some 20 KB.
"""

import re
from functools import cache
from importlib.resources import files

USED = (
    "activity",
    "arrow-counterclockwise",
    "arrow-left",
    "arrow-right",
    "arrow-return-right",
    "box-arrow-right",
    "briefcase",
    "building",
    "calendar-x",
    "check-circle",
    "check2",
    "check2-all",
    "chevron-down",
    "chevron-right",
    "circle-half",
    "clock",
    "clock-history",
    "cpu",
    "diagram-3",
    "download",
    "envelope",
    "envelope-at",
    "exclamation-octagon",
    "exclamation-triangle",
    "file-earmark",
    "file-earmark-text",
    "filter-left",
    "gear",
    "globe2",
    "headset",
    "hourglass-split",
    "image",
    "inbox",
    "inboxes",
    "info-circle",
    "journal-check",
    "journal-text",
    "keyboard",
    "layout-sidebar-reverse",
    "link-45deg",
    "list",
    "lock-fill",
    "moon",
    "paperclip",
    "people",
    "person",
    "person-badge",
    "person-check",
    "person-rolodex",
    "printer",
    "question-circle",
    "reply",
    "robot",
    "search",
    "send",
    "shield-check",
    "shield-exclamation",
    "signpost-2",
    "slash-circle",
    "sun",
    "sunrise",
    "telephone",
    "three-dots",
    "trash3",
    "x-lg",
)


@cache
def sprite() -> bytes:
    """Give an SVG with one symbol for each name in `USED`.

    Raises:
        LookupError: the installed Bootstrap Icons have no such symbol.
    """
    whole = (
        files("flask_bootstrap") / "static/bootstrap5/icons/bootstrap-icons.svg"
    ).read_text(encoding="utf-8")  # fmt: skip
    found = {
        name: symbol
        for symbol, name in re.findall(
            r'(<symbol class="bi [^>]*? id="([^"]+)">.*?</symbol>)', whole
        )
        if name in _WANTED
    }
    missing = _WANTED - found.keys()
    if missing:
        raise LookupError(f"Bootstrap Icons have no symbol {', '.join(sorted(missing))}.")
    body = "".join(found[name] for name in USED)
    return f'<svg xmlns="http://www.w3.org/2000/svg">{body}</svg>'.encode()


_WANTED = frozenset(USED)
