"""What surrounds every page: the menu with its numbers, the bar, and who is logged in."""

import zlib
from dataclasses import dataclass
from functools import lru_cache

from flask import Flask, render_template, url_for
from flask_babel import gettext as _
from markupsafe import Markup

from supportdesk.channels.phone.numbers import spaced_number
from supportdesk.db.queries.menu import HAND_OVERS, QUARANTINE, count_menu
from supportdesk.db.queries.ticket_list import MOST_COUNTED, View, views_of
from supportdesk.db.queries.viewers import Viewer
from supportdesk.web import times, words
from supportdesk.web.context import logged_in, now, reading, runtime
from supportdesk.web.language import language
from supportdesk.web.markup import linked
from supportdesk.web.refusals import told_later
from supportdesk.web.words import word

HUES = 8


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
    entries = menu_for(found.viewer) if found else ()
    return render_template(template, menu=entries, menu_at=menu, **values)


def menu_for(viewer: Viewer) -> tuple[MenuEntry, ...]:
    """Build the viewer's menu, the numbers by one statement."""
    entries: list[MenuEntry] = []
    if viewer.sees_content:
        views = views_of(viewer)
        counts = count_menu(reading(), viewer)
        entries = [_entry_of_view(view, counts.get(view, 0)) for view in views]
        if viewer.works_on_tickets:
            entries += [
                MenuEntry(
                    HAND_OVERS,
                    _("Hand-overs"),
                    "sunrise",
                    url_for("hand_overs.show_list"),
                    capped(counts[HAND_OVERS]),
                    1,
                )
            ]
        if viewer.sees_all_tickets:
            entries += [
                MenuEntry(
                    QUARANTINE,
                    _("Quarantine"),
                    "exclamation-octagon",
                    url_for("quarantine.show_list"),
                    capped(counts[QUARANTINE]),
                    1,
                )
            ]
    if viewer.is_administrator:
        entries += [
            MenuEntry("agents", _("Agents"), "person-badge", url_for("agents.show_list"), "", 2),
            MenuEntry(
                "mailboxes",
                _("Mailboxes"),
                "envelope-at",
                url_for("mailboxes.show_list"),
                "",
                2,
            ),
        ]
    if viewer.sees_content and runtime().settings.mail_sandbox:
        url = url_for("sandbox.show_list")
        entries.append(MenuEntry("sandbox", _("Mail sandbox"), "send", url, "", 2))
    return tuple(entries)


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
        word=word,
        role_word=words.role_word,
        activity_word=words.activity_word,
        words=words,
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


def _entry_of_view(view: View, count: int) -> MenuEntry:
    return MenuEntry(
        view,
        word(words.VIEWS, view),
        words.VIEW_ICONS[view],
        url_for("inbox.show_view", view=view),
        capped(count),
        0,
    )
