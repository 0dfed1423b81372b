"""Measuring works from end to end; nothing here says how fast anything is."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from bench import dataset
from bench.__main__ import main
from bench.figures import Figure, row
from supportdesk.db.database import Database
from supportdesk.db.models import Message, Ticket


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder that the user who runs PostgreSQL may enter; pytest's own ones are closed."""
    path = Path(tempfile.mkdtemp(prefix="supportdesk-bench-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.mark.parametrize(
    ("arguments", "figures"),
    [
        (["decisions"], ["decision with trace"]),
        (["intake"], ["intake, flood: SQLite, 200 tickets", "at 20 mails a second"]),
        (["backlog"], ["backlog: SQLite, 200 tickets"]),
        (["pages"], ["list open: SQLite, 200 tickets", "ticket page: SQLite, 200 tickets"]),
        (
            ["scale"],
            ["inbox, many pages further: SQLite, 200", "very common words", "slower than empty"],
        ),
        pytest.param(
            ["pages", "--database", "postgresql"],
            ["fsync=on", "ticket page: PostgreSQL, 200 tickets"],
            marks=pytest.mark.server,
        ),
    ],
)
def test_every_measurement_prints_its_figures_and_what_was_measured_where(
    folder: Path, arguments: list[str], figures: list[str]
) -> None:
    printed = CliRunner().invoke(main, ["--quick", "--data", str(folder), *arguments])
    assert printed.exit_code == 0, printed.output
    for expected in ["processor", "memory", "Python", *figures]:
        assert expected in printed.output
    assert "nan" not in printed.output


def test_the_data_set_has_three_messages_a_ticket_and_some_work_to_do(database: Database) -> None:
    dataset.fill(database.engine, 100)
    with database.read() as session:
        active = session.scalar(sa.select(sa.func.count()).where(Ticket.is_active)) or 0
        assert session.scalar(sa.select(sa.func.count(Ticket.id))) == 100
        assert session.scalar(sa.select(sa.func.count(Message.id))) == 300
    assert 5 <= active <= 30


def test_a_row_shows_the_middle_the_slow_end_and_the_rate() -> None:
    figure = Figure("a thing", tuple(one / 1000 for one in range(1, 101)), 1234.0, "≥ 1,000/s")
    assert row(figure).split() == "a thing 100 50.5 ms 95.0 ms 1,234/s ≥ 1,000/s".split()
