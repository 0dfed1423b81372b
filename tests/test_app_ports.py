"""A port that is taken: said at once, before anything is set up or promised."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from supportdesk.app import run_all
from supportdesk.errors import SettingsError
from tests.faults.service import free_ports


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        yield holder.getsockname()[1]


@pytest.mark.parametrize("setting", ["port", "door_port", "smtp_port"])
def test_a_taken_port_stops_the_start_and_names_its_setting(
    setting: str, taken_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir = tmp_path / "data"
    monkeypatch.setenv("SUPPORTDESK_DATA_DIR", str(data_dir))
    ports = dict(zip(("port", "door_port", "smtp_port"), free_ports(3), strict=True))
    for name, port in (ports | {setting: taken_port}).items():
        monkeypatch.setenv(f"SUPPORTDESK_{name.upper()}", str(port))
    said: list[str] = []
    with pytest.raises(SettingsError, match=f"^{setting} cannot be {taken_port}: ") as caught:
        run_all(demo=True, say=said.append)
    assert "in use" in str(caught.value)
    assert said == []
    assert not data_dir.exists()
