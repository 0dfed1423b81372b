"""The commands that keep an installation well."""

from dataclasses import asdict
from pathlib import Path

import click

from supportdesk.terminal import open_service, print_object, told_in_one_sentence

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


def _say(text: str) -> None:
    click.echo(text, err=True)


COMMANDS = (migrate, backup, restore, release, doctor)
