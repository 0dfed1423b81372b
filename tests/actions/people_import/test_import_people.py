"""Importing a file of people: previewed, all or nothing, idempotent."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from time import perf_counter

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from supportdesk.actions.import_people import ImportReport, import_people, preview_import
from supportdesk.actions.people_import.show import plan_in_words
from supportdesk.actions.runtime import Runtime
from supportdesk.cli import main
from supportdesk.db.blobs import BlobStore
from supportdesk.db.database import Database
from supportdesk.db.models import (
    Agent,
    AuditEntry,
    Contact,
    Mailbox,
    Membership,
    MembershipRole,
    Organisation,
    Ticket,
)
from supportdesk.db.queries.service import find_assigned
from supportdesk.errors import Conflict
from supportdesk.settings import Settings
from tests.factories import NOON, make_ticket

TODAY = NOON.date()
GUIDE = Path(__file__).parents[3] / "docs" / "people-import.md"
CENTRE = re.search(r"```csv\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)[1]  # type: ignore[index]


@pytest.fixture
def runtime(database: Database, tmp_path: Path) -> Runtime:
    """Give a service without anybody in it."""
    return Runtime(
        database, BlobStore(tmp_path), Settings(data_dir=tmp_path), lambda: NOON, b"s" * 32
    )


def bring_in(runtime: Runtime, text: str) -> ImportReport:
    """Import text and expect nothing to be wrong with it."""
    report = import_people(runtime, text.encode(), filename="centre.csv")
    assert report.problems == ()
    return report


def problems_of(runtime: Runtime, text: str) -> list[tuple[str, str, str]]:
    """Import text that is wrong; give place, column and value of each problem."""
    report = import_people(runtime, text.encode(), filename="centre.csv")
    assert not report.is_applied
    return [(problem.place, problem.column, problem.value) for problem in report.problems]


def changed(report: ImportReport) -> list[str]:
    """Give the lines of a preview that name changes."""
    return [line for line in plan_in_words(report.plan) if line[0] in "+~"]


def test_the_sample_of_the_guide_serves_a_whole_centre(runtime: Runtime) -> None:
    report = bring_in(runtime, CENTRE)
    assert report.is_applied
    with runtime.database.read() as session:
        jana, petr = _ids(runtime, ["jana.novakova", "petr.dvorak"])
        organisations = {
            row.key: (row.id, row.contract_id) for row in session.scalars(sa.select(Organisation))
        }
        assigned = find_assigned(session, dict(organisations.values()), TODAY)
        assert assigned[organisations["Z-101"][0]].consultant_id == jana
        assert assigned[organisations["Z-200"][0]].consultant_id == petr
        technik = session.scalars(
            sa.select(Membership).join(Contact).where(Contact.key == "K-2").order_by(Membership.id)
        ).all()
        assert [m.valid_until for m in technik] == [date(2027, 1, 1), None]
        mailboxes = session.scalars(sa.select(Mailbox.imap_host).order_by(Mailbox.address)).all()
        assert mailboxes == [None, "imap.example.com"]
        assert session.scalar(sa.select(AuditEntry.action)) == "people_imported"


def test_the_same_file_again_changes_nothing_and_says_so(runtime: Runtime) -> None:
    bring_in(runtime, CENTRE)
    again = bring_in(runtime, CENTRE)
    assert not again.is_applied
    assert again.plan.changes == ()
    assert again.plan.unchanged["contact"] == 3
    with runtime.database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(AuditEntry)) == 1


def test_a_preview_tells_all_and_writes_nothing(runtime: Runtime) -> None:
    report = preview_import(runtime, CENTRE.encode())
    assert len(report.plan.changes) == CENTRE.count("\n") - 1
    with runtime.database.read() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Contact)) == 0


def test_a_change_shows_what_was_and_what_will_be(runtime: Runtime) -> None:
    bring_in(runtime, CENTRE)
    report = bring_in(
        runtime, "record,key,name,addresses\ncontact,K-3,Laura Lípová,laura@lipa.example\n"
    )
    assert changed(report) == ["~ contact K-3: name Laura Lipová → Laura Lípová; language en → cs"]


def test_numbers_and_addresses_are_stored_in_one_form(runtime: Runtime) -> None:
    text = "record;key;name;addresses;numbers\ncontact;K;Eva;Eva@Example.ORG;00420 603/604644\n"
    bring_in(runtime, text)
    with runtime.database.read() as session:
        contact = session.scalars(sa.select(Contact)).one()
        assert [row.address for row in contact.addresses] == ["eva@example.org"]
        assert [row.number for row in contact.numbers] == ["+420603604644"]


def test_any_problem_means_that_nothing_is_done_and_all_are_told(runtime: Runtime) -> None:
    text = (
        "record;key;name;registration_number;contact;organisation;roles;valid_from;valid_to\n"
        "organisation;Z-1;Obec;12345678;;;;;\n"
        "contact;K-1;Eva;;;;;;\n"
        "contact;K-1;Eva znovu;;;;;;\n"
        "membership;;;;K-1;Z-1;boss;2026-01-01;\n"
        "membership;;;;K-9;Z-1;statutory;2026-02-01;2026-01-31\n"
    )
    assert problems_of(runtime, text) == [
        ("line 2", "registration_number", "12345678"),
        ("line 4", "", "K-1"),
        ("line 5", "roles", "boss"),
        ("line 6", "valid_to", ""),
        ("line 6", "contact", "K-9"),
    ]
    with runtime.database.read() as session:
        assert session.scalars(sa.select(Contact.key)).all() == []


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("organisation;Z-9;Obec;RS-1;central;;;;;", "contract"),
        ("organisation;Z-9;Obec;;central;;;;;", "contract"),
        ("organisation;Z-9;Obec;RS-2026-07;;;;;;", "authority"),
        ("assignment;;;;;consultant;nobody;Z-100;2026-01-01;", "agent"),
        ("assignment;;;;;consultant;tomas.marek;Z-100;2026-01-01;", "agent"),
        ("assignment;;;;;account_manager;jana.novakova;Z-100;2026-01-01;", "agent"),
        ("assignment;;;;;consultant;jana.novakova;;2026-01-01;", "organisation"),
        ("assignment;;;RS-2026-07;;consultant;jana.novakova;Z-100;2026-01-01;", "organisation"),
        ("assignment;;;;;consultant;jana.novakova;Z-100;2026-02-01;2026-01-31", "valid_to"),
        ("absence;;;;;;jana.novakova;;2026-02-01;2026-01-31", "valid_to"),
    ],
)
def test_what_does_not_fit_together_is_a_problem(runtime: Runtime, line: str, column: str) -> None:
    bring_in(runtime, CENTRE)
    header = "record;key;name;contract;authority;service;agent;organisation;valid_from;valid_to\n"
    found = problems_of(runtime, header + line + "\n")
    assert [(place, wrong) for place, wrong, _ in found] == [("line 2", column)]


def test_a_role_that_the_file_gives_no_more_ends_today_and_stays_as_history(
    runtime: Runtime,
) -> None:
    header = "record;key;name;contact;organisation;roles;valid_from\n"
    people = "organisation;Z;Obec;;;;\ncontact;K;Eva;;;;\n"
    bring_in(runtime, header + people + "membership;;;K;Z;statutory|finance_admin;2026-01-01\n")
    smaller = header + people + "membership;;;K;Z;finance_admin;2026-01-01\n"
    (line,) = changed(bring_in(runtime, smaller))
    assert line.startswith("~ membership K / Z: roles statutory 2026-01-01 –,")
    assert "→ statutory 2026-01-01 2026-11-23, finance_admin 2026-01-01 –" in line
    with runtime.database.read() as session:
        roles = {
            row.role: row.valid_until
            for row in session.execute(sa.select(MembershipRole.role, MembershipRole.valid_until))
        }
    assert roles == {"finance_admin": None, "statutory": TODAY}
    assert changed(bring_in(runtime, smaller)) == []


def test_several_lines_give_one_membership_roles_of_different_validity(runtime: Runtime) -> None:
    text = (
        "record;key;name;contact;organisation;roles;valid_from;valid_to\n"
        "organisation;Z;Obec;;;;;\ncontact;K;Eva;;;;;\n"
        "membership;;;K;Z;statutory;2026-01-01;2026-12-31\n"
        "membership;;;K;Z;finance_admin;2026-06-01;\n"
    )
    bring_in(runtime, text)
    assert changed(bring_in(runtime, text)) == []
    with runtime.database.read() as session:
        membership = session.scalars(sa.select(Membership)).one()
        assert (membership.valid_from, membership.valid_until) == (date(2026, 1, 1), None)
        assert {(row.role, row.valid_until) for row in membership.roles} == {
            ("statutory", date(2027, 1, 1)),
            ("finance_admin", None),
        }


ASSIGNMENT = "record;service;agent;organisation;valid_from;valid_to\n"


def test_a_new_consultant_takes_over_on_the_day_and_open_tickets_go_along(
    runtime: Runtime,
) -> None:
    bring_in(runtime, CENTRE)
    jana, petr = _ids(runtime, ["jana.novakova", "petr.dvorak"])
    with runtime.database.write() as session:
        lipa = session.scalars(sa.select(Organisation).where(Organisation.key == "Z-200")).one()
        ticket = make_ticket(session, organisation=lipa, owner=session.get_one(Agent, petr))
    text = ASSIGNMENT + "assignment;consultant;jana.novakova;Z-200;2026-11-24;\n"
    report = bring_in(runtime, text)
    assert changed(report) == [
        "+ assignment consultant / organisation / Z-200 / 2026-11-24",
        "~ assignment consultant / organisation / Z-200 / 2026-01-01: valid_to – → 2026-11-23",
    ]
    assert changed(bring_in(runtime, text)) == []
    with runtime.database.read() as session:
        assert session.get_one(Ticket, ticket.id).owner_id == jana
    # The older file says that the former consultant goes on without an end.
    assert problems_of(runtime, CENTRE) == [("line 22", "valid_to", "")]


def test_two_lines_that_overlap_are_a_problem(runtime: Runtime) -> None:
    bring_in(runtime, CENTRE)
    text = (
        ASSIGNMENT
        + "assignment;deputy;jana.novakova;Z-200;2026-01-01;2026-06-01\n"
        + "assignment;deputy;petr.dvorak;Z-200;2026-06-01;\n"
    )
    assert problems_of(runtime, text) == [("line 2", "valid_to", "")]
    bring_in(runtime, text.replace("2026-06-01\n", "2026-05-31\n"))


def test_the_last_administrator_is_not_imported_away(runtime: Runtime) -> None:
    bring_in(runtime, CENTRE)
    text = "record;username;name;rights\nagent;karel.svoboda;Karel Svoboda;account_manager\n"
    with pytest.raises(Conflict, match="last administrator"):
        import_people(runtime, text.encode(), filename="x.csv")


def test_a_summer_absence_covers_local_days(runtime: Runtime) -> None:
    text = (
        "record;username;name;teams;agent;valid_from;valid_to\n"
        "agent;jana;Jana;pool;;;\n"
        "absence;;;;jana;2026-07-01;2026-07-01\n"
    )
    (absence,) = [c for c in bring_in(runtime, text).plan.changes if c.record == "absence"]
    assert absence.key[1] == datetime(2026, 6, 30, 22, 0, tzinfo=UTC)
    assert absence.after["ends_at"] == datetime(2026, 7, 1, 22, 0, tzinfo=UTC)


def test_ten_thousand_contacts_take_seconds(runtime: Runtime) -> None:
    header = "record;key;name;addresses;numbers;contact;organisation;roles;valid_from\n"
    lines = [f"organisation;Z-{i};Obec {i};;;;;;" for i in range(100)]
    lines += [
        f"contact;K-{i};Kontakt {i};k{i}@example.org;+420603{i:06};;;;" for i in range(10_000)
    ]
    lines += [f"membership;;;;;K-{i};Z-{i % 100};service_admin;2026-01-01" for i in range(10_000)]
    text = header + "\n".join(lines)
    begun = perf_counter()
    assert bring_in(runtime, text).is_applied
    applied = perf_counter()
    assert bring_in(runtime, text).plan.changes == ()
    assert applied - begun < 30
    assert perf_counter() - applied < 15


def _ids(runtime: Runtime, usernames: Sequence[str]) -> list[int]:
    with runtime.database.read() as session:
        found = {
            row.username: row.id for row in session.execute(sa.select(Agent.username, Agent.id))
        }
    return [found[username] for username in usernames]


class TestCommand:
    """The command `supportdesk people import`."""

    @pytest.fixture(autouse=True)
    def _service(self, monkeypatch: pytest.MonkeyPatch, sqlite_url: str, tmp_path: Path) -> None:
        monkeypatch.setenv("SUPPORTDESK_DATA_DIR", str(tmp_path / "data"))
        monkeypatch.setenv("SUPPORTDESK_DATABASE_URL", sqlite_url)
        self.file = tmp_path / "centre.csv"
        self.file.write_text(CENTRE, encoding="cp1250")

    def run(self, *arguments: str, answer: str = "") -> tuple[int, str]:
        """Run the command on the file."""
        result = CliRunner().invoke(
            main, ["people", "import", str(self.file), *arguments], input=answer
        )
        return result.exit_code, result.output

    def test_it_shows_asks_and_applies_only_on_yes(self) -> None:
        assert "Done." not in self.run(answer="n\n")[1]
        assert "contact: 3 to add" in self.run("--preview")[1]
        assert "Done." in self.run(answer="y\n")[1]
        assert "nothing to change" in self.run("--yes")[1]

    def test_as_json_each_line_is_an_object_and_only_yes_applies(self) -> None:
        objects = [json.loads(line) for line in self.run("--json")[1].splitlines()]
        assert {one["type"] for one in objects} == {"change"}
        objects = [json.loads(line) for line in self.run("--json", "--yes")[1].splitlines()]
        assert objects[-1] == {"type": "applied", "changes": len(objects) - 1}

    def test_a_password_that_is_forgotten_is_said_before(self) -> None:
        self.run("--yes")
        centre = self.file.read_text(encoding="cp1250")
        self.file.write_text(centre.replace("Technická linka", "Linka"), encoding="cp1250")
        assert "password" not in self.run("--preview")[1]
        moved = centre.replace("imap.example.com", "mx.example.com")
        self.file.write_text(moved, encoding="cp1250")
        assert "the stored password does not hold for it any more" in self.run("--preview")[1]
        objects = [json.loads(line) for line in self.run("--json")[1].splitlines()]
        assert [one["forgets_password"] for one in objects] == [True]

    def test_problems_end_with_a_failure_and_the_line(self) -> None:
        self.file.write_text("record;key;name\ncontact;;Eva\n")
        code, output = self.run("--yes")
        assert code == 1
        assert "line 2, column key: it is empty but has to be filled" in output
        assert "nothing was changed" in output

    def test_passwords_are_read_from_standard_input(self) -> None:
        self.run("--yes")
        runner = CliRunner()
        password = ["agents", "password", "jana.novakova"]
        assert runner.invoke(main, password, input="mlha nad loukou\n").exit_code == 0
        refused = runner.invoke(main, password, input="krátké\n")
        assert refused.exit_code == 1
        assert "12 to 200 characters" in refused.output
        mailbox = ["mailboxes", "password", "tdms@example.com"]
        assert runner.invoke(main, mailbox, input="tajné\n").exit_code == 0
        unknown = runner.invoke(main, ["mailboxes", "password", "x@example.com"], input="a\n")
        assert "There is no mailbox x@example.com" in unknown.output
