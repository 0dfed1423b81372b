"""What surrounds every page: the menu with its numbers, the bar, and who is logged in."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from flask import Flask, render_template, url_for
from flask_babel import gettext as _
from markupsafe import Markup

from supportdesk.actions.watch import standstill
from supportdesk.channels.phone.numbers import spaced_number
from supportdesk.db.queries.menu import HAND_OVERS, QUARANTINE, count_menu
from supportdesk.db.queries.operations import find_health
from supportdesk.db.queries.prepared import MOST_VIEWERS
from supportdesk.db.queries.ticket_list import MOST_COUNTED, View, views_of
from supportdesk.db.queries.viewers import Viewer
from supportdesk.errors import SupportdeskError, read_back
from supportdesk.web import times, words
from supportdesk.web.context import logged_in, now, reading, runtime
from supportdesk.web.language import language
from supportdesk.web.markup import linked
from supportdesk.web.refusals import told, told_later
from supportdesk.web.words import word

HUES = 8
OPERATIONS = "operations"
LEDGER = "ledger"


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """A line of the menu; `count` is "" where there is nothing to do."""

    name: str
    label: str
    icon: str
    url: str
    count: str
    group: int


def render_page(template: str, *, menu: str = "", **values: object) -> str:
    """Render a page inside the shell; `menu` names the entry that the reader is at."""
    found = logged_in()
    alarms = alarms_for(found.viewer) if found else ()
    entries = menu_for(found.viewer, alarms) if found else ()
    return render_template(template, menu=entries, menu_at=menu, alarms=alarms, **values)


def alarms_for(viewer: Viewer) -> Sequence[SupportdeskError]:
    """Give what is wrong with the service now, to those who look after it."""
    if not viewer.looks_after_service:
        return ()
    health = find_health(reading())
    still = standstill(health.watched_at, now=now())
    return [*([still] if still else []), *map(read_back, health.problems)]


def menu_for(viewer: Viewer, alarms: Sequence[SupportdeskError]) -> Sequence[MenuEntry]:
    """Give the viewer's menu, the numbers by one statement."""
    entries = _entries(viewer, language(), runtime().settings.mail_sandbox)
    counts = {OPERATIONS: len(alarms)}
    if viewer.sees_content:
        counts |= count_menu(reading(), viewer)
    return [
        replace(entry, count=capped(count)) if (count := counts.get(entry.name)) else entry
        for entry in entries
    ]


@lru_cache(maxsize=MOST_VIEWERS)
def _entries(viewer: Viewer, _language: str, has_sandbox: bool) -> Sequence[MenuEntry]:
    """Build the menu without its numbers, once for every viewer and language."""
    entries: list[MenuEntry] = []
    if viewer.sees_content:
        entries += [
            _entry(view, word(words.VIEWS, view), words.VIEW_ICONS[view], 0, view=view)
            for view in views_of(viewer)
        ]
        if viewer.works_on_tickets:
            entries.append(_entry(HAND_OVERS, _("Hand-overs"), "sunrise", 1))
        if viewer.sees_all_tickets:
            entries.append(_entry(QUARANTINE, _("Quarantine"), "exclamation-octagon", 1))
    if viewer.looks_after_service:
        entries.append(_entry(OPERATIONS, _("Operations"), "activity", 2))
        entries.append(_entry(LEDGER, _("Ledger"), "journal-check", 2))
    if viewer.is_administrator:
        entries.append(_entry("agents", _("Agents"), "person-badge", 2))
        entries.append(_entry("mailboxes", _("Mailboxes"), "envelope-at", 2))
    if viewer.sees_content and has_sandbox:
        entries.append(_entry("sandbox", _("Mail sandbox"), "send", 2))
    return entries


def _entry(name: str, label: str, icon: str, group: int, view: View | None = None) -> MenuEntry:
    """Give an entry; what is no view is the list of the blueprint of its name."""
    url = url_for("inbox.show_view", view=view) if view else url_for(f"{name}.show_list")
    return MenuEntry(name, label, icon, url, "", group)


def capped(count: int) -> str:
    """Tell a number that was counted up to a cap; "" for none."""
    if count > MOST_COUNTED:
        return f"{MOST_COUNTED}+"
    return str(count) if count else ""


def furnish(app: Flask, *, icons_url: str, bootstrap_url: str) -> None:
    """Give the templates of `app` what they draw with."""

    @lru_cache(maxsize=256)
    def icon(name: str, extra: str = "") -> Markup:
        return Markup(  # noqa: S704 - names come from our own templates
            f'<svg class="icon {extra}" aria-hidden="true"><use href="{icons_url}#{name}"/></svg>'
        )

    # A filter, for Jinja draws constant ones when it compiles a template, not for every page.
    app.jinja_env.filters["icon"] = icon
    app.jinja_env.globals.update(
        bootstrap_url=bootstrap_url,
        initials=initials,
        hue=hue,
        linked=linked,
        short_time=times.short_time,
        long_time=times.long_time,
        machine_time=times.machine_time,
        how_long=times.how_long,
        day=times.day,
        calendar_day=times.calendar_day,
        word=word,
        role_word=words.role_word,
        activity_word=words.activity_word,
        words=words,
        told=told,
        told_later=told_later,
        size=size,
        language=language,
        now=now,
        logged_in=logged_in,
        operator_name=lambda: runtime().settings.operator_name,
    )
    app.jinja_env.filters["spaced_number"] = spaced_number
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True


@lru_cache(maxsize=4096)
def initials(name: str) -> str:
    """Give the first letters of the first and the last name."""
    parts = [part for part in name.replace(".", " ").split() if part[:1].isalpha()]
    if not parts:
        return "?"
    return (parts[0][0] + (parts[-1][0] if len(parts) > 1 else "")).upper()


@lru_cache(maxsize=4096)
def hue(name: str) -> int:
    """Give the number of the colour that stands for a name, always the same one."""
    return zlib.crc32(name.encode()) // 7 % HUES


def size(count: int) -> str:
    """Tell a size in bytes roughly."""
    if count < 1024:
        return f"{count} B"
    if count < 1024 * 1024:
        return f"{count // 1024} kB"
    mebibytes = f"{count / 1024 / 1024:.1f} MB"
    return mebibytes.replace(".", ",") if language() == "cs" else mebibytes
