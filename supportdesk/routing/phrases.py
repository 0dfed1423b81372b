"""Phrases that sentences are put together from, in Czech and English, and dates in words."""

from datetime import datetime
from typing import Literal, NamedTuple

from supportdesk.routing.calendar import local_time

Language = Literal["cs", "en"]


class Text(NamedTuple):
    """One phrase in both languages."""

    cs: str
    en: str

    def in_(self, language: Language) -> str:
        """Give the phrase in one language."""
        return self.cs if language == "cs" else self.en


CHANNELS = {
    "email": Text("e-mailem", "by email"),
    "phone": Text("telefonem", "by phone"),
    "fax": Text("faxem", "by fax"),
    "web": Text("přes web", "by web"),
}
CALLERS = {
    "technical": Text("technická kontaktní osoba", "a technical contact"),
    "contact": Text("kontaktní osoba", "a contact"),
    "ambiguous": Text("více možných osob", "several people fit"),
    "unknown": Text("neznámá osoba", "an unknown person"),
    "hidden": Text("skrytá totožnost", "a hidden identity"),
}
TOPICS = {
    "technical": Text("technická věc", "a technical matter"),
    "business": Text("obchodní věc", "a business matter"),
    "unspecified": Text("neurčeno", "not specified"),
    "block": Text("ztráta, krádež nebo zneužití", "loss, theft or abuse"),
}
CLOSED = {
    "before_opening": Text("před otevřením", "before opening"),
    "after_closing": Text("po zavírací době", "after closing"),
    "weekend": Text("víkend", "weekend"),
    "holiday": Text("státní svátek", "a public holiday"),
    "closing_day": Text("mimořádně zavřeno", "the operator's closing day"),
}
ABSENCES = {
    "leave": Text("dovolená", "leave"),
    "illness": Text("nemoc", "illness"),
    "training": Text("školení", "training"),
    "other": Text("nepřítomnost", "absence"),
}
TARGETS = {
    "consultant": Text("osobní konzultant", "the personal consultant"),
    "deputy": Text("zástup", "the deputy"),
    "pool": Text("asistenti 24/7", "the 24/7 pool"),
    "pool_triage": Text("třídění u asistentů 24/7", "the 24/7 pool's triage"),
    "tdms": Text("technická podpora TDMS", "the technical specialists (TDMS)"),
}
TOPIC_SOURCES = {
    "staff": Text("určila obsluha", "set by staff"),
    "loss_words": Text("podle slov v textu", "from words in the text"),
    "mailbox": Text("podle schránky", "from the mailbox"),
    "form": Text("podle formuláře", "from the form"),
    "words": Text("podle slov v textu", "from words in the text"),
    "ticket": Text("podle dřívějších zpráv", "from earlier messages"),
    "nothing": Text("", ""),
}
# Why a row of the table was passed over: its first condition that did not hold.
CONDITIONS_FAILED = {
    "by_phone": Text("požadavek přišel {channel}", "the request came {channel}"),
    "not_identified": Text("víme, kdo se obrací ({caller})", "we know who asks ({caller})"),
    "technical_contact": Text(
        "obrací se na nás {caller}, ne technická",
        "the request is from {caller}, not a technical one",
    ),
    "about_loss": Text(
        "nejde o ztrátu, krádež ani zneužití (téma: {topic})",
        "it is not about loss, theft or abuse (topic: {topic})",
    ),
    "about_technical_matter": Text(
        "nejde o technickou věc (téma: {topic})", "it is not technical (topic: {topic})"
    ),
    "not_about_business": Text("jde o obchodní věc", "it is a business matter"),
    "desk_is_open": Text(
        "zákaznické centrum má zavřeno ({closed})", "the customer centre is closed ({closed})"
    ),
}

_ON_WEEKDAY = (
    Text("v pondělí", "on Monday"),
    Text("v úterý", "on Tuesday"),
    Text("ve středu", "on Wednesday"),
    Text("ve čtvrtek", "on Thursday"),
    Text("v pátek", "on Friday"),
    Text("v sobotu", "on Saturday"),
    Text("v neděli", "on Sunday"),
)
_MONTHS = (
    "January February March April May June July August September October November December"
).split()


def on_day_at(instant: str, language: Language, *, with_seconds: bool = False) -> str:
    """Say an ISO instant in local time: `v pondělí 6. 4. 2026 v 8:00`."""
    local = local_time(datetime.fromisoformat(instant))
    day = _ON_WEEKDAY[local.weekday()].in_(language)
    if language == "cs":
        return f"{day} {_czech_date(local)} v {_clock(local, with_seconds=with_seconds)}"
    return f"{day} {_english_date(local)} at {_clock(local, with_seconds=with_seconds)}"


def short_instant(instant: str, language: Language) -> str:
    """Say an ISO instant in local time without the day of the week: `6. 4. 2026 8:00`."""
    local = local_time(datetime.fromisoformat(instant))
    if language == "cs":
        return f"{_czech_date(local)} {_clock(local)}"
    return f"{_english_date(local)} {_clock(local)}"


def clock_time(instant: str) -> str:
    """Say only the local time of an ISO instant: `8:00`."""
    return _clock(local_time(datetime.fromisoformat(instant)))


def _czech_date(local: datetime) -> str:
    return f"{local.day}. {local.month}. {local.year}"


def _english_date(local: datetime) -> str:
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"


def _clock(local: datetime, *, with_seconds: bool = False) -> str:
    seconds = f":{local.second:02}" if with_seconds else ""
    return f"{local.hour}:{local.minute:02}{seconds}"
