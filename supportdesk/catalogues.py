"""The texts of both languages, for pages and for what the service writes by itself.

Texts in code and templates are English; the catalogues have them in Czech. They are compiled in
memory, so nothing compiled has to be shipped or kept in step.
"""

import io
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

from supportdesk.errors import SupportdeskError, fill_in, plainly

CATALOGUES = Path(__file__).parent / "web" / "translations"
PAGES = "messages.po"  # what pages say
REFUSALS = "errors.po"  # what errors say, wherever they are raised


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


def told_in(language: str, error: SupportdeskError) -> str:
    """Tell an error's sentence in a language, values that are sentences themselves, too."""

    def tell(value: object) -> str:
        return told_in(language, value) if isinstance(value, SupportdeskError) else plainly(value)

    return fill_in(catalogue(language).gettext(error.text), error.values, tell)
