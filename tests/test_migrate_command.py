"""`supportdesk migrate` as an operator uses it."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from supportdesk.cli import main
from supportdesk.db.engine import open_engine
from supportdesk.db.migrate import current_revision, head_revision


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SUPPORTDESK_DATA_DIR", str(tmp_path))
    return tmp_path


def migrate(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["migrate", *arguments])


def test_a_new_database_is_made_and_asked_about(data: Path) -> None:
    asked = migrate("--check")
    assert (asked.exit_code, "run `supportdesk migrate` first" in asked.output) == (1, True)
    assert migrate().output == "The database is up to date.\n"
    assert migrate("--check").exit_code == 0
    assert not (data / "backups").exists()


def test_going_back_keeps_a_copy_of_what_was_there(data: Path) -> None:
    migrate()
    assert migrate("--back-to", "2026_11_22_ground").exit_code == 0
    [copy] = (data / "backups").iterdir()
    assert current_revision(open_engine(f"sqlite:///{copy}")) == head_revision()
    assert migrate("--check").exit_code == 1
    assert migrate("--check", "--back-to", "x").exit_code == 2


def test_an_unknown_revision_is_told_in_one_sentence(data: Path) -> None:
    migrate()
    gone = migrate("--back-to", "nowhere")
    assert (gone.exit_code, gone.output) == (1, "Error: There is no revision nowhere.\n")
