"""Typed settings: defaults, then one TOML file, then the environment.

The file is `SUPPORTDESK_SETTINGS` when that is set, otherwise `supportdesk.toml` in the data
directory when it exists. A key `port` in the file is `SUPPORTDESK_PORT` in the environment.
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from supportdesk.errors import SettingsError

PREFIX = "SUPPORTDESK_"
USUAL_DATA_DIR = "supportdesk-data"  # in the working directory


def _text(raw: str) -> str:
    if not raw.strip():
        raise ValueError("must not be empty")
    if len(raw.strip().splitlines()) > 1:
        raise ValueError("must be one line")
    return raw.strip()


def _optional_text(raw: str) -> str:
    return raw.strip()


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(raw: str) -> int:
        allowed = f"must be a whole number from {low} to {high}"
        try:
            value = int(raw)
        except ValueError:
            raise ValueError(allowed) from None
        if not low <= value <= high:
            raise ValueError(allowed)
        return value

    return read


def _yes_no(raw: str) -> bool:
    match raw.strip().lower():
        case "true" | "yes" | "1" | "on":
            return True
        case "false" | "no" | "0" | "off":
            return False
    raise ValueError("must be true or false")


def _one_of(*allowed: str) -> Callable[[str], str]:
    def read(raw: str) -> str:
        if raw.strip() not in allowed:
            raise ValueError(f"must be one of: {', '.join(allowed)}")
        return raw.strip()

    return read


def _names(raw: str) -> tuple[str, ...]:
    return tuple(name.strip().lower() for name in raw.split(",") if name.strip())


def _path(raw: str) -> Path:
    return Path(_text(raw)).expanduser().resolve()


def _database_url(raw: str) -> str:
    url = raw.strip()
    if url and not url.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("must start with sqlite:/// or postgresql+psycopg://")
    return url


def _blob_store(raw: str) -> str:
    place = raw.strip()
    if place and not re.match(r"s3://[^/]|/", place):
        raise ValueError("must be s3://BUCKET/PREFIX or the full path of a folder")
    return place


def _public_url(raw: str) -> str:
    url = raw.strip().rstrip("/")
    if url:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("must be an address such as https://desk.example.org")
    return url


def _addresses(raw: str) -> tuple[str, ...]:
    addresses = tuple(raw.replace(",", " ").split())
    if not all(re.fullmatch(r"[^@\s]+@[^@\s]+", address) for address in addresses):
        raise ValueError("must be mail addresses, with commas between them")
    return addresses


def _setting(default: Any, read: Callable[[str], Any]) -> Any:
    return field(default=default, metadata={"read": read})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an operator can set. Empty text means "derive it" where the comment says how."""

    data_dir: Path = _setting(_path(USUAL_DATA_DIR), _path)  # noqa: RUF009 - a field
    database_url: str = _setting("", _database_url)  # "": SQLite in data_dir
    listen_database_url: str = _setting("", _database_url)  # "": database_url
    blob_store: str = _setting("", _blob_store)  # "": data_dir/blobs
    operator_name: str = _setting("Zákaznické centrum – business", _text)
    language: str = _setting("cs", _one_of("cs", "en"))  # for visitors and new contacts

    host: str = _setting("127.0.0.1", _text)
    port: int = _setting(8080, _whole(1, 65535))
    public_url: str = _setting("", _public_url)  # "": http://host:port
    secret_key: str = _setting("", _optional_text)  # "": data_dir/secret.key, made once
    trusted_proxies: int = _setting(0, _whole(0, 5))  # whose X-Forwarded-For is believed
    web_processes: int = _setting(2, _whole(1, 64))
    web_threads: int = _setting(8, _whole(1, 64))  # of each process
    session_idle_minutes: int = _setting(12 * 60, _whole(5, 30 * 24 * 60))
    session_hours: int = _setting(7 * 24, _whole(1, 90 * 24))

    door_host: str = _setting("127.0.0.1", _text)
    door_port: int = _setting(2525, _whole(0, 65535))  # 0: the door stays shut
    door_protocol: Literal["lmtp", "smtp"] = _setting("lmtp", _one_of("lmtp", "smtp"))
    mail_max_mib: int = _setting(35, _whole(1, 500))
    authserv_id: str = _setting("", _optional_text)  # "": no Authentication-Results is trusted
    imap_poll_seconds: int = _setting(20, _whole(1, 3600))
    parse_processes: int = _setting(2, _whole(1, 16))

    smtp_host: str = _setting("127.0.0.1", _text)
    smtp_port: int = _setting(2526, _whole(1, 65535))
    smtp_security: Literal["none", "starttls", "tls"] = _setting(
        "none", _one_of("none", "starttls", "tls")
    )
    smtp_username: str = _setting("", _optional_text)
    smtp_password: str = _setting("", _optional_text)
    mail_sandbox: bool = _setting(False, _yes_no)  # show what the sandbox relay took
    acknowledge: bool = _setting(True, _yes_no)
    acknowledge_per_address_a_day: int = _setting(10, _whole(0, 1000))
    acknowledge_per_hour: int = _setting(600, _whole(0, 100_000))

    automatic_per_sender_an_hour: int = _setting(20, _whole(1, 100_000))
    automatic_per_hour: int = _setting(500, _whole(1, 1_000_000))
    verify_senders: bool = _setting(True, _yes_no)
    trusted_relays: tuple[str, ...] = _setting((), _names)
    suppress_after_failures: int = _setting(3, _whole(1, 1000))
    bounce_addresses: bool = _setting(True, _yes_no)
    close_after_days: int = _setting(14, _whole(1, 365))
    work_attempts: int = _setting(8, _whole(1, 100))
    send_attempts: int = _setting(40, _whole(1, 1000))

    log_level: str = _setting("info", _one_of("debug", "info", "warning", "error"))
    log_format: str = _setting("auto", _one_of("auto", "json", "text"))  # auto: text on a terminal
    metrics_host: str = _setting("127.0.0.1", _text)
    metrics_port: int = _setting(0, _whole(0, 65535))  # of the web; 0: no metrics
    worker_metrics_port: int = _setting(0, _whole(0, 65535))  # of a worker; 0: no metrics
    drain_seconds: int = _setting(0, _whole(0, 300))  # of the web, not ready any more
    stop_seconds: int = _setting(30, _whole(1, 600))  # a worker's for what is in its hands
    alarm_addresses: tuple[str, ...] = _setting((), _addresses)  # (): alarms go out by no mail
    alarm_work_minutes: int = _setting(10, _whole(1, 24 * 60))
    alarm_outbox_minutes: int = _setting(30, _whole(1, 7 * 24 * 60))
    mailbox_alarm_minutes: int = _setting(10, _whole(1, 24 * 60))

    @property
    def web_address(self) -> str:
        """The address that people and mails use, without a slash at its end."""
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def effective_database_url(self) -> str:
        """The database to open."""
        return self.database_url or f"sqlite:///{self.data_dir / 'supportdesk.sqlite3'}"

    @property
    def sandbox_folder(self) -> Path:
        """Where the mail sandbox keeps what was sent to it."""
        return self.data_dir / "sandbox"

    @property
    def mail_max_bytes(self) -> int:
        """The largest mail that is accepted, in bytes."""
        return self.mail_max_mib * 1024 * 1024


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings once, at start.

    Raises:
        SettingsError: names the setting, the value found, where it stood and what is allowed.
    """
    environ = os.environ if environ is None else environ
    given = {**_from_file(environ), **_from_environment(environ)}
    values: dict[str, Any] = {}
    for item in fields(Settings):
        if item.name not in given:
            continue
        raw, place = given[item.name]
        try:
            values[item.name] = item.metadata["read"](raw)
        except ValueError as reason:
            raise SettingsError(
                "{place}: {value!r} cannot be used; it {reason}.",
                place=place,
                value=raw,
                reason=reason,
            ) from None
    return Settings(**values)


def _from_environment(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    given = {}
    for name, raw in environ.items():
        if not name.startswith(PREFIX) or name in {PREFIX + "SETTINGS"}:
            continue
        key = name.removeprefix(PREFIX).lower()
        _must_be_known(key, place=f"environment variable {name}")
        given[key] = (raw, f"environment variable {name}")
    return given


def _from_file(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    path = _settings_file(environ)
    if path is None:
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            "The settings file {path} cannot be read: {reason}.", path=path, reason=error.strerror
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            "The settings file {path} is not valid TOML: {reason}.", path=path, reason=error
        ) from None
    given = {}
    for key, value in table.items():
        _must_be_known(key, place=f"setting {key} in {path}")
        if not isinstance(value, str | int | bool):
            raise SettingsError(
                "setting {key} in {path}: must be text, a number or true/false.", key=key, path=path
            )
        given[key] = (str(value), f"setting {key} in {path}")
    return given


def _settings_file(environ: Mapping[str, str]) -> Path | None:
    named = environ.get(PREFIX + "SETTINGS")
    if named:
        return Path(named).expanduser()
    folder = Path(environ.get(PREFIX + "DATA_DIR", USUAL_DATA_DIR)).expanduser()
    usual = folder / "supportdesk.toml"
    return usual if usual.is_file() else None


def _must_be_known(key: str, *, place: str) -> None:
    known = [item.name for item in fields(Settings)]
    if key not in known:
        raise SettingsError(
            "{place}: there is no such setting. Known are: {known}.", place=place, known=known
        )
