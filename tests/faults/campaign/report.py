"""The table of a campaign."""

from collections.abc import Sequence

from tests.faults.campaign.run import Result

_HEAD = (
    "database",
    "fault",
    "injected",
    "requests",
    "lost",
    "doubled",
    "held",
    "sent again",
    "may",
)


def table(results: Sequence[Result]) -> str:
    """Write what was injected and what came of it, as a Markdown table with its sums."""
    rows = [_row(result) for result in results]
    verdicts = [result.verdict for result in results]
    sums = (
        "",
        f"sum, {sum(result.kills for result in results)} kills",
        sum(result.injected for result in results),
        sum(one.requests for one in verdicts),
        sum(len(one.lost) for one in verdicts),
        sum(len(one.doubled) for one in verdicts),
        sum(one.held for one in verdicts),
        sum(one.repeated for one in verdicts),
        sum(one.allowed for one in verdicts),
    )
    lines = [_HEAD, tuple("---" for _ in _HEAD), *rows, sums]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def _row(result: Result) -> tuple[object, ...]:
    verdict = result.verdict
    return (
        result.database,
        result.phase.name,
        result.injected,
        verdict.requests,
        len(verdict.lost),
        len(verdict.doubled),
        verdict.held,
        verdict.repeated,
        verdict.allowed,
    )
