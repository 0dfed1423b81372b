"""What our automatic mails say, in Czech and English. It never repeats what the customer wrote."""

from dataclasses import dataclass
from datetime import datetime

from supportdesk.routing.decision import Target
from supportdesk.routing.phrases import Language, Text, on_day_at


@dataclass(frozen=True, slots=True)
class Wording:
    """A subject and a text, in the little Markdown of replies."""

    subject: str
    text: str


_SUBJECT = Text("Přijali jsme Váš požadavek", "We have received your request")
_GREETING = Text(
    "Dobrý den,\n\nVáš požadavek jsme přijali a vedeme ho pod číslem {number}.",
    "Hello,\n\nWe have received your request and keep it under number {number}.",
)
_WHO: dict[Target | None, Text] = {
    Target.CONSULTANT: Text(
        "Má ho Váš osobní konzultant: {consultant}.",
        "It is with your personal consultant: {consultant}.",
    ),
    Target.DEPUTY: Text(
        "Váš osobní konzultant ({consultant}) tu dnes není, ujme se ho jeho zástup.",
        "Your personal consultant ({consultant}) is away today; the deputy takes care of it.",
    ),
    Target.TDMS: Text(
        "Předali jsme ho přímo technické podpoře, která pracuje nepřetržitě.",
        "It went straight to technical support, who work around the clock.",
    ),
}
_POOL = Text(
    "Mají ho asistenti zákaznického centra, kteří pracují nepřetržitě.",
    "It is with the assistants of the customer centre, who work around the clock.",
)
_POOL_FOR_CONSULTANT = Text(
    "Mají ho asistenti zákaznického centra, kteří pracují nepřetržitě;"
    " Váš osobní konzultant ({consultant}) o něm bude vědět.",
    "It is with the assistants of the customer centre, who work around the clock;"
    " your personal consultant ({consultant}) will know of it.",
)
_OPEN = Text(
    "Osobní konzultanti jsou k dispozici v pracovní dny od 8:00 do 16:00.",
    "Personal consultants are available on working days from 8:00 to 16:00.",
)
_CLOSED = Text(
    "Osobní konzultanti jsou k dispozici v pracovní dny od 8:00 do 16:00, nejblíže {opens}.",
    "Personal consultants are available on working days from 8:00 to 16:00, next {opens}.",
)
_ENDING = Text(
    "Chcete-li něco doplnit, odpovězte prosím na tento e-mail.\n\n{operator}",
    "To add anything, please reply to this email.\n\n{operator}",
)


def acknowledgement(
    language: str,
    *,
    ticket_id: int,
    target: Target | None,
    consultant: str,
    opens_at: datetime | None,
    operator: str,
) -> Wording:
    """Say that a request is here: its number, who has it, and when the consultants are there.

    `consultant` is "" when nobody is assigned; `opens_at` None means that the desk is open now.
    """
    spoken: Language = "en" if language == "en" else "cs"
    with_consultant = _POOL_FOR_CONSULTANT if consultant else _POOL
    hours = _CLOSED if opens_at else _OPEN
    opens = on_day_at(opens_at.isoformat(), spoken) if opens_at else ""
    parts = (_GREETING, _WHO.get(target, with_consultant), hours, _ENDING)
    text = "\n\n".join(part.in_(spoken) for part in parts)
    return Wording(
        _SUBJECT.in_(spoken),
        text.format(number=ticket_id, consultant=consultant, opens=opens, operator=operator),
    )
