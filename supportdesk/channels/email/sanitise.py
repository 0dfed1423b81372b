"""HTML of strangers made safe to show, and readable text out of it.

The result still belongs into a sandboxed frame with its own content policy; see guides of the web.
"""

import html
import re
from collections import Counter

import nh3

TAGS = frozenset(
    """
    a abbr address b bdi blockquote br caption center cite code col colgroup dd del div dl dt em
    font h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q s samp small span strike strong
    sub sup table tbody td tfoot th thead tr tt u ul var
    """.split()
)
# Dropped with all they contain: their content is no text for people.
CONTENT_GONE = frozenset(
    """
    applet audio canvas frameset iframe math noembed noframes noscript
    object script select style svg template textarea title video xml
    """.split()
)
ATTRIBUTES = {
    "*": {"style", "title", "dir", "lang"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "font": {"color", "size", "face"},
    "ol": {"start", "type"},
    "ul": {"type"},
    "td": {"colspan", "rowspan", "align", "valign", "width", "bgcolor"},
    "th": {"colspan", "rowspan", "align", "valign", "width", "bgcolor"},
    "tr": {"align", "valign", "bgcolor"},
    "table": {"align", "width", "border", "cellpadding", "cellspacing", "bgcolor"},
    "col": {"span", "width"},
    "colgroup": {"span", "width"},
}
STYLES = frozenset(
    """
    background-color border border-bottom border-collapse border-color border-left border-right
    border-spacing border-style border-top border-width color direction font-family font-size
    font-style font-weight line-height list-style-type margin margin-bottom margin-left
    margin-right margin-top padding padding-bottom padding-left padding-right padding-top
    text-align text-decoration text-indent vertical-align white-space
    """.split()
)
LINK = re.compile(r"(?:https?://[^\s/\\]|mailto:)", re.IGNORECASE)
INLINE_IMAGE = re.compile(r"cid:[^\s/\\\"'<>]{1,998}", re.IGNORECASE)
# Whatever could fetch, escape or compute in a style value.
ACTIVE_STYLE = re.compile(
    r"[\\@<]|/\*|url|image|expression|var\(|attr\(|-moz-|behavior", re.IGNORECASE
)
MAX_STYLE_CHARS = 2000


def _keep_attribute(tag: str, attribute: str, value: str) -> str | None:
    match attribute:
        case "href":
            return value.strip() if LINK.match(value.strip()) else None
        case "src":
            return value if INLINE_IMAGE.fullmatch(value) else None
        case "style":
            is_safe = len(value) <= MAX_STYLE_CHARS and not ACTIVE_STYLE.search(value)
            return value if is_safe else None
        case _:
            return value


CLEANER = nh3.Cleaner(
    tags=set(TAGS),
    clean_content_tags=set(CONTENT_GONE),
    attributes=ATTRIBUTES,
    attribute_filter=_keep_attribute,
    url_schemes={"http", "https", "mailto", "cid"},
    filter_style_properties=set(STYLES),
    set_tag_attribute_values={"a": {"target": "_blank"}},
    link_rel="noopener noreferrer",
)


def sanitise(source: str) -> str:
    """Keep only what cannot act: no scripts, forms or styles that fetch, only `cid:` images.

    Links keep http, https and mailto, nothing relative to our own pages.
    """
    return CLEANER.clean(source).strip()


# The HTML parser's time grows with the square of the depth, and of the entities in one text.
# Real mails stay below a hundred deep and below some thousands of entities and tags.
MAX_NESTING = 2000
MAX_ENTITIES = 100_000
MAX_TAGS = 100_000
OPENING = re.compile(r"<(/?)([a-z][a-z0-9]{0,20})", re.IGNORECASE)
# They close themselves, so that many of them are no depth.
NEVER_DEEP = frozenset(
    "area base br col dd dt hr img input li link meta option p td th tr wbr".split()
)
ANY_TAG = re.compile(r"<[^<>]*>")


def is_too_costly(source: str) -> bool:
    """Tell whether HTML would take the parser an unreasonable time."""
    tags = source.count("<")
    if source.count("&") > MAX_ENTITIES or tags > MAX_TAGS:
        return True
    if tags <= MAX_NESTING:
        return False
    open_tags: Counter[str] = Counter()
    depth = 0
    for tag in OPENING.finditer(source):
        name = tag[2].lower()
        if tag[1]:
            if open_tags[name]:
                open_tags[name] -= 1
                depth -= 1
        elif name not in NEVER_DEEP:
            open_tags[name] += 1
            depth += 1
            if depth > MAX_NESTING:
                return True
    return False


def text_without_tags(source: str) -> str:
    """Get at the words of HTML that must not be parsed; the result is text, never HTML."""
    return SPACES.sub(" ", html.unescape(ANY_TAG.sub(" ", source))).strip()


MARKUP = re.compile(r'<(/?)([a-z0-9]+)((?:[^">]|"[^"]*")*)>')
HREF = re.compile(r'href="([^"]*)"')
SPACES = re.compile(r"[ \t\n\r\f]+")
SPACED_LINE_END = re.compile(r"[ \t]+\n")
BLANK_LINES = re.compile(r"\n{3,}")
BLOCKS = frozenset(
    """
    address blockquote caption center dd div dl dt h1 h2 h3 h4 h5 h6 hr li ol p pre table tr ul
    """.split()
)
PARAGRAPHS = frozenset("blockquote dl h1 h2 h3 h4 h5 h6 ol p pre table ul".split())


def text_of_html(sanitised: str) -> str:
    """Turn sanitised HTML into text: paragraphs, list dashes, link targets, "> " before quotes."""
    writer = _Writer()
    position = 0
    for tag in MARKUP.finditer(sanitised):
        writer.words(sanitised[position : tag.start()])
        writer.tag(tag[2], closing=bool(tag[1]), attributes=tag[3])
        position = tag.end()
    writer.words(sanitised[position:])
    return writer.text()


class _Writer:
    """Collects lines of text while tags pass by."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.line: list[str] = []
        self.quotes = 0
        self.preformatted = 0
        self.link = ""
        self.link_start = 0

    def words(self, escaped: str) -> None:
        if not escaped:
            return
        text = html.unescape(escaped)
        if self.preformatted:
            *whole, last = text.split("\n")
            for line in whole:
                self.line.append(line)
                self._end_line()
            self.line.append(last)
            return
        text = SPACES.sub(" ", text)
        if not self.line:
            text = text.lstrip()
        if text:
            self.line.append(text)

    def tag(self, name: str, *, closing: bool, attributes: str) -> None:
        if name in BLOCKS and self.line:
            self._end_line()
        if name == "blockquote" and closing:
            self.quotes = max(self.quotes - 1, 0)
        if name in PARAGRAPHS and self.lines and self.lines[-1].strip("> "):
            self._end_line()
        match name:
            case "br":
                self._end_line()
            case "blockquote" if not closing:
                self.quotes += 1
            case "pre":
                self.preformatted = max(self.preformatted + (-1 if closing else 1), 0)
            case "li" if not closing:
                self.line.append("- ")
            case "td" | "th" if closing:
                self.line.append(" ")
            case "a":
                self._link(closing=closing, attributes=attributes)

    def _link(self, *, closing: bool, attributes: str) -> None:
        if not closing:
            found = HREF.search(attributes)
            self.link = html.unescape(found[1]) if found else ""
            self.link_start = len(self.line)
            return
        shown = "".join(self.line[self.link_start :])
        target = self.link.removeprefix("mailto:")
        if target and target.rstrip("/") not in shown and shown.strip():
            self.line.append(f" <{target}>")
        self.link = ""

    def _end_line(self) -> None:
        prefix = "> " * min(self.quotes, 20)
        self.lines.append((prefix + "".join(self.line)).rstrip())
        self.line = []

    def text(self) -> str:
        if self.line:
            self._end_line()
        text = "\n".join(self.lines).replace("\xa0", " ")
        return BLANK_LINES.sub("\n\n", SPACED_LINE_END.sub("\n", text)).strip()
