"""The commands that keep an installation well."""

import click

from supportdesk.terminal import told_in_one_sentence


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


COMMANDS = (migrate,)
