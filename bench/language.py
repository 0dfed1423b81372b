"""Czech as a centre's mail writes it: a few words in nearly every mail, very many in hardly any.

How often a word comes follows Zipf's law, as in any language. Most words are invented from Czech
syllables and inflected like Czech ones; the frequent ones are real.
"""

import random
from functools import cache
from itertools import accumulate

_FREQUENT = """
a v na že se prosíme o to za je s pro si faktur do smlouv číslo hovor od služb telefon k které
již tarif dobr den děkujeme ale nebo podle není výpis z připojení jsme u po účet roaming při také
datov zákazník internet modem odbor úřad mobil změn SIM kart paušál cen platb měsíc částk výpadek
signál porucha blokac aktivac nastaven formulář příloh potvrzen objednávk termín pobočk ředitel
starost zaměstnan rozpočet dodatek reklamac vyúčtován limit čerpán sdílen balíček poplatek splatnost
""".split()
_ONSETS = "b br c č d dr f h ch j k kl kr l m n p pl pr r ř s sk st str š t tr v vl z ž".split()
_NUCLEI = "a e i o u á é í ou ě y ý".split()
_CODAS = ("", "", "", "l", "n", "r", "s", "t", "k", "v", "c", "d", "m", "sk", "st")
_ENDINGS = ("", "a", "y", "ou", "u", "e", "ů", "ám", "ách", "ový", "ové", "ovat")
_STEMS = 6000


@cache
def vocabulary() -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Give all forms of all words, and their running sums of frequency."""
    chance = random.Random(42)
    stems = list(dict.fromkeys([*_FREQUENT, *(_stem(chance) for _ in range(_STEMS))]))
    words: list[str] = []
    weights: list[float] = []
    for rank, stem in enumerate(stems, 1):
        endings = _ENDINGS if rank > len(_FREQUENT) or len(stem) > 3 else ("",)
        for share, ending in enumerate(endings, 1):
            words.append(stem + ending)
            weights.append(1 / (rank + 2.7) / share)
    return tuple(words), tuple(accumulate(weights))


def _stem(chance: random.Random) -> str:
    syllables = chance.choice((1, 2, 2, 2, 3))
    parts = [chance.choice(_ONSETS) + chance.choice(_NUCLEI) for _ in range(syllables)]
    return "".join(parts) + chance.choice(_ONSETS) + chance.choice(_CODAS)


def ordinary_searches(count: int) -> list[str]:
    """Give words of which each stands in one of some hundred to one of some thousand mails."""
    words, _ = vocabulary()
    step = max(1, 20_000 // count)
    return list(words[2000 : 2000 + step * count : step])


def common_searches(count: int) -> list[str]:
    """Give searches for what a good part of all mails holds, alone and together."""
    some = ("dobrý", "děkujeme", "faktur", "den přejeme", "za faktur", '"dobrý den"', "novák to")
    return [some[number % len(some)] for number in range(count)]


def some_text(chance: random.Random) -> str:
    """Write a mail of two to six lines between a greeting and thanks."""
    words, sums = vocabulary()
    drawn = chance.choices(words, cum_weights=sums, k=chance.randint(24, 72))
    lines = [" ".join(drawn[at : at + 12]).capitalize() + "." for at in range(0, len(drawn), 12)]
    return "\n".join(("Dobrý den,", *lines, "Děkujeme a přejeme pěkný den."))
