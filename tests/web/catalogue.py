"""What the pages say: every text in code and templates, found as translators' tools find it."""

from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract_from_dir

import supportdesk.web

ROOT = Path(supportdesk.web.__file__).parent
KEYWORDS = {"_": None, "_l": None, "gettext": None, "ngettext": (1, 2)}
METHODS = [("**/templates/**.html", "jinja2"), ("**.py", "python")]
OPTIONS = {"**/templates/**.html": {"trimmed": "false", "newstyle_gettext": "true"}}


def texts() -> Iterator[tuple[str, str | tuple[str, ...]]]:
    """Give every text with the file it stands in; singular and plural come as a pair."""
    found = extract_from_dir(ROOT, METHODS, OPTIONS, keywords=KEYWORDS)
    for filename, _line, message, _comments, _context in found:
        yield filename, message
