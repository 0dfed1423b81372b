"""What was measured where: without this no figure means anything."""

import importlib.metadata
import os
import platform
import sqlite3
import statistics
import subprocess
import time
from pathlib import Path

import sqlalchemy as sa

from supportdesk.routing.rules import RULES_VERSION


def describe_machine() -> list[str]:
    """Describe the processor, the memory and how busy the machine is right now."""
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    return [
        f"processor  {_processor()}, {os.cpu_count()} cores",
        f"memory     {_memory_gib():.1f} GiB",
        f"system     {platform.system()} {platform.release()}, load average {load}",
        f"speed      {_speed()}",
    ]


def describe_versions() -> list[str]:
    """Describe the software that was measured, but for the database's server."""
    libraries = ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("SQLAlchemy", "Flask", "psycopg")
    )
    python = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    return [
        f"versions   {python}, {libraries}",
        f"measured   revision {_revision()}, rules {RULES_VERSION}",
    ]


def describe_database(engine: sa.Engine) -> str:
    """Describe the database and how durable a commit is."""
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            version = connection.exec_driver_sql("SHOW server_version").scalar()
            names = ("fsync", "synchronous_commit", "full_page_writes", "shared_buffers")
            shown = [f"{one}={connection.exec_driver_sql(f'SHOW {one}').scalar()}" for one in names]
            return f"PostgreSQL {version}, {', '.join(shown)}"
        journal = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        synchronous = connection.exec_driver_sql("PRAGMA synchronous").scalar()
        level = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}[synchronous or 0]
        return f"SQLite {sqlite3.sqlite_version}, journal_mode={journal}, synchronous={level}"


def _speed() -> str:
    """Time one small piece of work again and again: neighbours slow a shared machine down."""
    times = sorted(time_of_work() for _ in range(200))
    best, median = times[0] * 1000, statistics.median(times) * 1000
    return f"a fixed piece of Python takes {best:.1f} ms at best, {median:.1f} ms at the median"


def time_of_work() -> float:
    """Do a fixed piece of work in Python and give the seconds that it took."""
    began = time.perf_counter()
    sum(len(str(number)) for number in range(20_000))  # nothing for the garbage collector
    return time.perf_counter() - began


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float:
    pages: int = os.sysconf("SC_PHYS_PAGES")
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024**3


def _revision() -> str:
    folder = Path(__file__).parent
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()
