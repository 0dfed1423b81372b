"""What commands share: the service opened for one of them, and how they tell what happened."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from supportdesk.errors import SupportdeskError

if TYPE_CHECKING:
    from supportdesk.actions.runtime import Runtime


@contextmanager
def open_service() -> Iterator["Runtime"]:
    """Open the service's parts for one command; what goes wrong is told in one sentence."""
    from supportdesk.app import open_runtime

    with told_in_one_sentence():
        runtime = open_runtime()
        try:
            yield runtime
        finally:
            runtime.database.close()


@contextmanager
def told_in_one_sentence() -> Iterator[None]:
    """End the command with 1 and a sentence when something of ours goes wrong."""
    try:
        yield
    except SupportdeskError as error:
        raise click.ClickException(str(error)) from error


def print_object(values: dict[str, Any]) -> None:
    """Print one JSON object on a line of its own; days and instants as text."""
    click.echo(json.dumps(values, default=str))
