"""Passwords: how they are kept, what they must be, and how they are checked."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from supportdesk.errors import InvalidInput

SHORTEST = 12
LONGEST = 200

# OWASP's figures for argon2id: 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def hash_password(password: str) -> str:
    """Make the text to store for a new password.

    Raises:
        InvalidInput: it is too short, too long, or too easy to guess.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInput(
            "A password needs {shortest} to {longest} characters; choose another.",
            shortest=SHORTEST,
            longest=LONGEST,
        )
    if len(set(password)) < 5 or password.casefold() in _OBVIOUS:
        raise InvalidInput("That password is among the first that anybody tries; choose another.")
    return _hasher.hash(password)


def matches(password: str, stored: str | None) -> bool:
    """Tell whether the password is the stored one; as slow for None as for a stored password."""
    try:
        _hasher.verify(stored or _nobodys_hash(), password)
    except (VerifyMismatchError, VerificationError, InvalidHashError):
        return False
    return stored is not None


def renewed(password: str, stored: str) -> str | None:
    """Hash a right password anew when it was stored with weaker settings, None when it was not."""
    return _hasher.hash(password) if _hasher.check_needs_rehash(stored) else None


@cache
def _nobodys_hash() -> str:
    return _hasher.hash("nobody's password")


_OBVIOUS = frozenset(
    {
        "0123456789",
        "1234567890",
        "12345678910",
        "1q2w3e4r5t",
        "1qaz2wsx3edc",
        "administrator",
        "helpdesk123",
        "heslo12345",
        "password01",
        "password12",
        "password123",
        "password1234",
        "qwertyuiop",
        "supportdesk",
        "supportdesk1",
        "zakaznickecentrum",
    }
)
