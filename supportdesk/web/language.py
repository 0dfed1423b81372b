"""Czech and English: which of them a page speaks, and the catalogue behind it.

The texts in code and templates are English; the catalogues of the same folder have them in Czech.
They are compiled in memory at start, so nothing compiled has to be shipped or kept in step.
"""

import io
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, g, request
from flask_babel import Babel, Domain, get_locale
from markupsafe import Markup

from supportdesk.web.context import logged_in, runtime

LANGUAGES = ("cs", "en")
COOKIE = "language"
CATALOGUES = Path(__file__).parent / "translations"
PAGES = "messages.po"  # what pages say
REFUSALS = "errors.po"  # what errors say, wherever they are raised


class _InMemory(Domain):  # type: ignore[misc]
    """Texts out of messages.po itself, instead of a compiled file beside it."""

    def get_translations(self) -> NullTranslations:
        return catalogue(language())


class _Translator(Babel):  # type: ignore[misc]
    domain_instance = _InMemory()


@cache
def catalogue(language: str) -> NullTranslations:
    """Compile the texts of one language; English needs none."""
    if language == "en":
        return Translations()
    texts = read_catalogue(language, PAGES)
    for refusal in read_catalogue(language, REFUSALS):
        if refusal.id:
            texts.add(refusal.id, refusal.string)
    compiled = io.BytesIO()
    write_mo(compiled, texts)
    compiled.seek(0)
    return Translations(compiled)


def read_catalogue(language: str, name: str) -> Catalog:
    """Read the texts of one file of a language."""
    with (CATALOGUES / language / "LC_MESSAGES" / name).open("rb") as file:
        return read_po(file, locale=language)


def translate(app: Flask, default: str) -> None:
    """Give the templates of `app` their languages; `default` is for visitors."""
    _Translator(app, default_locale=default, locale_selector=choose_language)
    # The ways of Flask-Babel and Jinja ask ten objects for every text; a page has a hundred texts.
    app.jinja_env.globals.update(_=_text, ngettext=_text_for_count)
    for name in LANGUAGES:
        catalogue(name)  # compiled at start rather than by the first reader


def language() -> str:
    """Give the language of the present request."""
    chosen: str | None = g.get("language")
    if chosen is None:
        chosen = g.language = str(get_locale() or "cs")
    return chosen


def later(text: str) -> str:
    """Mark a text for the translators; `translated` gives it in the reader's language."""
    return text


def translated(text: str) -> str:
    """Give a text of the catalogue in the reader's language."""
    return catalogue(language()).gettext(text)


def _text(text: str, /, **values: object) -> Markup:
    """Give a text for a template with its values filled in and escaped."""
    found = _marked(language(), text)
    return found % values if values else found


@cache
def _marked(language: str, text: str) -> Markup:
    return _markup(catalogue(language).gettext(text))


def _text_for_count(one: str, many: str, num: int, **values: object) -> Markup:
    """Give the text that fits a number, which is filled in like the other values."""
    return _markup(catalogue(language()).ngettext(one, many, num)) % {"num": num, **values}


def _markup(text: str) -> Markup:
    return Markup(text)  # noqa: S704 - texts are our own


def choose_language() -> str:
    """Choose by the account, then by the visitor's cookie, then by the settings."""
    found = logged_in()
    if found is not None:
        return found.viewer.language
    asked = request.cookies.get(COOKIE)
    return asked if asked in LANGUAGES else runtime().settings.language
