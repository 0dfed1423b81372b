"""Settings: where they come from, and what is said about one that cannot be used."""

import json
from dataclasses import fields
from pathlib import Path

import pytest

from supportdesk.errors import SettingsError
from supportdesk.settings import Settings, load_settings

ROOT = Path(__file__).parents[1]

BAD_VALUES = [
    ("data_dir", " ", "must not be empty"),
    ("database_url", "mysql://desk", "sqlite:/// or postgresql+psycopg://"),
    ("database_url", "postgresql://desk", "sqlite:/// or postgresql+psycopg://"),
    ("listen_database_url", "desk", "sqlite:/// or postgresql+psycopg://"),
    ("blob_store", "blobs", "s3://BUCKET/PREFIX or the full path"),
    ("blob_store", "s3:///prefix", "s3://BUCKET/PREFIX or the full path"),
    ("operator_name", "", "must not be empty"),
    ("operator_name", "Customer\ncentre", "must be one line"),
    ("language", "de", "one of: cs, en"),
    ("host", "", "must not be empty"),
    ("port", "http", "a whole number from 1 to 65535"),
    ("port", "0", "a whole number from 1 to 65535"),
    ("port", "65536", "a whole number from 1 to 65535"),
    ("port", "80.5", "a whole number from 1 to 65535"),
    ("public_url", "desk.example.org", "https://desk.example.org"),
    ("public_url", "ftp://desk.example.org", "https://desk.example.org"),
    ("public_url", "https://", "https://desk.example.org"),
    ("trusted_proxies", "6", "from 0 to 5"),
    ("web_processes", "0", "from 1 to 64"),
    ("web_threads", "65", "from 1 to 64"),
    ("session_idle_minutes", "4", "from 5 to 43200"),
    ("session_hours", "0", "from 1 to 2160"),
    ("door_host", "", "must not be empty"),
    ("door_port", "-1", "from 0 to 65535"),
    ("door_protocol", "pop3", "one of: lmtp, smtp"),
    ("mail_max_mib", "501", "from 1 to 500"),
    ("imap_poll_seconds", "0", "from 1 to 3600"),
    ("parse_processes", "17", "from 1 to 16"),
    ("smtp_host", "", "must not be empty"),
    ("smtp_port", "0", "from 1 to 65535"),
    ("smtp_security", "ssl", "one of: none, starttls, tls"),
    ("mail_sandbox", "maybe", "true or false"),
    ("acknowledge", "maybe", "true or false"),
    ("acknowledge_per_address_a_day", "1001", "from 0 to 1000"),
    ("acknowledge_per_hour", "-1", "from 0 to 100000"),
    ("verify_senders", "maybe", "true or false"),
    ("automatic_per_sender_an_hour", "0", "from 1 to 100000"),
    ("automatic_per_hour", "0", "from 1 to 1000000"),
    ("suppress_after_failures", "0", "from 1 to 1000"),
    ("bounce_addresses", "perhaps", "true or false"),
    ("close_after_days", "366", "from 1 to 365"),
    ("work_attempts", "101", "from 1 to 100"),
    ("send_attempts", "0", "from 1 to 1000"),
    ("log_level", "loud", "one of: debug, info, warning, error"),
    ("log_format", "xml", "one of: auto, json, text"),
    ("metrics_host", "", "must not be empty"),
    ("metrics_port", "65536", "from 0 to 65535"),
    ("worker_metrics_port", "-1", "from 0 to 65535"),
    ("drain_seconds", "301", "from 0 to 300"),
    ("stop_seconds", "0", "from 1 to 600"),
    ("alarm_addresses", "ops@example.org, nobody", "mail addresses, with commas between them"),
    ("alarm_work_minutes", "0", "from 1 to 1440"),
    ("alarm_outbox_minutes", "10081", "from 1 to 10080"),
    ("mailbox_alarm_minutes", "0", "from 1 to 1440"),
]

GOOD_VALUES = [
    ("port", "65535", 65535),
    ("door_port", "0", 0),
    ("acknowledge", "YES", True),
    ("acknowledge", "off", False),
    ("language", " en ", "en"),
    ("public_url", "https://desk.example.org/", "https://desk.example.org"),
    ("database_url", "", ""),
    ("smtp_password", "", ""),
    ("alarm_addresses", "", ()),
    ("alarm_addresses", "a@example.org, b@example.org", ("a@example.org", "b@example.org")),
]


def variable(name: str) -> str:
    return f"SUPPORTDESK_{name.upper()}"


def write(folder: Path, text: str) -> Path:
    path = folder / "supportdesk.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("name", "value", "allowed"), BAD_VALUES)
def test_bad_value_in_the_environment_is_named_with_what_is_allowed(
    name: str, value: str, allowed: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings({variable(name): value})
    text = str(raised.value)
    assert f"environment variable {variable(name)}: {value!r} cannot be used" in text
    assert allowed in text


@pytest.mark.parametrize(("name", "value", "allowed"), BAD_VALUES)
def test_bad_value_in_the_file_is_named_with_the_file_and_what_is_allowed(
    tmp_path: Path, name: str, value: str, allowed: str
) -> None:
    path = write(tmp_path, f"{name} = {json.dumps(value)}")
    with pytest.raises(SettingsError) as raised:
        load_settings({"SUPPORTDESK_SETTINGS": str(path)})
    text = str(raised.value)
    assert f"setting {name} in {path}: {value!r} cannot be used" in text
    assert allowed in text


@pytest.mark.parametrize(("name", "value", "meaning"), GOOD_VALUES)
def test_good_value_is_understood(name: str, value: str, meaning: object) -> None:
    assert getattr(load_settings({variable(name): value}), name) == meaning


def test_nothing_set_means_the_defaults() -> None:
    settings = load_settings({})
    assert settings == Settings()
    assert settings.web_address == "http://127.0.0.1:8080"
    assert settings.effective_database_url == f"sqlite:///{settings.data_dir}/supportdesk.sqlite3"
    assert settings.mail_max_bytes == 36_700_160


def test_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, 'port = 8081\nlanguage = "en"\nacknowledge = false')
    settings = load_settings({"SUPPORTDESK_SETTINGS": str(path), "SUPPORTDESK_PORT": "8082"})
    assert (settings.port, settings.language, settings.acknowledge) == (8082, "en", False)


def test_file_in_the_data_directory_is_read_without_being_named(tmp_path: Path) -> None:
    write(tmp_path, "port = 8081")
    settings = load_settings({"SUPPORTDESK_DATA_DIR": str(tmp_path)})
    assert (settings.port, settings.data_dir) == (8081, tmp_path)


def test_public_url_is_the_address_that_people_use() -> None:
    settings = load_settings({"SUPPORTDESK_PUBLIC_URL": "https://desk.example.org/"})
    assert settings.web_address == "https://desk.example.org"


def test_variables_of_other_programs_are_left_alone() -> None:
    assert load_settings({"PORT": "x", "PATH": "/bin", "SUPPORTDESKTOP": "x"}) == Settings()


@pytest.mark.parametrize("name", ["prot", "PORT"])
def test_misspelt_setting_in_the_file_is_answered_with_the_known_ones(
    tmp_path: Path, name: str
) -> None:
    path = write(tmp_path, f"{name} = 8080")
    with pytest.raises(SettingsError, match=f"setting {name} in .*there is no such setting.* port"):
        load_settings({"SUPPORTDESK_SETTINGS": str(path)})


def test_misspelt_variable_is_answered_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"SUPPORTDESK_PROT: there is no such setting.* port"):
        load_settings({"SUPPORTDESK_PROT": "8080"})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"port 8080", "is not valid TOML"),
        (b"operator_name = '\xe8'", "is not valid TOML"),
        (b"[port]\nnumber = 8080", "setting port in .*must be text, a number or true/false"),
        (b"port = [8080]", "setting port in .*must be text, a number or true/false"),
    ],
)
def test_unreadable_file_is_named_with_the_reason(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "desk.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=reason) as raised:
        load_settings({"SUPPORTDESK_SETTINGS": str(path)})
    assert str(path) in str(raised.value)


def test_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "nowhere.toml"
    with pytest.raises(SettingsError, match=r"nowhere.toml cannot be read: No such file"):
        load_settings({"SUPPORTDESK_SETTINGS": str(path)})


def test_table_of_bad_values_covers_every_setting_that_can_be_bad() -> None:
    free_text = {"secret_key", "authserv_id", "trusted_relays", "smtp_username", "smtp_password"}
    assert {name for name, _, _ in BAD_VALUES} == set(Settings.__slots__) - free_text


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    missing = [item.name for item in fields(Settings) if f"`{item.name}`" not in page]
    assert missing == []
