"""docs/migrations.md as a test: what a migration may not do to a database in use."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BEFORE_THE_RULES = {"2026_11_22_ground", "2026_11_22_alarms", "2026_11_22_delivery_reports"}
MIGRATIONS = [
    *sorted((ROOT / "migrations" / "versions").glob("2*.py")),
    *sorted((Path(__file__).parent / "future").glob("m*.py")),
]

STEPS = {"create_index", "drop_index", "add_check", "add_foreign_key", "update_in_batches"}
NOT_WHILE_IN_USE = {
    "create_foreign_key": "use careful.add_foreign_key",
    "create_check_constraint": "use careful.add_check",
    "create_unique_constraint": "use careful.create_index with unique=True",
    "create_index": "use careful.create_index",
    "drop_index": "use careful.drop_index",
}
NOT_EXPANDING = {"drop_table", "drop_column", "rename_table", "drop_constraint"}


def complaints(source: str, *, is_old: bool = False) -> list[str]:
    """Say which rules a migration breaks."""
    tree = ast.parse(source)
    named = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    found = list(_about_downgrade(functions.get("downgrade"), has_reason="no_way_back" in named))
    if is_old:
        return found
    phase = named.get("phase")
    word = phase.value if isinstance(phase, ast.Constant) else None
    if word not in {"expand", "contract"}:
        found.append('says no phase; say phase = "expand" or "contract"')
    found += _about_upgrade(tree, functions["upgrade"], expands=word == "expand")
    return found


def _about_downgrade(downgrade: ast.FunctionDef | None, *, has_reason: bool) -> Iterator[str]:
    if downgrade is None:
        if not has_reason:
            yield "has no way back; write downgrade, or say why not in no_way_back"
    elif not any(isinstance(node, ast.Call) for node in ast.walk(downgrade)):
        yield "has a downgrade that does nothing"


def _about_upgrade(tree: ast.Module, upgrade: ast.FunctionDef, *, expands: bool) -> Iterator[str]:
    careful = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "supportdesk.db.careful"
        for alias in node.names
    }
    steps = [one for one in _calls(upgrade) if _name(one) in careful and _is_bare(one)]
    others = [one for one in _calls(upgrade) if not _is_bare(one) and _owner(one) != "sa"]
    if steps and [one for one in others if _name(one) != "f"]:
        yield "mixes careful steps with changes of its own; make two migrations"
    new = _new_tables(upgrade)
    for call, table in _calls_with_tables(upgrade):
        name = _name(call)
        if table in new or (_is_bare(call) and name in careful):
            continue
        if name in NOT_WHILE_IN_USE:
            yield f"{name} on {table}: {NOT_WHILE_IN_USE[name]}"
        if name == "add_column" and _is_required(call):
            yield f"add_column on {table}: NOT NULL without server_default"
        if expands and (name in NOT_EXPANDING or _narrows(call)):
            yield f'{name} on {table}: the version before breaks; phase = "contract"'


def _calls(node: ast.AST) -> list[ast.Call]:
    return [one for one in ast.walk(node) if isinstance(one, ast.Call)]


def _name(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _owner(call: ast.Call) -> str:
    return ast.unparse(call.func.value) if isinstance(call.func, ast.Attribute) else ""


def _is_bare(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name)


def _new_tables(upgrade: ast.FunctionDef) -> set[str]:
    return {_first(one) for one in _calls(upgrade) if _name(one) == "create_table"}


def _first(call: ast.Call) -> str:
    match call.args:
        case [ast.Constant(value=str(name)), *_]:
            return name
    return ""


def _calls_with_tables(upgrade: ast.FunctionDef) -> Iterator[tuple[ast.Call, str]]:
    """Give each operation with the table it changes."""
    batches: dict[str, str] = {}
    for node in ast.walk(upgrade):
        if isinstance(node, ast.With):
            for item in node.items:
                call, given = item.context_expr, item.optional_vars
                if isinstance(call, ast.Call) and isinstance(given, ast.Name):
                    batches[given.id] = _first(call)
    for call in _calls(upgrade):
        owner = _owner(call)
        if owner in batches:
            yield call, batches[owner]
        elif owner == "op" and _name(call) in {"create_index", "drop_index"}:
            named = {one.arg: one.value for one in call.keywords}
            table = call.args[1] if len(call.args) > 1 else named.get("table_name")
            yield call, table.value if isinstance(table, ast.Constant) else "?"  # type: ignore[misc]
        elif owner == "op":
            yield call, _first(call)


def _is_required(call: ast.Call) -> bool:
    given = {one.arg: one.value for inner in _calls(call) for one in inner.keywords}
    nullable = given.get("nullable")
    required = isinstance(nullable, ast.Constant) and nullable.value is False
    return required and "server_default" not in given


def _narrows(call: ast.Call) -> bool:
    if _name(call) != "alter_column":
        return False
    given = {one.arg: one.value for one in call.keywords}
    nullable = given.get("nullable")
    return (
        "new_column_name" in given
        or "type_" in given
        or (isinstance(nullable, ast.Constant) and nullable.value is False)
    )


@pytest.mark.parametrize("path", MIGRATIONS, ids=lambda path: path.stem)
def test_every_migration_keeps_the_rules(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert complaints(source, is_old=path.stem in BEFORE_THE_RULES) == []


WAY_BACK = "\ndef downgrade():\n    op.execute('x')\n"
EXPAND = "phase = 'expand'\n" + WAY_BACK


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("phase = 'expand'\ndef upgrade(): pass", "no way back"),
        ("phase = 'expand'\ndef upgrade(): pass\ndef downgrade(): pass", "does nothing"),
        (WAY_BACK + "def upgrade(): pass", "no phase"),
        (EXPAND + "def upgrade(): op.create_index('ix', 'ticket', ['id'])", "careful.create_index"),
        (
            EXPAND + "def upgrade():\n"
            "  with op.batch_alter_table('t') as b: b.create_foreign_key('f', 'u', ['a'], ['id'])",
            "add_foreign_key",
        ),
        (
            EXPAND + "def upgrade(): op.add_column('t', sa.Column('c', sa.Text(), nullable=False))",
            "NOT NULL without",
        ),
        (EXPAND + "def upgrade(): op.drop_column('t', 'c')", "version before breaks"),
        (EXPAND + "def upgrade(): op.alter_column('t', 'c', nullable=False)", "version before"),
        (
            EXPAND + "from supportdesk.db.careful import create_index\n"
            "def upgrade():\n  create_index('i', 't', ['c'])\n  op.add_column('t', sa.Column('d'))",
            "mixes",
        ),
    ],
)
def test_a_migration_that_breaks_a_rule_is_named(source: str, complaint: str) -> None:
    assert any(complaint in one for one in complaints(source)), complaints(source)


def test_a_new_table_may_have_what_it_likes() -> None:
    source = EXPAND + (
        "def upgrade():\n"
        "  op.create_table('t', sa.Column('c', sa.Text(), nullable=False))\n"
        "  op.create_index('ix', 't', ['c'])\n"
    )
    assert complaints(source) == []
