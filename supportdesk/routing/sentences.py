"""Tells a trace in short plain sentences, in Czech and English, for people outside the trade."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from supportdesk.routing import phrases
from supportdesk.routing.decision import TraceStep
from supportdesk.routing.phrases import Language, Text
from supportdesk.routing.rules import RULES

_Filler = Callable[[Mapping[str, Any], Language], str]

RULE_SAYS_IN_CZECH = {
    "R1": "Někdo volá a nevíme jistě, kdo to je: telefon vezmou asistenti 24/7 a zjistí to.",
    "R2": "Někdo píše a nevíme jistě, kdo to je: zjistí to asistenti 24/7 při třídění.",
    "R3": "Ztráta, krádež nebo zneužití SIM: hned volný konzultant, jinak asistenti 24/7.",
    "R4": "Technická kontaktní osoba, pokud nejde o obchodní věc: rovnou TDMS ve dne v noci.",
    "R5": "Technická věc od jiné kontaktní osoby: převezme ji konzultant a předá ji dál.",
    "R6": "Vše ostatní v otevírací době: osobní konzultant, zástup, asistenti 24/7.",
    "R7": "Vše ostatní mimo otevírací dobu: asistenti 24/7.",
}

_AGAIN = Text(" Otevře {opens}.", " It opens {opens}.")

SENTENCES: dict[str, Text] = {
    "request.came": Text("Požadavek přišel {channel} {at}.", "The request came {channel} {at}."),
    "request.automatic": Text(
        "Zprávu napsal stroj, ne člověk.", "A machine wrote the message, not a person."
    ),
    "caller.technical": Text(
        "Obrací se na nás technická kontaktní osoba{who}.", "A technical contact asks{who}."
    ),
    "caller.contact": Text("Obrací se na nás kontaktní osoba{who}.", "A contact asks{who}."),
    "caller.ambiguous": Text(
        "Odesílateli odpovídá více osob nebo organizací{who}.",
        "Several people or organisations fit the sender{who}.",
    ),
    "caller.unknown": Text("Odesílatele neznáme.", "We do not know the sender."),
    "caller.hidden": Text("Odesílatel skryl svou totožnost.", "The sender is hidden."),
    "topic.technical": Text("Jde o technickou věc{source}.", "It is technical{source}."),
    "topic.business": Text("Jde o obchodní věc{source}.", "It is about business{source}."),
    "topic.unspecified": Text("Téma není určeno{source}.", "No topic is given{source}."),
    "topic.block": Text(
        "Jde o ztrátu, krádež nebo zneužití{source}.",
        "It is about loss, theft or abuse{source}.",
    ),
    "hours.open": Text(
        "Zákaznické centrum má otevřeno ({opening}).", "The customer centre is open ({opening})."
    ),
    "hours.before_opening": Text(
        "Zákaznické centrum ještě nemá otevřeno." + _AGAIN.cs,
        "The customer centre is not open yet." + _AGAIN.en,
    ),
    "hours.after_closing": Text(
        "Zákaznické centrum už má zavřeno." + _AGAIN.cs,
        "The customer centre has closed for the day." + _AGAIN.en,
    ),
    "hours.weekend": Text(
        "Je víkend a zákaznické centrum má zavřeno." + _AGAIN.cs,
        "It is the weekend and the customer centre is closed." + _AGAIN.en,
    ),
    "hours.holiday": Text(
        "Je státní svátek ({day_name}) a zákaznické centrum má zavřeno." + _AGAIN.cs,
        "It is a public holiday ({day_name}) and the customer centre is closed." + _AGAIN.en,
    ),
    "hours.closing_day": Text(
        "Zákaznické centrum má mimořádně zavřeno ({day_name})." + _AGAIN.cs,
        "The customer centre is closed by the operator's choice ({day_name})." + _AGAIN.en,
    ),
    "consultant.free": Text(
        "Osobní konzultant{name} je volný.", "The personal consultant{name} is free."
    ),
    "consultant.busy": Text(
        "Osobní konzultant{name} má právě práci.", "The personal consultant{name} is busy."
    ),
    "consultant.away": Text(
        "Osobní konzultant{name} není přítomen.", "The personal consultant{name} is away."
    ),
    "consultant.absent": Text(
        "Osobní konzultant{name} teď nepracuje: {absence}.",
        "The personal consultant{name} is not at work: {absence}.",
    ),
    "consultant.none": Text(
        "Zákazník nemá přiděleného osobního konzultanta.",
        "No personal consultant is assigned to the customer.",
    ),
    "rule.passed_over": Text(
        "Pravidlo {rule} neplatí: {because}.", "Rule {rule} does not apply: {because}."
    ),
    "rule.applies": Text("Platí pravidlo {rule}. {says}", "Rule {rule} applies. {says}"),
    "substitute.available": Text("{link}: je k dispozici.", "{link}: available."),
    "substitute.absent": Text("{link}: {absence}.", "{link}: {absence}."),
    "substitute.away": Text("{link}: podle stavu je pryč.", "{link}: away, says the status."),
    "substitute.inactive": Text("{link}: už tu nepracuje.", "{link}: does not work here any more."),
    "substitute.cycle": Text(
        "{link}: tato osoba už v řadě byla, řada tu končí.",
        "{link}: was already asked, so the chain ends here.",
    ),
    "deputy.nobody": Text("Žádný zástup není k dispozici.", "No deputy is available."),
    "goes.consultant": Text(
        "Požadavek dostane osobní konzultant{name}.",
        "The request goes to the personal consultant{name}.",
    ),
    "goes.deputy": Text("Požadavek dostane zástup{name}.", "The request goes to the deputy{name}."),
    "goes.pool": Text(
        "Požadavek dostanou asistenti zákaznického centra 24/7.",
        "The request goes to the 24/7 pool of the customer centre.",
    ),
    "goes.pool_triage": Text(
        "Požadavek dostanou asistenti 24/7 k třídění: nejprve zjistí, kdo píše.",
        "The request goes to the 24/7 pool's triage, which first finds out who wrote.",
    ),
    "goes.tdms": Text(
        "Požadavek dostane přímo technická podpora TDMS.",
        "The request goes straight to the technical specialists (TDMS).",
    ),
    "goes.then": Text("Když to nevyjde, pak: {targets}.", "If that fails, then: {targets}."),
    "not_consultant.caller": Text(
        "Proč ne osobní konzultant: dokud nevíme, kdo se obrací, nevíme, čí by byl.",
        "Why not the personal consultant: until we know who asks, we cannot tell whose.",
    ),
    "not_consultant.nobody_assigned": Text(
        "Proč ne osobní konzultant: žádný není přidělen.",
        "Why not the personal consultant: nobody is assigned.",
    ),
    "not_consultant.straight_to_tdms": Text(
        "Proč ne osobní konzultant: technické kontaktní osoby mají přímou cestu k TDMS.",
        "Why not the personal consultant: technical contacts have a direct way to TDMS.",
    ),
    "not_consultant.desk_closed": Text(
        "Proč ne osobní konzultant: mimo otevírací dobu tu není; otevírá se {opens}.",
        "Why not the personal consultant: not here outside opening hours; the desk opens {opens}.",
    ),
    "not_consultant.busy": Text(
        "Proč ne osobní konzultant: má práci a tato věc nesmí čekat.",
        "Why not the personal consultant: busy, and this cannot wait.",
    ),
    "not_consultant.away": Text(
        "Proč ne osobní konzultant: není přítomen.", "Why not the personal consultant: away."
    ),
    "owner.stays": Text(
        "Zákazníka má dál na starosti osobní konzultant{name} a vše uvidí.",
        "The personal consultant{name} still looks after the customer and sees everything.",
    ),
    "priority.loss": Text(
        "Priorita {priority}: ztráta, krádež nebo zneužití nesmí čekat.",
        "Priority {priority}: loss, theft or abuse cannot wait.",
    ),
    "priority.technical": Text(
        "Priorita {priority}: technická věc.", "Priority {priority}: a technical matter."
    ),
    "priority.normal": Text("Priorita {priority}: běžná.", "Priority {priority}: normal."),
    "priority.automatic": Text(
        "Priorita {priority}: automatická zpráva.", "Priority {priority}: an automatic message."
    ),
    "offer.hold_or_callback": Text(
        "Volající může počkat, nebo si vyžádat zpětné volání.",
        "The caller may hold or ask to be called back.",
    ),
    "supervisor.alerted": Text(
        "Vedoucí dostane upozornění, že zákazník nemá konzultanta.",
        "The supervisor is told that the customer has no consultant.",
    ),
}


def render_trace(trace: Sequence[TraceStep], language: Language) -> list[str]:
    """Tell a trace, one line a step, times in the operator's zone."""
    return [
        SENTENCES[step["code"]].in_(language).format_map(_Filled(step["values"], language))
        for step in trace
    ]


class _Filled(dict[str, str]):
    """Says a placeholder when a sentence asks for it."""

    def __init__(self, values: Mapping[str, Any], language: Language) -> None:
        self._values = values
        self._language = language

    def __missing__(self, placeholder: str) -> str:
        return _FILLERS[placeholder](self._values, self._language)


def _in_brackets(*parts: str) -> str:
    said = "; ".join(part for part in parts if part)
    return f" ({said})" if said else ""


def _who(values: Mapping[str, Any], language: Language) -> str:
    return _in_brackets(", ".join(values["names"]), ", ".join(values["organisations"]))


def _source(values: Mapping[str, Any], language: Language) -> str:
    source = phrases.TOPIC_SOURCES[values["source"]].in_(language)
    detail = f"{source} {values['detail']}".strip()
    quotes = ("„", "“") if language == "cs" else ("“", "”")
    words = ", ".join(f"{quotes[0]}{word}{quotes[1]}" for word in values["words"])
    return _in_brackets(": ".join(part for part in (detail, words) if part))


def _opening(values: Mapping[str, Any], language: Language) -> str:
    return f"{phrases.clock_time(values['opens_at'])}–{phrases.clock_time(values['closes_at'])}"


def _absence(values: Mapping[str, Any], language: Language) -> str:
    kind = phrases.ABSENCES[values["kind"]].in_(language)
    begin = phrases.short_instant(values["starts_at"], language)
    end = phrases.short_instant(values["ends_at"], language)
    return f"{kind} od {begin} do {end}" if language == "cs" else f"{kind} from {begin} to {end}"


def _link(values: Mapping[str, Any], language: Language) -> str:
    name, named_by = values["name"], values["named_by"]
    if named_by:
        link = Text("Další zástup (určuje {by}), {name}", "Next substitute (named by {by}), {name}")
    else:
        link = Text("Zástup podle přidělení, {name}", "Substitute by the assignment, {name}")
    return link.in_(language).format(by=named_by, name=name)


def _because(values: Mapping[str, Any], language: Language) -> str:
    saw = values["saw"]
    catalogues = {
        "channel": phrases.CHANNELS,
        "caller": phrases.CALLERS,
        "topic": phrases.TOPICS,
        "closed": phrases.CLOSED,
    }
    words = {key: texts[saw].in_(language) for key, texts in catalogues.items() if saw in texts}
    return phrases.CONDITIONS_FAILED[values["condition"]].in_(language).format(**words)


def _says(values: Mapping[str, Any], language: Language) -> str:
    if language == "cs":
        return RULE_SAYS_IN_CZECH[values["rule"]]
    return next(rule.says for rule in RULES if rule.code == values["rule"])


def _targets(values: Mapping[str, Any], language: Language) -> str:
    return ", ".join(phrases.TARGETS[target].in_(language) for target in values["targets"])


def _name_beside(key: str) -> _Filler:
    return lambda values, language: _in_brackets(values[key])


def _as_stored(key: str) -> _Filler:
    return lambda values, language: str(values[key])


# How each placeholder of a sentence is said.
_FILLERS: dict[str, _Filler] = {
    "absence": _absence,
    "at": lambda values, language: phrases.on_day_at(values["at"], language, with_seconds=True),
    "because": _because,
    "channel": lambda values, language: phrases.CHANNELS[values["channel"]].in_(language),
    "day_name": lambda values, language: str(values[f"name_{language}"]),
    "link": _link,
    "name": _name_beside("name"),
    "opening": _opening,
    "opens": lambda values, language: phrases.on_day_at(values["opens_at"], language),
    "priority": _as_stored("priority"),
    "rule": _as_stored("rule"),
    "says": _says,
    "source": _source,
    "targets": _targets,
    "who": _who,
}
