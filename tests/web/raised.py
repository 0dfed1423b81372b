"""What the errors of ours say, wherever they are raised: read from the code itself."""

import ast
import string
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import supportdesk
from supportdesk import errors

PACKAGE = Path(supportdesk.__file__).parent

# What only the command line says, and it speaks English.
COMMAND_LINE = (
    "app.py",
    "settings.py",
    "actions/backup.py",
    "actions/restore.py",
    "actions/secret_key.py",
    "db/hints.py",
    "db/migrate.py",
    "db/postgresql_dump.py",
    "db/sqlite_file.py",
    "demo/",
    "actions/import_people.py",
    "actions/people_import/",
    "routing/situations.py",
)
FIELDS = {"permanent", "retry_after_seconds"}  # of ChannelError: no part of its sentence


@dataclass(frozen=True)
class Sentence:
    """What one error says; `text` is None where the code does not have it as a literal."""

    place: str
    text: str | None
    values: frozenset[str]

    @property
    def is_for_pages(self) -> bool:
        """Whether a page may show it."""
        return not self.place.startswith(COMMAND_LINE)


def sentences() -> list[Sentence]:
    """Give what every error says that the package raises."""
    trees = {
        path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
        if path != Path(errors.__file__)
    }
    kinds = _kinds(trees.values())
    return [one for place, tree in trees.items() for one in sentences_in(tree, place, kinds)]


def sentences_in(tree: ast.AST, place: str, kinds: dict[str, bool]) -> Iterator[Sentence]:
    """Give what the errors of one file say."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if kinds.get(name):
                yield _sentence(node, place)
            case ast.ClassDef(name=name) if kinds.get(name) is False:
                yield from (_sentence(call, place) for call in ast.walk(node) if _is_to_base(call))


def places_in(text: str) -> frozenset[str]:
    """Give the names of the places in a sentence."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def _kinds(trees: Collection[ast.AST]) -> dict[str, bool]:
    """Give the names of our errors, and whether they are made with their sentence.

    One that builds its own sentence hands it to its base.
    """
    kinds = {
        name: True
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.SupportdeskError)
    }
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    while more := [
        node for node in classes if node.name not in kinds and _bases(node) & set(kinds)
    ]:
        kinds |= {node.name: not any(map(_is_to_base, ast.walk(node))) for node in more}
    return kinds


def _bases(node: ast.ClassDef) -> set[str]:
    return {base.id for base in node.bases if isinstance(base, ast.Name)}


def _is_to_base(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "super().__init__"


def _sentence(call: ast.AST, place: str) -> Sentence:
    assert isinstance(call, ast.Call)
    text = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
    names = {keyword.arg or "**" for keyword in call.keywords}
    if len(call.args) > 1:
        names.add("*")
    return Sentence(
        f"{place}:{call.lineno}", text if isinstance(text, str) else None, frozenset(names - FIELDS)
    )
