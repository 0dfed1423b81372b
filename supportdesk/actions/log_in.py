"""Log a member of staff in."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions import passwords
from supportdesk.actions.history import record_audit
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.throttle import (
    count_down,
    count_up,
    forget,
    seconds_until_next_window,
)
from supportdesk.db.models import Agent, LoginSession
from supportdesk.errors import NotAllowed

PER_ACCOUNT = 10  # attempts within a window since the last success
PER_ADDRESS = 50


class WrongLogIn(NotAllowed):
    """Nobody has this user name with this password."""


class TooManyAttempts(NotAllowed):
    """The account or the address failed too often; wait."""

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__("Too many failed attempts to log in; wait a while and try again.")
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True, slots=True)
class _Account:
    id: int
    password_hash: str | None


def log_in(
    runtime: Runtime, *, username: str, password: str, address: str, user_agent: str = ""
) -> str:
    """Check the password and begin a session; give its token, which is stored only as a hash.

    Raises:
        WrongLogIn: nobody active has this user name and password; it takes as long as a right one.
        TooManyAttempts: the account or the address failed too often within the window.
    """
    now = runtime.clock()
    account = _count_attempt(runtime, username, address)
    # The slow check happens outside of any transaction.
    stored = account.password_hash if account else None
    is_right = passwords.matches(password, stored)
    renewed = passwords.renewed(password, stored) if is_right and stored else None
    with runtime.database.write() as session:
        if account and is_right and _is_unchanged(session, account):
            _forget_attempts(session, username, address, now)
            if renewed:
                _store_renewed(session, account.id, renewed)
            return _begin_session(session, account.id, now, address, user_agent)
        record_audit(
            session,
            "log_in_failed",
            actor=f"address:{address}",
            at=now,
            subject=f"agent:{account.id}" if account else "",
        )
    raise WrongLogIn("The user name or the password is not right; check both and try again.")


def hash_of(token: str) -> str:
    """Give the hash by which a session's token is stored and found."""
    return hashlib.sha256(token.encode()).hexdigest()


def _count_attempt(runtime: Runtime, username: str, address: str) -> _Account | None:
    """Count before checking, so that attempts in parallel cannot slip through together."""
    now = runtime.clock()
    with runtime.database.write() as session:
        of_account = count_up(session, _account_bucket(username), now)
        of_address = count_up(session, _address_bucket(address), now)
        account = _find(session, username)
    if of_account > PER_ACCOUNT or of_address > PER_ADDRESS:
        raise TooManyAttempts(seconds_until_next_window(now))
    return account


def _forget_attempts(session: Session, username: str, address: str, now: datetime) -> None:
    forget(session, _account_bucket(username))
    count_down(session, _address_bucket(address), now)


def _account_bucket(username: str) -> str:
    # Hashed: a password typed into the wrong field must not end up in the table.
    return f"log-in:account:{hashlib.sha256(username.strip().casefold().encode()).hexdigest()[:32]}"


def _address_bucket(address: str) -> str:
    return f"log-in:address:{address[:60]}"


def _find(session: Session, username: str) -> _Account | None:
    row = session.execute(
        sa.select(Agent.id, Agent.password_hash).where(
            Agent.username == username.strip().casefold(), Agent.is_active
        )
    ).one_or_none()
    return _Account(row.id, row.password_hash) if row else None


def _is_unchanged(session: Session, account: _Account) -> bool:
    found = session.scalar(
        sa.select(Agent.id).where(
            Agent.id == account.id, Agent.is_active, Agent.password_hash == account.password_hash
        )
    )
    return found is not None


def _store_renewed(session: Session, agent_id: int, renewed: str) -> None:
    session.execute(sa.update(Agent).where(Agent.id == agent_id).values(password_hash=renewed))


def _begin_session(
    session: Session, agent_id: int, now: datetime, address: str, user_agent: str
) -> str:
    token = secrets.token_urlsafe(32)
    session.add(
        LoginSession(
            token_hash=hash_of(token),
            agent_id=agent_id,
            created_at=now,
            seen_at=now,
            address=address,
            user_agent=user_agent[:300],
        )
    )
    record_audit(session, "log_in", actor=f"agent:{agent_id}", at=now, subject=f"address:{address}")
    return token
