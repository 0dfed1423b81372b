"""`supportdesk email parse` says what a mail is, one object a line, whatever the file."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.channels.email.mails import attached, mail, multipart

COMMAND = [sys.executable, "-c", "from supportdesk.cli import main; main()", "email", "parse"]
KEYS = {
    *("subject", "from_addr", "from_name", "to", "text", "html", "attachments", "message_id"),
    *("in_reply_to", "references", "auto_submitted", "bounce", "dsn_status", "reply_text", "auth"),
}


def parse(*arguments: str, paths: str | None = None) -> list[dict[str, Any]]:
    done = subprocess.run(
        [*COMMAND, "--json", *arguments],
        input=paths.encode() if paths is not None else None,
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_an_object_says_all_of_a_mail(tmp_path: Path) -> None:
    file = tmp_path / "a.eml"
    file.write_bytes(
        multipart(
            "mixed",
            "Content-Type: text/html; charset=utf-8\n\n<b>Dobrý</b> den<script>x</script>",
            attached("application/pdf", "filename=a.pdf", b"%PDF"),
            header=(
                "Subject: faktura\nMessage-ID: <1@x>\n"
                "In-Reply-To: <0@x>\nReferences: <00@x> <0@x>\n"
                "Authentication-Results: mx.operator.example; spf=pass; dkim=fail; dmarc=pass\n"
            ),
        )
    )

    (described,) = parse("--authserv-id", "mx.operator.example", str(file))

    assert described == {
        "subject": "faktura",
        "from_addr": "jan@kraj.example",
        "from_name": "Jan Novák",
        "to": ["business@operator.example"],
        "text": "Dobrý den",
        "html": "<b>Dobrý</b> den",
        "attachments": [{"filename": "a.pdf", "content_type": "application/pdf", "size": 4}],
        "message_id": "<1@x>",
        "in_reply_to": "<0@x>",
        "references": ["<00@x>", "<0@x>"],
        "auto_submitted": False,
        "bounce": False,
        "dsn_status": None,
        "reply_text": "Dobrý den",
        "auth": {"spf": "pass", "dkim": "fail", "dmarc": "pass", "trusted": True},
    }
    (untrusted,) = parse(str(file))
    assert untrusted["auth"] == {"spf": "none", "dkim": "none", "dmarc": "none", "trusted": False}


def test_files_that_cannot_be_read_or_parsed_get_a_line_and_the_run_goes_on(tmp_path: Path) -> None:
    good, slow, empty = (tmp_path / name for name in ("good.eml", "slow.eml", "empty.eml"))
    good.write_bytes(mail("Subject: dobrý\nAuto-Submitted: auto-replied\n"))
    attributes = b"<a " + b" ".join(b"a%d=1" % n for n in range(150_000)) + b">"
    slow.write_bytes(
        mail("Subject: pomalý\nMessage-ID: <s@x>\nContent-Type: text/html\n", attributes)
    )
    empty.write_bytes(b"")
    paths = [good, slow, tmp_path / "missing.eml", tmp_path, empty, good]

    described = parse("--stdin-paths", paths="".join(f"{path}\n" for path in paths))

    assert [mail["subject"] for mail in described] == ["dobrý", "pomalý", None, None, None, "dobrý"]
    assert [mail.get("error", "").partition(":")[0].split("/")[-1] for mail in described] == [
        "",
        "The mail cannot be parsed",
        "missing.eml cannot be read",
        f"{tmp_path.name} cannot be read",
        "The mail has no header lines; look at the stored file.",
        "",
    ]
    assert all(set(mail) - {"error"} == KEYS for mail in described)
    assert described[1]["from_addr"] == "jan@kraj.example"
    assert described[1]["message_id"] == "<s@x>"
    assert described[0]["auto_submitted"] is True


def test_each_path_is_answered_before_the_next_one_comes(tmp_path: Path) -> None:
    file = tmp_path / "ř\udcff.eml"
    file.write_bytes(mail("Subject: x\n"))
    with subprocess.Popen(
        [*COMMAND, "--json", "--stdin-paths"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(3):
            process.stdin.write(str(file).encode("utf-8", "surrogateescape") + b"\n")
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["subject"] == "x"
        process.stdin.close()
        assert process.wait(20) == 0


@pytest.mark.parametrize("arguments", [[], ["--stdin-paths", "a.eml"]])
def test_it_wants_either_files_or_paths_on_standard_input(arguments: list[str]) -> None:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert "Name mail files, or use --stdin-paths, but not both." in done.stderr


def test_without_json_it_speaks_to_people(tmp_path: Path) -> None:
    file = tmp_path / "a.eml"
    file.write_bytes(mail("Subject: faktura\n"))

    done = subprocess.run([*COMMAND, str(file)], capture_output=True, text=True, check=True)

    assert done.stdout == "From: jan@kraj.example\nSubject: faktura\n\nDobrý den.\n\n"
