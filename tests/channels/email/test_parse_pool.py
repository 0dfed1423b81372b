"""A mail that takes too much harms nothing but itself, and the pool goes on."""

import os
import select
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from supportdesk.channels.email.parse import parse_message
from supportdesk.channels.email.pool import ParserPool
from supportdesk.errors import ChannelError, Unreadable
from tests.channels.email.mails import mail

MISBEHAVE = "tests.channels.email.parse_functions:misbehave"


def has_ended(descriptor: int) -> bool:
    """Wait for a process by its descriptor; False when it still runs after long."""
    return bool(select.select([descriptor], [], [], 20)[0])


def pool(processes: int = 1, seconds: float = 10, megabytes: int = 200) -> ParserPool:
    return ParserPool(processes, seconds, megabytes, function=MISBEHAVE)


def test_a_mail_parsed_in_a_child_is_the_same_as_one_parsed_here() -> None:
    raw = mail("Subject: x\nX-Supportdesk-Instance: desk-1\n")

    with ParserPool() as parsers:
        assert parsers.parse(raw, instance_id="desk-1") == parse_message(raw, instance_id="desk-1")


def test_mails_that_cannot_be_read_come_back_as_their_reasons() -> None:
    raws = [mail("Subject: x\n"), b""]

    with ParserPool() as parsers:
        message, unreadable = parsers.parse_many(raws)

    assert message == parse_message(raws[0])
    assert isinstance(unreadable, Unreadable)


def test_results_come_in_the_order_of_the_mails() -> None:
    raws = [b"%d " % n + b"x" * (n % 7 * 20_000) for n in range(400)]

    with pool(processes=2) as parsers:
        assert list(parsers.stream(raws)) == raws


@pytest.mark.parametrize(
    ("hazard", "reason"),
    [
        (b"spin", "takes longer than 0.5 seconds"),
        (b"eat", "needs more than 200 MB"),
        (b"die", "ended with status 7"),
        (b"raise", "could not be understood: ValueError"),
    ],
)
@pytest.mark.parametrize("processes", [1, 2])
def test_only_the_mail_that_takes_too_much_is_unreadable(
    hazard: bytes, reason: str, processes: int
) -> None:
    raws = [b"a", b"b", hazard, b"c", b"d", hazard, *([b"e"] * 40)]

    with pool(processes, seconds=0.5) as parsers:
        answers = list(parsers.stream(raws))

    failed = [(n, answer) for n, answer in enumerate(answers) if isinstance(answer, Unreadable)]
    assert [n for n, _ in failed] == [2, 5]
    assert all(reason in str(answer) for _, answer in failed)
    assert [answer for answer in answers if not isinstance(answer, Unreadable)] == [
        raw for raw in raws if raw != hazard
    ]


def test_a_real_mail_that_takes_too_long_is_unreadable_with_its_reason() -> None:
    attributes = b"<a " + b" ".join(b"a%d=1" % n for n in range(100_000)) + b">"
    raw = mail("Subject: x\nContent-Type: text/html\n", attributes)

    with (
        ParserPool(processes=1, seconds=0.3) as parsers,
        pytest.raises(Unreadable, match=r"longer than 0\.3 seconds"),
    ):
        parsers.parse(raw)


def test_a_child_that_was_killed_from_outside_is_replaced() -> None:
    with pool() as parsers:
        first = parsers.submit(b"pid").result()
        with os.fdopen(os.pidfd_open(first)) as child:
            os.kill(first, signal.SIGKILL)
            assert has_ended(child.fileno())
        assert parsers.submit(b"pid").result() != first


def test_a_child_answers_many_mails() -> None:
    with pool() as parsers:
        assert len({parsers.submit(b"pid").result() for _ in range(20)}) == 1


def test_what_parsing_prints_does_not_reach_the_results() -> None:
    with pool() as parsers:
        assert list(parsers.stream([b"print", b"a"])) == [b"print", b"a"]


def test_large_mails_and_large_results_pass_without_waiting_for_each_other() -> None:
    raws = [b"grow", b"x" * 10_000_000] * 3

    with pool(processes=2) as parsers:
        answers = list(parsers.stream(raws))

    assert [len(answer) for answer in answers] == [8_000_000, 10_000_000] * 3


def test_a_child_knows_nothing_of_the_settings_and_secrets_of_the_service(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SUPPORTDESK_SECRET_KEY", "secret")

    with pool() as parsers:
        names = parsers.submit(b"environment").result()

    assert "PYTHONPATH" in names
    assert "SUPPORTDESK_SECRET_KEY" not in names


def test_several_threads_share_one_pool() -> None:
    raws = [b"%d" % n for n in range(200)]

    with pool(processes=2) as parsers, ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda raw: parsers.submit(raw).result(), raws)) == raws


def test_closing_lets_queued_mails_finish_and_refuses_new_ones(tmp_path: Path) -> None:
    parsers = pool()
    futures = [parsers.submit(b"touch %s" % os.fsencode(tmp_path / str(n))) for n in range(20)]
    parsers.close()

    assert all(future.done() for future in futures)
    assert len(list(tmp_path.iterdir())) == 20
    with pytest.raises(ChannelError, match="closed"):
        parsers.parse(b"a")
    parsers.close()


def test_closing_leaves_no_process_and_no_thread() -> None:
    threads = threading.active_count()
    with pool(processes=2) as parsers:
        child = parsers.submit(b"pid").result()

    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    assert threading.active_count() == threads


def test_a_parser_that_cannot_start_is_told_and_is_no_fault_of_the_mail(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with (
        ParserPool(1, function="no.such.module:parse") as parsers,
        pytest.raises(ChannelError, match="cannot start"),
    ):
        parsers.parse(b"a")

    assert "No module named" in capfd.readouterr().err


PARENT = f"""
import sys
from supportdesk.channels.email.pool import ParserPool
parsers = ParserPool(1, {{seconds}}, function={MISBEHAVE!r})
print(parsers.submit(b"pid").result(), flush=True)
parsers.submit({{last}})
sys.stdin.read()
"""


@pytest.mark.parametrize(("seconds", "last"), [(60, b"a"), (0.2, b"spin")])
def test_a_child_ends_when_its_parent_is_killed(seconds: float, last: bytes) -> None:
    source = PARENT.format(seconds=seconds, last=last)
    parent = subprocess.Popen(
        [sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    with os.fdopen(os.pidfd_open(child)) as descriptor, parent:
        parent.kill()
        assert has_ended(descriptor.fileno())


def test_a_mail_of_35_mib_fits_into_the_default_limits() -> None:
    raw = mail(
        "Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n",
        b"QUJD\r\n" * 6_000_000,
    )

    with ParserPool(1, seconds=20) as parsers:
        (attachment,) = parsers.parse(raw).attachments

    # Read at all means read within the limits: the child may not take more memory than they allow.
    assert len(attachment.content) == 18_000_000
