"""The commands `supportdesk route` and `supportdesk calendar`."""

import json
import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from supportdesk.cli import main

SITUATION = {
    "channel": "phone",
    "at": "2026-04-02T15:59:59+02:00",
    "caller": "contact",
    "topic": "business",
    "consultant": "busy",
}


def run(*args: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(main, args, input=stdin)


def route(*lines: str) -> list[dict[str, Any]]:
    result = run("route", "--situation", "-", "--json", stdin="\n".join(lines) + "\n")
    assert result.exit_code == 0
    return [json.loads(line) for line in result.stdout.splitlines()]


def with_(**changes: Any) -> str:
    return json.dumps({**SITUATION, **changes})


def test_a_situation_gives_its_decision_on_one_line() -> None:
    (answer,) = route(with_())
    assert {key: answer[key] for key in ("rule", "target", "then", "owner", "priority")} == {
        "rule": "R6",
        "target": "consultant",
        "then": ["deputy", "pool"],
        "owner": "consultant",
        "priority": 3,
    }
    assert (answer["hold"], answer["callback"], answer["followers"]) == (True, True, [])
    assert {step["code"] for step in answer["trace"]} >= {"rule.applies", "goes.consultant"}


def test_one_second_later_it_is_the_pool() -> None:
    (answer,) = route(with_(at="2026-04-02T16:00:00+02:00"))
    assert (answer["rule"], answer["target"], answer["then"]) == ("R7", "pool", [])
    assert (answer["owner"], answer["followers"]) == ("consultant", ["consultant"])


def test_instants_count_in_any_offset() -> None:
    answers = route(with_(at="2026-04-02T13:59:59Z"), with_(at="2026-04-02T09:00:00-05:00"))
    assert [answer["rule"] for answer in answers] == ["R6", "R7"]


def test_all_thousand_situations_are_answered_and_forty_are_impossible() -> None:
    lines = [
        json.dumps(dict(zip(SITUATION, values, strict=True)))
        for values in product(
            ["email", "phone", "fax", "web"],
            ["2026-04-02T12:00:00+02:00", "2026-04-02T20:00:00+02:00"],
            ["technical", "contact", "ambiguous", "unknown", "hidden"],
            ["technical", "business", "unspecified", "block"],
            ["free", "busy", "away_with_deputy", "away", "none"],
        )
    ]
    answers = route(*lines)
    assert len(answers) == 800
    assert sum("error" in answer for answer in answers) == 40


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("nonsense", "not JSON"),
        ("[]", "not a JSON object"),
        ("[" * 100_000, "not JSON"),
        ("{}", "lacks channel, at, caller, topic, consultant"),
        (with_(channel="pigeon"), 'channel is "pigeon"; allowed are email, phone, fax, web'),
        (with_(consultant=None), "consultant is null"),
        (with_(caller=["contact"]), 'caller is ["contact"]'),
        (with_(topic={}), "topic is {}"),
        (with_(mood="good"), 'Unknown key "mood"'),
        (with_(**{"\ud800": 1}), "Unknown key"),
        (with_(at="2026-04-02T12:00:00"), "with an offset"),
        (with_(at="2026-04-02"), "with an offset"),
        (with_(at="soon"), "with an offset"),
        (with_(at=5), "at is 5"),
        (with_(at="0001-01-01T00:00:00+14:00"), "outside the calendar"),
        (with_(at="2099-01-01T00:00:00Z"), "1993 to 2037"),
        (with_(channel="web", caller="hidden"), "cannot come by web"),
    ],
)
def test_a_line_that_cannot_be_used_gives_its_error_and_the_run_goes_on(
    line: str, says: str
) -> None:
    answers = route(with_(), line, with_())
    assert len(answers) == 3
    assert list(answers[1]) == ["error"]
    assert says in answers[1]["error"]
    assert answers[0]["rule"] == answers[2]["rule"] == "R6"


def test_blank_lines_and_a_byte_order_mark_are_passed_over() -> None:
    assert len(route("\ufeff" + with_(), "", "   ", with_())) == 2


def test_bytes_that_are_not_utf_8_spoil_only_their_line() -> None:
    lines = b'{"channel": "\xff"}\n' + with_().encode() + b"\n"
    result = run("route", "--situation", "-", "--json", stdin=lines)
    assert result.exit_code == 0
    assert ["error" in json.loads(line) for line in result.stdout.splitlines()] == [True, False]


def test_a_file_is_read_as_standard_input_is(tmp_path: Path) -> None:
    file = tmp_path / "situations.jsonl"
    file.write_text(with_(), encoding="utf-8")
    result = run("route", "--situation", str(file), "--json")
    assert json.loads(result.stdout)["rule"] == "R6"


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("cs", "Osobní konzultant má právě práci."), ("en", "The personal consultant is busy.")],
)
def test_people_read_the_decision_in_their_language(language: str, sentence: str) -> None:
    lines = with_() + "\nnonsense\n"
    result = run("route", "--situation", "-", "--language", language, stdin=lines)
    assert result.exit_code == 0
    assert "R6: consultant > deputy > pool (priority 3)" in result.stdout
    assert sentence in result.stdout
    assert "error: The line is not JSON" in result.stdout


def test_each_answer_is_written_before_the_next_line_is_read() -> None:
    command = [sys.executable, "-c", "from supportdesk.cli import main; main()"]
    with subprocess.Popen(
        [*command, "route", "--situation", "-", "--json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(2):
            process.stdin.write(with_() + "\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["rule"] == "R6"
        process.stdin.close()
    assert process.returncode == 0


def calendar(first: str, last: str) -> list[dict[str, Any]]:
    result = run("calendar", "--from", first, "--to", last, "--json")
    assert result.exit_code == 0
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_calendar_lists_both_days_included_with_local_offsets() -> None:
    days = calendar("2026-03-27", "2026-03-30")
    assert [day["date"] for day in days] == [f"2026-03-{day}" for day in (27, 28, 29, 30)]
    assert days[0]["opens_at"] == "2026-03-27T08:00:00+01:00"
    assert days[3]["opens_at"] == "2026-03-30T08:00:00+02:00"
    assert days[3]["closes_at"] == "2026-03-30T16:00:00+02:00"
    assert [day["reason"] for day in days] == [None, "weekend", "weekend", None]


def test_a_holiday_has_no_hours_but_a_name_in_both_languages() -> None:
    (day,) = calendar("2026-04-03", "2026-04-03")
    assert day == {
        "date": "2026-04-03",
        "opens_at": None,
        "closes_at": None,
        "reason": "holiday",
        "name_cs": "Velký pátek",
        "name_en": "Good Friday",
    }


def test_the_readable_calendar_says_the_same() -> None:
    result = run("calendar", "--from", "2026-04-02", "--to", "2026-04-04")
    assert result.stdout.splitlines() == [
        "2026-04-02  08:00-16:00",
        "2026-04-03  closed: Good Friday",
        "2026-04-04  closed: weekend",
    ]


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        ("2026-04-03", "2026-04-02", "--from 2026-04-03 is after --to 2026-04-02"),
        ("2026-02-30", "2026-04-02", "2026-02-30"),
        ("2037-12-31", "2038-01-01", "from 1993 to 2037"),
    ],
)
def test_a_calendar_that_cannot_be_shown_says_why(first: str, last: str, says: str) -> None:
    result = run("calendar", "--from", first, "--to", last)
    assert result.exit_code != 0
    assert says in result.stderr
