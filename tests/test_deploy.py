"""What operators are handed: every setting in it is one, and ending has the time it needs."""

import importlib
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from supportdesk.settings import PREFIX, Settings
from supportdesk.web.server import GRACE_SECONDS

DEPLOY = Path(__file__).parents[1] / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
KNOWN = {PREFIX + item.name.upper() for item in fields(Settings)} | {PREFIX + "SETTINGS"}


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = importlib.import_module("yaml").safe_load(
        (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    )
    return loaded


def options(unit: Path) -> dict[str, str]:
    lines = unit.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if re.match(r"[A-Z]\w+=", line))


@pytest.mark.parametrize("path", sorted(DEPLOY.iterdir()), ids=lambda path: path.name)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    named = set(re.findall(rf"\b{PREFIX}\w+", path.read_text(encoding="utf-8")))
    assert named - KNOWN == set()


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_is_confined_and_keeps_its_secrets(unit: Path) -> None:
    assert (
        options(unit).items()
        >= {
            "DynamicUser": "yes",
            "NoNewPrivileges": "yes",
            "ProtectSystem": "strict",
            "StateDirectory": "supportdesk",
            "LoadCredential": "settings.toml:/etc/supportdesk/settings.toml",
        }.items()
    )


def test_nothing_is_killed_before_it_had_its_time() -> None:
    web, worker = (options(unit) for unit in UNITS)
    services = compose()["services"]
    drain = int(services["web"]["environment"]["SUPPORTDESK_DRAIN_SECONDS"])
    least_web, least_worker = drain + GRACE_SECONDS, Settings().stop_seconds
    assert int(web["TimeoutStopSec"]) > least_web
    assert int(worker["TimeoutStopSec"]) > least_worker
    assert int(services["web"]["stop_grace_period"].rstrip("s")) > least_web
    assert int(services["worker"]["stop_grace_period"].rstrip("s")) > least_worker


def test_web_and_worker_start_after_the_migration_and_have_a_healthcheck() -> None:
    services = compose()["services"]
    for name in ("web", "worker"):
        waits_for = services[name]["depends_on"]
        assert waits_for == {"migrate": {"condition": "service_completed_successfully"}}
        assert services[name]["healthcheck"]
        assert services[name]["command"] == [name]
    assert "USER supportdesk" in (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
