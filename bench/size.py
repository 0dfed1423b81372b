"""How much is measured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """`sizes` are numbers of tickets that are there already; `mails` is how many one run takes."""

    sizes: tuple[int, ...]
    mails: int
    repeats: int
    pages: int


def full_size(tickets: int) -> Size:
    """Give what a figure needs: nothing there, a tenth, and all."""
    return Size(sizes=(0, tickets // 10, tickets), mails=1000, repeats=3, pages=200)


QUICK = Size(sizes=(200,), mails=24, repeats=1, pages=3)
"""Just enough to see that measuring works."""
