"""House rules that no linter knows; the rest of them are in ruff.toml and setup.cfg."""

import ast
import configparser
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_socket import SocketConnectBlockedError

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "supportdesk"

# The session and the runner of migrations themselves; everything else that writes is an action.
WRITES_BY_NATURE = {"db/database.py", "db/migrate.py"}

THIRD_PARTY = ("*.min.js", "*.min.css", "*.map", "bootstrap*", "jquery*", "htmx*", "axe*.js")

SHARED_CLOCK = "db/engine.py"  # by which `clock_of` sets the clock that is passed on
CLOCK_IN_SQL = {"CURRENT_TIMESTAMP", "current_timestamp", "now", "clock_timestamp", "localtime"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Give each module's path below the package, with its syntax tree."""
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        yield path.relative_to(PACKAGE).as_posix(), tree


def writing_lines(tree: ast.Module) -> list[int]:
    """List the lines that commit, or open a transaction that will: `with database.write()`."""
    lines = []
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="commit")):
                lines.append(node.lineno)
            case ast.withitem(context_expr=ast.Call(func=ast.Attribute(attr="write" | "begin"))):
                lines.append(node.context_expr.lineno)
    return lines


def test_only_actions_open_and_commit_transactions() -> None:
    found = [
        f"supportdesk/{name}:{line}"
        for name, tree in modules()
        if not name.startswith("actions/") and name not in WRITES_BY_NATURE
        for line in writing_lines(tree)
    ]
    assert found == []


@pytest.mark.parametrize(
    "source",
    ["session.commit()", "with database.write() as session: pass", "with engine.begin(): pass"],
)
def test_scan_for_transactions_sees(source: str) -> None:
    assert writing_lines(ast.parse(source)) == [1]


def test_no_model_or_query_lets_the_database_read_its_clock() -> None:
    found = [
        f"supportdesk/{name}:{node.lineno}"
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in CLOCK_IN_SQL
        and isinstance(node.value, ast.Name | ast.Attribute)
        and ast.unparse(node.value).endswith("func")
        and name != SHARED_CLOCK
    ]
    assert found == []


def test_setup_cfg_lists_every_package_with_the_migrations() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    listed = set(config["options"]["packages"].split())
    folders = {path.parent.relative_to(ROOT) for path in PACKAGE.rglob("*.py")}
    wanted = {".".join(folder.parts) for folder in folders}
    wanted |= {"supportdesk.migrations", "supportdesk.migrations.versions"}
    assert (sorted(wanted - listed), sorted(listed - wanted)) == ([], [])  # to add, to remove


def test_every_folder_with_code_is_a_package() -> None:
    folders = {path.parent for top in (PACKAGE, ROOT / "tests") for path in top.rglob("*.py")}
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_migrations_are_found_from_outside_the_checkout(tmp_path: Path) -> None:
    code = "from supportdesk.db.migrate import head_revision; print(head_revision())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() not in {"", "None"}


def test_no_file_of_a_third_party_was_copied_in() -> None:
    tops = [ROOT / name for name in ("supportdesk", "migrations", "tests", "bench", "docs")]
    assert [found for top in tops for name in THIRD_PARTY for found in top.rglob(name)] == []


def test_modules_stay_rooms_with_one_purpose() -> None:
    long = {
        name: len((PACKAGE / name).read_text(encoding="utf-8").splitlines())
        for name, _ in modules()
    }
    assert {name: lines for name, lines in long.items() if lines > 400} == {}


@pytest.mark.filterwarnings("ignore:A test tried to use")
def test_no_test_can_reach_the_world_outside() -> None:
    with socket.socket() as outside, pytest.raises(SocketConnectBlockedError):
        outside.connect(("192.0.2.1", 25))
