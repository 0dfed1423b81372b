"""Measure the service: `python -m bench [decisions] [intake] [backlog] [pages] | scale`."""

from collections.abc import Callable, Iterator
from pathlib import Path

import click

from bench import backlog, decisions, intake, pages, scale
from bench.databases import USUAL_FOLDER, Databases, open_databases
from bench.figures import HEAD, Figure, row
from bench.machine import describe_database, describe_machine, describe_versions
from bench.size import QUICK, Size, full_size
from supportdesk.db.engine import open_engine

_ON_A_DATABASE: dict[str, Callable[[Databases, Size], Iterator[Figure]]] = {
    "intake": intake.measure,
    "backlog": backlog.measure,
    "pages": pages.measure,
}
_USUAL = ("decisions", *_ON_A_DATABASE)
_ON_A_DATABASE["scale"] = scale.measure  # only when asked for: the largest size takes its time
_NAMES = ("decisions", *_ON_A_DATABASE)


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(_NAMES))
@click.option("--database", type=click.Choice(["sqlite", "postgresql"]), default="sqlite")
@click.option("--tickets", type=click.IntRange(min=10), default=100_000, show_default=True)
@click.option("--quick", is_flag=True, help="Only see whether measuring works; proves no figure.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=USUAL_FOLDER,
    help="Where filled databases are kept; may be deleted at any time.",
)
def main(*, names: tuple[str, ...], database: str, tickets: int, quick: bool, data: Path) -> None:
    """Measure the service on this machine; without names everything but the long `scale`."""
    chosen = names or _USUAL
    size = QUICK if quick else full_size(tickets)
    for line in [*describe_machine(), *describe_versions()]:
        click.echo(line)
    if "decisions" in chosen:
        _print_table(decisions.measure(size))
    if set(chosen) & set(_ON_A_DATABASE):
        with open_databases(database, data) as databases:
            click.echo(f"database   {_describe(databases, size)}")
            for name, measure in _ON_A_DATABASE.items():
                if name in chosen:
                    _print_table(measure(databases, size))


def _describe(databases: Databases, size: Size) -> str:
    with databases.copy(size.sizes[0]) as url:
        engine = open_engine(url)
        try:
            return describe_database(engine)
        finally:
            engine.dispose()


def _print_table(figures: Iterator[Figure]) -> None:
    click.echo(f"\n{HEAD}")
    for figure in figures:
        click.echo(row(figure))


if __name__ == "__main__":
    main()
