"""The commands that keep an installation well."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from supportdesk.errors import ChannelError
from supportdesk.terminal import open_service, print_object, told_in_one_sentence

if TYPE_CHECKING:
    from supportdesk.actions.runtime import Runtime
    from supportdesk.db.queries.ledger import Gap, LedgerLine

_DAY = click.DateTime(formats=["%Y-%m-%d"])
_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.option("--check", is_flag=True, help="Only say whether it is needed; 1 when it is.")
@click.option("--back-to", metavar="REVISION", help="Go back to an older revision.")
def migrate(*, check: bool, back_to: str | None) -> None:
    """Create the database or bring its schema up to date (docs/migrations.md)."""
    from supportdesk.app import ask_about_schema
    from supportdesk.app import migrate as bring_up_to_date
    from supportdesk.settings import load_settings

    if check and back_to:
        raise click.UsageError("--check tells about the newest revision; leave --back-to out.")
    with told_in_one_sentence():
        settings = load_settings()
        if not check:
            bring_up_to_date(settings, back_to=back_to)
        elif problem := ask_about_schema(settings):
            raise problem
    click.echo(f"The database is at {back_to}." if back_to else "The database is up to date.")


@click.command()
@click.argument("folder", type=_FOLDER)
@click.option("--without-secret-key", is_flag=True, help="Keep the secret key elsewhere.")
def backup(folder: Path, *, without_secret_key: bool) -> None:
    """Make a backup below FOLDER while the service works (docs/backup.md).

    Ends with 1 also when the service itself has lost files that the backup would need.
    """
    from supportdesk.actions.backup import make_backup

    with open_service() as runtime:
        made, manifest = make_backup(
            runtime, folder, with_secret_key=not without_secret_key, say=_say
        )
    click.echo(made)
    if manifest.missing:
        raise click.ClickException(
            f"The backup is made, but {len(manifest.missing)} files are missing in the service;"
            " run `supportdesk doctor`."
        )


@click.command()
@click.argument("folder", type=_FOLDER)
def restore(folder: Path) -> None:
    """Bring the backup FOLDER back into an installation that has no data yet.

    The service is paused then: no mail is sent and no mailbox read until `supportdesk release`.
    """
    from supportdesk.app import restore as bring_back
    from supportdesk.settings import load_settings

    with told_in_one_sentence():
        manifest = bring_back(load_settings(), folder, _say)
    click.echo(
        f"Restored as of {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC, and paused. Next: `supportdesk"
        " migrate`, `supportdesk doctor`, start the service, `supportdesk release`."
    )


@click.command()
@click.option(
    "--send-waiting",
    is_flag=True,
    help="Also send what waited when the backup was made; customers may get it twice.",
)
def release(*, send_waiting: bool) -> None:
    """After a restore: send mail and read mailboxes again.

    Mails that waited when the backup was made are not sent but shown in their tickets.
    """
    from supportdesk.actions.release import release_after_restore

    with open_service() as runtime:
        held = release_after_restore(runtime, None, send_waiting=send_waiting)
    click.echo(f"Released; {held} mails that waited in the backup were not sent.")


@click.command()
@click.option("--quick", is_flag=True, help="Do not read the stored files.")
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON object.")
def doctor(*, quick: bool, as_json: bool) -> None:
    """Look whether all that was kept is there and whole; ends with 1 when it is not."""
    from supportdesk.actions.doctor import examine

    with open_service() as runtime:
        found = examine(runtime, quick=quick, say=_say)
    if as_json:
        print_object(asdict(found))
    else:
        for problem in found.problems:
            click.echo(problem)
        click.echo(
            f"{sum(found.rows.values())} rows, {found.blobs} files,"
            f" {found.orphans} files that nothing points to."
        )
        if found.is_paused:
            click.echo("The service is paused after a restore; `supportdesk release` ends that.")
    if found.problems:
        raise click.ClickException(f"{len(found.problems)} problems were found.")


@click.command()
@click.option("--from", "first", type=_DAY, help="First day, YYYY-MM-DD; two weeks ago without it.")
@click.option("--to", "last", type=_DAY, help="Last day, included; today without it.")
@click.option("--mailboxes", is_flag=True, help="Also ask the mailboxes for mails without receipt.")
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON object a line.")
def ledger(
    first: datetime | None, last: datetime | None, *, mailboxes: bool, as_json: bool
) -> None:
    """Reconcile what was received with what became of it; ends with 1 when there is a gap."""
    from supportdesk.db.queries.ledger import read_ledger
    from supportdesk.routing.calendar import local_date

    with open_service() as runtime:
        now = runtime.clock()
        ends_on = last.date() if last else local_date(now)
        begins_on = first.date() if first else ends_on - timedelta(days=13)
        if begins_on > ends_on:
            raise click.UsageError(f"--from {begins_on} is after --to {ends_on}; swap them.")
        with runtime.database.read() as session:
            found = read_ledger(session, begins_on, ends_on, now=now)
        unknown = dict(_mails_without_receipt(runtime)) if mailboxes else {}
    told: list[LedgerLine | Gap] = [*found.lines, *found.gaps]
    for one in told:
        if as_json:
            print_object(_as_object(one))
        else:
            click.echo(_in_one_line(one))
    for address, uids in unknown.items():
        if as_json:
            print_object({"type": "mailbox", "mailbox": address, "uids_without_receipt": uids})
        elif uids is not None:
            some = f"  (UIDs {', '.join(map(str, uids[:20]))})" if uids else ""
            click.echo(f"mailbox {address}  mails without receipt {len(uids)}{some}")
    if found.gaps or any(unknown.values()):
        raise click.ClickException("There are gaps: see docs/ledger.md.")
    if None in unknown.values():
        raise click.ClickException("Not every mailbox could be compared.")


def _as_object(one: "LedgerLine | Gap") -> dict[str, Any]:
    from supportdesk.db.queries.ledger import Gap

    return {"type": "gap" if isinstance(one, Gap) else "day", **asdict(one)}


def _in_one_line(one: "LedgerLine | Gap") -> str:
    from supportdesk.db.queries.ledger import Gap

    where = one.mailbox or one.channel
    if isinstance(one, Gap):
        return f"GAP  {where}  receipt {one.receipt_id} of {one.received_at:%Y-%m-%d %H:%M} UTC"
    counts = {
        "received": one.received,
        "in tickets": one.processed,
        "there before": one.duplicates,
        "in quarantine": one.quarantined,
        "discarded": one.discarded,
        "waiting": one.waiting,
    }
    return "  ".join((f"{one.on}  {where}", *(f"{name} {n}" for name, n in counts.items() if n)))


def _mails_without_receipt(runtime: "Runtime") -> Iterator[tuple[str, list[int] | None]]:
    """Compare each mailbox with our receipts; None stands for one that cannot be read now."""
    from supportdesk.actions.ledger import reconcile_mailbox
    from supportdesk.db.queries.mailboxes import polled_mailboxes

    with runtime.database.read() as session:
        rows = polled_mailboxes(session)
    for row in rows:
        try:
            yield row.address, reconcile_mailbox(runtime, row.id)
        except ChannelError as error:
            _say(str(error))
            yield row.address, None


@click.group()
def work() -> None:
    """Background work that was given up."""


@work.command("list")
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON object a line.")
def list_work(*, as_json: bool) -> None:
    """List what was given up and nobody has looked at, the newest first."""
    from supportdesk.db.queries.operations import list_dead
    from supportdesk.errors import read_back

    with open_service() as runtime, runtime.database.read() as session:
        found = list_dead(session, most=1000)
    if not found and not as_json:
        _say("Nothing was given up.")
    for one in found:
        problem = str(read_back(one.problem)) if one.problem else ""
        if as_json:
            print_object(
                {"id": one.id, "kind": one.kind, "payload": one.payload, "problem": problem}
            )
        else:
            click.echo(f"{one.id}  {one.kind}  {problem}")


@work.command("replay")
@click.argument("work_id", type=int)
def replay(*, work_id: int) -> None:
    """Have the work WORK_ID done again, with fresh attempts."""
    from supportdesk.actions.dead_work import replay_work

    with open_service() as runtime:
        replay_work(runtime, None, work_id)
    click.echo("It is being tried again.")


def _say(text: str) -> None:
    click.echo(text, err=True)


COMMANDS = (migrate, backup, restore, release, doctor, ledger, work)
