"""The ticket number in a subject line: a hint for people, and for programs that lose headers."""

import re

_NUMBER = re.compile(r"\[#([1-9][0-9]{0,17})\]", re.ASCII)


def with_ticket(subject: str, ticket_id: int) -> str:
    """Put the ticket's number at the end of a subject, once."""
    if ticket_in_subject(subject) == ticket_id:
        return subject
    return f"{subject} [#{ticket_id}]".lstrip()


def ticket_in_subject(subject: str) -> int | None:
    """Read the last ticket number out of a subject; None when there is none. It proves nothing."""
    found = _NUMBER.findall(subject)
    return int(found[-1]) if found else None
