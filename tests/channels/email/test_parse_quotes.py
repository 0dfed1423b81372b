"""What a sender wrote is told from what was quoted, and nothing of it is hidden."""

import time

import pytest

from supportdesk.channels.email.quotes import reply_text

OWN = "Dobrý den,\n\nano, souhlasím.\n\nJan Novák"
QUOTED = "> Dobrý den,\n> souhlasíte?\n>\n> Vaše centrum"


@pytest.mark.parametrize(
    "history",
    [
        f"Dne 05.01.2026 v 10:00 Centrum napsal(a):\n{QUOTED}",
        f"Dne 5. ledna 2026 10:00:00 SEČ, Centrum <business@operator.example> napsal:\n{QUOTED}",
        f"po 5. 1. 2026 v 10:00 odesílatel Centrum <business@operator.example> napsal:\n\n{QUOTED}",
        f"po 5. 1. 2026 v 10:00 odesílatel Centrum\n<business@op.example> napsal:\n\n{QUOTED}",
        f"5. 1. 2026 v 10:00, Centrum <business@operator.example>:\n\n{QUOTED}",
        f"On Mon, Jan 5, 2026 at 10:00 AM Centre <business@operator.example>\nwrote:\n\n{QUOTED}",
        f"On 5 Jan 2026, at 10:00, Centre <business@operator.example> wrote:\n\n{QUOTED}",
        f"pi 5. 1. 2026 o 10:00 Centrum <a@b.example> napísal(a):\n{QUOTED}",
        "Dne 05.01.2026 v 10:00 Centrum napsal(a):\nsouhlasíte?",
        QUOTED,
        "-----Původní zpráva-----\nOd: Centrum\nOdesláno: pondělí 5. ledna 2026 10:00\nKomu: Jan",
        "-----Original Message-----\nFrom: Centre\nSent: Monday\nTo: Jan\nSubject: x\n\nQuestion?",
        (
            "---------- Původní e-mail ----------\nOd: Centrum <a@b.example>\nKomu: jan@x\n"
            "Datum: 5. 1. 2026 10:00:00\nPředmět: x\n\nOtázka?"
        ),
        (
            "Od: Centrum <a@b.example>\nOdesláno: pondělí 5. ledna 2026 10:00\nKomu: Jan\n"
            "Předmět: x\n\nOtázka?"
        ),
        (
            "__________\nFrom: Centre <a@b.example>\nSent: Monday, 5 January 2026\n"
            "To: Jan\nCc: Eva\nSubject: x\n\nQuestion?"
        ),
        "*Od:* Centrum\n*Odesláno:* pondělí\n*Komu:* Jan\n*Předmět:* x\n\nOtázka?",
        "Von: Zentrum\nGesendet: Montag\nAn: Jan\nBetreff: x\n\nFrage?",
        f"Dne 05.01.2026 v 10:00 C napsal(a):\n{QUOTED}\n\nOd: D\nKomu: E\nPředmět: x\nstarší",
    ],
)
def test_the_history_below_the_reply_is_left_out(history: str) -> None:
    assert reply_text(f"{OWN}\n\n{history}\n") == OWN


@pytest.mark.parametrize(
    "text",
    [
        OWN,
        f"Dne 05.01.2026 v 10:00 Centrum napsal(a):\n{QUOTED}",
        f"{QUOTED}\n\nano, souhlasím",
        "Dne 05.01.2026 v 10:00 C napsal(a):\n> první?\nano\n> druhá?\nne",
        f"Odpovědi jsou v textu.\n\nDne 05.01.2026 v 10:00 C\nnapsal(a):\n> co?\n\nano\n\n{QUOTED}",
        "Viz níže červeně.\n\nOd: C\nOdesláno: pondělí\nKomu: Jan\nPředmět: x\n\nOtázka? Ano.",
        "Od: pondělí do pátku je otevřeno.\nKontakt: Jan",
        "Dne 5. 1. jsem nahlásil závadu, technik napsal:\npřijdu zítra.",
        "Napsal jsem to:\n1. SIM\n2. tarif",
        "-----\nseznam\n-----",
        ">",
        "",
        "   \n\n ",
    ],
)
def test_in_doubt_the_whole_text_is_shown(text: str) -> None:
    assert reply_text(text) == text.strip()


@pytest.mark.parametrize("subject", ["Fwd: x", "FW: x", "Fw: x", "Předáno: x"])
def test_a_forwarded_mail_is_shown_whole(subject: str) -> None:
    text = "Prosím vyřiďte.\n\nOd: Eva\nOdesláno: dnes\nKomu: Jan\nPředmět: x\n\nZtratila jsem SIM."

    assert reply_text(text, subject) == text


def test_indentation_of_the_reply_stays() -> None:
    assert reply_text(f"Takto:\n    a = 1\n\n{QUOTED}") == "Takto:\n    a = 1"


@pytest.mark.parametrize(
    "bait",
    [
        "On x wrote:\n",
        "Od: x\n",
        "dne 1 @a>:\n",
        "-----",
        "a\n",
        ">\n",
        "Dne 1.1. 10:00 napsal",
        ":\n",
    ],
)
def test_bait_for_regular_expressions_takes_linear_time(bait: str) -> None:
    small, large = (bait * (size // len(bait)) for size in (50_000, 800_000))

    assert seconds_for(large) < 64 * max(seconds_for(small), 0.005)


def seconds_for(text: str) -> float:
    start = time.process_time()
    reply_text(text)
    return time.process_time() - start
