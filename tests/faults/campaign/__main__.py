"""`make faults`: the long campaign on both databases."""

import random
import secrets
import sys

import click

from tests.faults.campaign.report import table
from tests.faults.campaign.run import Result, phases, run_campaign, run_clock_changes


@click.command()
@click.option("--seed", type=int, help="Repeat a run; drawn and printed without it.")
@click.option(
    "--database",
    "kinds",
    type=click.Choice(["sqlite", "postgresql"]),
    multiple=True,
    default=["sqlite", "postgresql"],
)
@click.option("--injections", default=30, show_default=True, help="Of each fault.")
@click.option("--mixed", default=150, show_default=True, help="Injections at random in the end.")
@click.option("--requests", default=12, show_default=True, help="That come in at each injection.")
@click.option("--only", default="", help="Only faults whose name contains this.")
def main(kinds: tuple[str, ...], seed: int | None, only: str, **counts: int) -> None:
    """Break everything at random and print what was lost; not zero when anything was."""
    seed = secrets.randbelow(10**6) if seed is None else seed
    click.echo(f"seed {seed}")
    results: list[Result] = []
    for kind in kinds:
        planned = [phase for phase in phases(kind, **counts) if only in phase.name]
        results += run_campaign(kind, planned, random.Random(seed), _tell)  # noqa: S311
    if "sqlite" in kinds and not only:
        results += run_clock_changes(counts["requests"], random.Random(seed), _tell)  # noqa: S311
    click.echo(table(results))
    sys.exit(any(result.verdict.problems for result in results))


def _tell(result: Result) -> None:
    click.echo(f"{result.database}: {result.phase.name}, {result.seconds:.0f} s", err=True)
    for problem in result.verdict.problems[:20]:
        click.echo(f"  {problem}", err=True)


if __name__ == "__main__":
    main()
