"""The secret that the service makes for itself: whole, once, and for nobody else."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from supportdesk.app import migrate, open_runtime
from supportdesk.errors import SettingsError
from supportdesk.settings import Settings


def settings_in(folder: Path) -> Settings:
    settings = Settings(data_dir=folder / "data")
    migrate(settings)
    return settings


def secret_of(settings: Settings) -> bytes:
    runtime = open_runtime(settings)
    runtime.database.close()
    return runtime.secret_key


def test_processes_that_start_together_have_one_secret(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        secrets = set(pool.map(secret_of, [settings] * 8))
    assert len(secrets) == 1
    assert len(secrets.pop()) >= 32
    assert [path.name for path in settings.data_dir.glob("*secret*")] == ["secret.key"]


def test_a_damaged_secret_is_never_used(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    (settings.data_dir / "secret.key").write_bytes(b"")
    with pytest.raises(SettingsError, match="damaged"):
        secret_of(settings)


def test_what_the_service_keeps_is_for_nobody_else(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    secret_of(settings)
    assert settings.data_dir.stat().st_mode & 0o077 == 0
    assert (settings.data_dir / "secret.key").stat().st_mode & 0o077 == 0
