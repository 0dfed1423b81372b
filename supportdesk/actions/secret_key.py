"""The service's own secret: signs cookies and reply addresses, seals passwords."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from supportdesk.db.blobs import write_durably
from supportdesk.errors import SettingsError
from supportdesk.settings import Settings

_SECRET_BYTES = 32


def secret_key_of(settings: Settings) -> bytes:
    """Give the secret that is set, or the one of the data directory, made at the first start.

    Raises:
        SettingsError: it is too short or damaged.
    """
    if settings.secret_key:
        given = settings.secret_key.encode()
        if len(given) < _SECRET_BYTES:
            raise SettingsError(
                "secret_key has {length} bytes; it needs at least {least}.",
                length=len(given),
                least=_SECRET_BYTES,
            )
        return given
    return _stored_secret(settings.data_dir / "secret.key")


def _stored_secret(path: Path) -> bytes:
    if not path.exists():
        _make_secret(path)
    secret = path.read_bytes()
    if len(secret) < _SECRET_BYTES:
        raise SettingsError(
            "{path} is damaged; restore it from a backup, or delete it to have a new one made:"
            " everybody logs in anew then, and mailbox passwords have to be entered again.",
            path=path,
        )
    return secret


def _make_secret(path: Path) -> None:
    """Make the secret whole or not at all, and once, however many processes start together."""
    aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    write_durably(aside, secrets.token_hex(_SECRET_BYTES).encode(), mode=0o600)
    with suppress(FileExistsError):
        os.link(aside, path)
    aside.unlink()
