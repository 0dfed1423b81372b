"""Czech and English: which of them a page speaks."""

from functools import cache

from babel.support import NullTranslations
from flask import Flask, g, request
from flask_babel import Babel, Domain, get_locale
from markupsafe import Markup

from supportdesk.catalogues import catalogue
from supportdesk.web.context import logged_in, runtime

LANGUAGES = ("cs", "en")
COOKIE = "language"


class _InMemory(Domain):  # type: ignore[misc]
    """Texts out of messages.po itself, instead of a compiled file beside it."""

    def get_translations(self) -> NullTranslations:
        return catalogue(language())


class _Translator(Babel):  # type: ignore[misc]
    domain_instance = _InMemory()


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
