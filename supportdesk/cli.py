"""The `supportdesk` command. Every command imports its own world only when it runs."""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, TextIO

import click

from supportdesk.errors import InvalidInput

if TYPE_CHECKING:
    from supportdesk.routing.calendar import Day
    from supportdesk.routing.decision import Decision
    from supportdesk.routing.phrases import Language

_DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.group()
@click.version_option(package_name="supportdesk")
def main() -> None:
    """Customer centre: tickets and routing for key-account customers."""


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
    """Decide who would get a request; needs no settings and no database."""
    from supportdesk.routing.calendar import BusinessCalendar
    from supportdesk.routing.situations import decide_lines, to_json

    for answer in decide_lines(situations, BusinessCalendar()):
        if as_json:
            _print_object(to_json(answer))
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
                _print_object(day.to_json())
            else:
                click.echo(_day_in_words(day))
    except InvalidInput as error:
        raise click.ClickException(str(error)) from error


def _print_object(values: dict[str, Any]) -> None:
    click.echo(json.dumps(values))


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
