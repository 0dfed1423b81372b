"""Figures and how they are printed."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured thing.

    `seconds` are the single times; `rate` is how many a second were done, None where that means
    nothing; `aim` is what we want, in words.
    """

    name: str
    seconds: tuple[float, ...]
    rate: float | None = None
    aim: str = ""

    @property
    def median(self) -> float:
        """Give the median in seconds, not-a-number when nothing was timed."""
        return statistics.median(self.seconds) if self.seconds else math.nan

    @property
    def p95(self) -> float:
        """Give the time that 95 of 100 stay below, in seconds."""
        return percentile(self.seconds, 95)


def percentile(values: Sequence[float], percent: int) -> float:
    """Give the smallest value that `percent` of the values do not exceed."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


HEAD = f"{'':52} {'n':>6} {'median':>10} {'p95':>10} {'rate':>11}  aim"


def row(figure: Figure) -> str:
    """Give the line of a figure in the table under `HEAD`."""
    rate = "" if figure.rate is None else f"{figure.rate:,.0f}/s"
    return (
        f"{figure.name:52} {len(figure.seconds):>6} {_shown(figure.median):>10}"
        f" {_shown(figure.p95):>10} {rate:>11}  {figure.aim}"
    ).rstrip()


def _shown(seconds: float) -> str:
    if math.isnan(seconds):
        return ""
    if seconds < 0.001:
        return f"{seconds * 1e6:.1f} µs"
    return f"{seconds * 1e3:.1f} ms"
