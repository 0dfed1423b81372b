"""The commands of upkeep, from a service that runs to another that stands in its place."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from supportdesk.cli import main
from supportdesk.db.database import Database
from supportdesk.db.engine import open_engine
from supportdesk.db.models import ReceiptState
from tests.factories import make_receipt


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, *arguments: str) -> Result:
    monkeypatch.setenv("SUPPORTDESK_DATA_DIR", str(folder))
    return CliRunner().invoke(main, list(arguments))


def test_a_service_moves_to_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new, backups = tmp_path / "old", tmp_path / "new", tmp_path / "backups"
    assert run(monkeypatch, old, "migrate").exit_code == 0
    made = run(monkeypatch, old, "backup", str(backups))
    assert made.exit_code == 0, made.output
    [folder] = (one for one in backups.iterdir() if (one / "manifest.json").exists())
    assert str(folder) in made.output

    restored = run(monkeypatch, new, "restore", str(folder))
    assert (restored.exit_code, "and paused" in restored.output) == (0, True), restored.output
    assert (new / "secret.key").read_bytes() == (old / "secret.key").read_bytes()
    well = run(monkeypatch, new, "doctor", "--json")
    assert well.exit_code == 0
    told = json.loads(well.stdout)
    assert (told["problems"], told["is_paused"]) == ([], True)
    assert "Released; 0 mails" in run(monkeypatch, new, "release").output
    assert run(monkeypatch, new, "restore", str(folder)).exit_code == 1


def test_the_doctor_ends_with_1_and_says_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, tmp_path, "migrate")
    monkeypatch.setenv("SUPPORTDESK_SECRET_KEY", "k" * 40)
    from supportdesk.app import open_runtime
    from supportdesk.db.models import Mailbox

    runtime = open_runtime()
    with runtime.database.write() as session:
        session.add(Mailbox(address="x@example.com", name="x", imap_password="sealed elsewhere"))
    runtime.database.close()
    found = run(monkeypatch, tmp_path, "doctor", "--quick")
    assert found.exit_code == 1
    assert "x@example.com was sealed with another secret key" in found.output


def test_what_is_no_backup_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = run(monkeypatch, tmp_path / "new", "restore", str(tmp_path))
    assert refused.exit_code == 1
    assert "is no backup" in refused.output
    assert not (tmp_path / "new").exists()


def test_the_ledger_ends_with_1_when_there_is_a_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, tmp_path, "migrate")
    assert run(monkeypatch, tmp_path, "ledger", "--mailboxes").exit_code == 0
    database = Database(open_engine(f"sqlite:///{tmp_path}/supportdesk.sqlite3"))
    with database.write() as session:
        make_receipt(session, state=ReceiptState.PROCESSED)
    database.close()
    found = run(
        monkeypatch, tmp_path, "ledger", "--from", "2026-11-24", "--to", "2026-11-24", "--json"
    )
    assert found.exit_code == 1
    told = [json.loads(line) for line in found.stdout.splitlines()]
    assert [one["type"] for one in told] == ["day", "gap"]
    lines = run(monkeypatch, tmp_path, "ledger", "--to", "2026-11-24").stdout.splitlines()
    assert lines == [
        "2026-11-24  email  received 1  in tickets 1",
        "GAP  email  receipt 1 of 2026-11-24 11:00 UTC",
    ]
    assert (told[0]["received"], told[0]["on"]) == (1, "2026-11-24")


def test_days_of_the_ledger_the_wrong_way_round_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, tmp_path, "migrate")
    refused = run(monkeypatch, tmp_path, "ledger", "--from", "2026-11-20", "--to", "2026-11-19")
    assert refused.exit_code == 2
    assert "swap them" in refused.output


def test_that_no_work_was_given_up_is_said_to_people_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(monkeypatch, tmp_path, "migrate")
    assert run(monkeypatch, tmp_path, "work", "list").stderr == "Nothing was given up.\n"
    assert run(monkeypatch, tmp_path, "work", "list", "--json").output == ""
