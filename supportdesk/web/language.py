"""Czech and English: which of them a page speaks, and the catalogue behind it.

The texts in code and templates are English; the catalogue of the same folder has them in Czech.
It is compiled in memory at start, so nothing compiled has to be shipped or kept in step.
"""

import io
from functools import cache
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations
from flask import Flask, request
from flask_babel import Babel, Domain, get_locale

from supportdesk.web.context import logged_in, runtime

LANGUAGES = ("cs", "en")
COOKIE = "language"
CATALOGUES = Path(__file__).parent / "translations"


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
    compiled = io.BytesIO()
    source = CATALOGUES / language / "LC_MESSAGES" / "messages.po"
    with source.open("rb") as file:
        write_mo(compiled, read_po(file, locale=language))
    compiled.seek(0)
    return Translations(compiled)


def translate(app: Flask, default: str) -> None:
    """Give the templates of `app` their languages; `default` is for visitors."""
    _Translator(app, default_locale=default, locale_selector=choose_language)
    for name in LANGUAGES:
        catalogue(name)  # compiled at start rather than by the first reader


def language() -> str:
    """Give the language of the present request."""
    return str(get_locale() or "cs")


def choose_language() -> str:
    """Choose by the account, then by the visitor's cookie, then by the settings."""
    found = logged_in()
    if found is not None:
        return found.viewer.language
    asked = request.cookies.get(COOKIE)
    return asked if asked in LANGUAGES else runtime().settings.language
