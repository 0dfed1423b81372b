"""The `supportdesk` command. Every command imports its own world only when it runs."""

import json
import os
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

import click

from supportdesk import upkeep
from supportdesk.errors import InvalidInput
from supportdesk.terminal import open_service, print_object, told_in_one_sentence

if TYPE_CHECKING:
    from supportdesk.actions.import_people import ImportReport
    from supportdesk.db.queries.ticket_page import WhyHere
    from supportdesk.routing.calendar import Day
    from supportdesk.routing.decision import Decision
    from supportdesk.routing.phrases import Language

_DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.group()
@click.version_option(package_name="supportdesk")
def main() -> None:
    """Customer centre: tickets and routing for key-account customers."""


for _command in upkeep.COMMANDS:
    main.add_command(_command)


@main.command()
@click.option(
    "--situation",
    "situations",
    type=click.File("r", encoding="utf-8-sig", errors="replace"),
    required=True,
    help="A file with one JSON situation a line; - reads standard input.",
)
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON object a line.")
@click.option("--language", type=click.Choice(["cs", "en"]), default="en", show_default=True)
def route(situations: TextIO, *, as_json: bool, language: "Language") -> None:
    """Decide who would get a request; needs no settings and no database.

    A line that is no possible situation gets an error of its own and the run goes on; it still ends
    with 0.
    """
    from supportdesk.routing.calendar import BusinessCalendar
    from supportdesk.routing.situations import decide_lines, to_json

    for answer in decide_lines(situations, BusinessCalendar()):
        if as_json:
            print_object(to_json(answer))
        elif isinstance(answer, InvalidInput):
            click.echo(f"error: {answer}\n")
        else:
            click.echo(_decision_in_words(answer, language))


@main.command()
@click.option("--from", "first", type=_DAY, required=True, help="First day, YYYY-MM-DD.")
@click.option("--to", "last", type=_DAY, required=True, help="Last day, included.")
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON object a line.")
def calendar(first: datetime, last: datetime, *, as_json: bool) -> None:
    """Show on which days and at what hours the consultants' desk is open."""
    from supportdesk.routing.calendar import BusinessCalendar

    if first > last:
        raise click.UsageError(f"--from {first:%Y-%m-%d} is after --to {last:%Y-%m-%d}; swap them.")
    try:
        for day in BusinessCalendar().days(first.date(), last.date()):
            if as_json:
                print_object(day.to_json())
            else:
                click.echo(_day_in_words(day))
    except InvalidInput as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.option("--demo", is_flag=True, help="Fill an empty database with the demo region.")
def run(*, demo: bool) -> None:
    """Run everything on this machine: web, worker and mail door; Ctrl+C stops it.

    With --demo there is also a mail sandbox, which takes all mail instead of sending it.
    """
    from supportdesk.app import run_all

    with told_in_one_sentence():
        run_all(demo=demo, say=click.echo)


@main.command("demo-mail")
@click.option(
    "--count", type=click.IntRange(1, 200), default=8, show_default=True, help="How many to send."
)
def demo_mail(*, count: int) -> None:
    """Send the demo's mails through the door of the running service and watch them routed."""
    from supportdesk.demo.send import open_door, send_fresh
    from supportdesk.settings import load_settings

    with told_in_one_sentence(), open_door(load_settings()) as door, open_service() as runtime:
        send_fresh(runtime, door, count, say=click.echo)


@main.command()
def web() -> None:
    """Serve the web pages."""
    from supportdesk.metrics_folder import share_counts
    from supportdesk.settings import load_settings

    with told_in_one_sentence():
        settings = load_settings()
        share_counts(settings)  # before anything is imported that counts
        from supportdesk.app import serve_web

        serve_web(settings)


@main.command()
def worker() -> None:
    """Do the background work, poll mailboxes and hold the mail door open."""
    from supportdesk.app import run_worker
    from supportdesk.settings import load_settings

    with told_in_one_sentence():
        run_worker(load_settings())


@main.command()
def intake() -> None:
    """Only poll mailboxes and hold the mail door open; a worker elsewhere does the rest."""
    from supportdesk.app import run_worker
    from supportdesk.settings import load_settings

    with told_in_one_sentence():
        run_worker(load_settings(), intake_only=True)


@main.command()
@click.argument("ticket", type=int)
@click.option("--language", type=click.Choice(["cs", "en"]), default="en", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON object a decision.")
def explain(ticket: int, *, language: "Language", as_json: bool) -> None:
    """Say why TICKET is where it is: every decision, the rules asked and what each saw."""
    from supportdesk.db.queries.ticket_page import list_reasons
    from supportdesk.routing.sentences import render_trace

    with open_service() as runtime, runtime.database.read() as session:
        reasons = list_reasons(session, ticket)
    if not reasons:
        raise click.ClickException(f"No decision about a ticket {ticket} is stored.")
    for why in reasons:
        sentences = render_trace(why.trace, language)
        if as_json:
            print_object(
                {
                    "decided_at": why.decided_at.isoformat(),
                    "rule": why.rule,
                    "target": why.target,
                    "priority": why.priority,
                    "kept_for": why.kept_for,
                    "trace": why.trace,
                    "sentences": sentences,
                }
            )
        else:
            _show_reason(why, sentences)


@main.group()
def email() -> None:
    """Look at mail the way the service understands it, or hand it over."""


@email.command("deliver")
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--from", "mail_from", default="", help="Envelope sender.")
@click.option("--to", "recipients", multiple=True, help="Envelope recipient; may be repeated.")
def deliver_mail(file: BinaryIO, mail_from: str, recipients: tuple[str, ...]) -> None:
    """Hand the mail in FILE over, for mail servers that pipe into a command.

    Without --to the addressees are read from its header. Ends with 0 only after the mail is safely
    stored, with 75 when it should be tried again later.
    """
    from supportdesk.app import deliver

    raw = file.read()
    try:
        deliver(raw, mail_from=mail_from, recipients=recipients)
    except Exception as error:
        click.echo(f"Not stored, try again later: {error}", err=True)
        raise click.exceptions.Exit(75) from error


@email.command("parse")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--stdin-paths", is_flag=True, help="Read one path a line from standard input.")
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON object a line.")
@click.option(
    "--authserv-id",
    default="",
    metavar="HOST",
    help="Mail host whose Authentication-Results are trusted; none without it.",
)
def parse_mail(files: tuple[Path, ...], stdin_paths: bool, as_json: bool, authserv_id: str) -> None:
    """Show what each mail file says, in the order given; needs no settings and no database.

    A file that cannot be read gets an error of its own and the run goes on; it still ends with 0.
    """
    from supportdesk.channels.email.describe import describe_files

    if bool(files) == stdin_paths:
        raise click.UsageError("Name mail files, or use --stdin-paths, but not both.")
    paths: Iterable[Path] = files
    if stdin_paths:
        lines = (line.rstrip(b"\r\n") for line in sys.stdin.buffer)
        paths = (Path(os.fsdecode(line)) for line in lines if line)

    def write(described: str) -> None:
        text = described if as_json else _mail_in_words(json.loads(described))
        sys.stdout.buffer.write(text.encode("utf-8", "replace") + b"\n")
        sys.stdout.buffer.flush()

    describe_files(paths, write, authserv_id=authserv_id)


def _mail_in_words(mail: dict[str, Any]) -> str:
    fields = [
        ("Error", mail.get("error")),
        ("From", mail["from_addr"]),
        ("Subject", mail["subject"]),
    ]
    lines = [f"{name}: {value}" for name, value in fields if value]
    return "\n".join([*lines, "", mail["reply_text"] or "", ""])


@main.group()
def people() -> None:
    """Bring in customers, contacts and staff."""


@people.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--preview", is_flag=True, help="Only show what would change.")
@click.option("--yes", is_flag=True, help="Apply without asking.")
@click.option("--json", "as_json", is_flag=True, help="Answer with one JSON object a line.")
def import_people(file: BinaryIO, preview: bool, yes: bool, as_json: bool) -> None:
    """Import FILE (CSV or XLSX; docs/people-import.md), all of it or nothing.

    Shows what would change and asks before it is done; with --json it is done only with --yes.
    """
    from supportdesk.actions import import_people as importing

    content = file.read()
    with open_service() as runtime:
        report = importing.preview_import(runtime, content)
        _show_import(report, as_json=as_json)
        if report.problems:
            raise click.exceptions.Exit(1)
        if preview or not report.plan.changes or not (yes or _agreed(as_json)):
            return
        report = importing.import_people(runtime, content, filename=file.name)
        if report.problems:
            _show_import(report, as_json=as_json)
            raise click.exceptions.Exit(1)
    if as_json:
        print_object({"type": "applied", "changes": len(report.plan.changes)})
    else:
        click.echo("Done.")


@main.group()
def agents() -> None:
    """Set up members of staff."""


@agents.command("password")
@click.argument("username")
def agent_password(username: str) -> None:
    """Give USERNAME a password: asked for, or the first line of standard input."""
    from supportdesk.actions.set_password import find_agent, set_password

    with open_service() as runtime:
        agent_id = find_agent(runtime, username)
        set_password(runtime, None, agent_id, _ask_password())
    click.echo(f"{username} can log in with the new password; older sessions were ended.")


@main.group()
def mailboxes() -> None:
    """Set up our mailboxes."""


@mailboxes.command("password")
@click.argument("address")
def mailbox_password(address: str) -> None:
    """Store the password for polling ADDRESS: asked for, or the first line of standard input."""
    from supportdesk.actions.mailboxes import set_mailbox_password

    with open_service() as runtime:
        set_mailbox_password(runtime, None, address, _ask_password())
    click.echo(f"The password of {address} is stored, encrypted.")


@mailboxes.command("oauth")
@click.argument("address")
@click.option("--token-url", required=True, help="Where access tokens are given out.")
@click.option("--client-id", required=True, help="As whom this service is registered there.")
def mailbox_oauth(address: str, token_url: str, client_id: str) -> None:
    """Poll ADDRESS with OAuth 2 tokens (docs/mailboxes.md).

    Client secret (empty for a public client) and refresh token are asked for, or the first two
    lines of standard input.
    """
    from supportdesk.actions.set_mailbox_grant import set_mailbox_grant
    from supportdesk.channels.email.oauth import Grant

    with open_service() as runtime:
        secret, refresh_token = _ask_secret("Client secret"), _ask_secret("Refresh token")
        grant = Grant(token_url, client_id, client_secret=secret, refresh_token=refresh_token)
        set_mailbox_grant(runtime, None, address, grant)
    click.echo(f"The sign-in of {address} is stored, encrypted.")


def _ask_password() -> str:
    if sys.stdin.isatty():
        answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return answer
    return sys.stdin.readline().rstrip("\r\n")


def _ask_secret(name: str) -> str:
    if sys.stdin.isatty():
        answer: str = click.prompt(name, default="", hide_input=True, show_default=False)
        return answer.strip()
    return sys.stdin.readline().strip()


def _agreed(as_json: bool) -> bool:
    return not as_json and click.confirm("Apply?")


def _show_import(report: "ImportReport", *, as_json: bool) -> None:
    from supportdesk.actions.people_import import show

    if as_json:
        for problem in report.problems:
            print_object(show.problem_as_json(problem))
        for change in () if report.problems else report.plan.changes:
            print_object(show.change_as_json(change))
        return
    for problem in report.problems:
        click.echo(str(problem), err=True)
    if report.problems:
        click.echo(f"{len(report.problems)} to put right; nothing was changed.", err=True)
        return
    for line in show.plan_in_words(report.plan):
        click.echo(line)
    if not report.plan.changes:
        click.echo("Everything is stored already; nothing to change.")


def _show_reason(why: "WhyHere", sentences: list[str]) -> None:
    click.echo(f"{why.decided_at:%Y-%m-%d %H:%M:%S} UTC  {why.rule}: {why.target}")
    for sentence in sentences:
        click.echo(f"  {sentence}")
    if why.kept_for:
        click.echo(f"  The desk stayed: {why.kept_for} was working on it.")
    click.echo()


def _decision_in_words(decision: "Decision", language: "Language") -> str:
    from supportdesk.routing.sentences import render_trace

    chain = " > ".join((decision.target, *decision.then))
    lines = [f"{decision.rule}: {chain} (priority {decision.priority})"]
    lines += (f"  {sentence}" for sentence in render_trace(decision.trace, language))
    return "\n".join(lines) + "\n"


def _day_in_words(day: "Day") -> str:
    from supportdesk.routing.calendar import local_time

    if day.opening:
        opens_at, closes_at = (local_time(instant) for instant in day.opening)
        return f"{day.on:%Y-%m-%d}  {opens_at:%H:%M}-{closes_at:%H:%M}"
    reason = day.name_en or str(day.closed_because).replace("_", " ")
    return f"{day.on:%Y-%m-%d}  closed: {reason}"


if __name__ == "__main__":
    main()
