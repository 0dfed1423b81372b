"""Instants in words, in the operator's zone: short in lists, whole where it matters."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from flask_babel import gettext as _
from flask_babel import ngettext

from supportdesk.routing.calendar import ZONE
from supportdesk.web.context import now
from supportdesk.web.language import language

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = {
    "cs": ("po", "út", "st", "čt", "pá", "so", "ne"),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}


@lru_cache(maxsize=4096)
def local(instant: datetime) -> datetime:
    """Give the instant on the operator's wall clock."""
    return instant.astimezone(UTC).astimezone(ZONE)


def short_time(instant: datetime) -> str:
    """Tell when, in as few signs as a list has room for: 14:05, Tue 14:05, 3 Nov, 3 Nov 2025."""
    then, today = local(instant), local(now()).date()
    clock = f"{then.hour}:{then.minute:02}"
    age = (today - then.date()).days
    if age == 0:
        return clock
    if 0 < age < 6:
        return f"{_DAYS[language()][then.weekday()]} {clock}"
    return _date(then, with_year=then.year != today.year)


def long_time(instant: datetime) -> str:
    """Tell when, with weekday, date and clock."""
    then = local(instant)
    return (
        f"{_DAYS[language()][then.weekday()]} {_date(then, with_year=True)},"
        f" {then.hour}:{then.minute:02}"
    )


def day(instant: datetime) -> str:
    """Tell the day alone."""
    return _date(local(instant), with_year=True)


def calendar_day(on: date) -> str:
    """Tell a day of the calendar."""
    return _date(on, with_year=True)


def machine_time(instant: datetime) -> str:
    """Give the instant for a `datetime` attribute."""
    return instant.astimezone(UTC).isoformat(timespec="seconds")


def how_long(span: timedelta) -> str:
    """Tell a span roughly, by its largest unit: 35 min, 3 h, 2 days."""
    minutes = max(int(abs(span).total_seconds()) // 60, 1)
    if minutes < 60:
        return str(_("%(count)s min", count=minutes))
    if minutes < 48 * 60:
        return str(_("%(count)s h", count=minutes // 60))
    return str(ngettext("%(num)s day", "%(num)s days", minutes // (24 * 60)))


def _date(then: date, *, with_year: bool) -> str:
    year = f" {then.year}" if with_year else ""
    if language() == "cs":
        return f"{then.day}. {then.month}.{year}"
    return f"{then.day} {_MONTHS[then.month - 1]}{year}"
