"""Log a member of staff in."""

import hashlib
import secrets
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from supportdesk.actions import passwords
from supportdesk.actions.runtime import Runtime
from supportdesk.actions.throttle import (
    count_in_window,
    count_up,
    forget,
    seconds_until_next_window,
)
from supportdesk.db.models import Agent, AuditEntry, LoginSession
from supportdesk.errors import NotAllowed

PER_ACCOUNT = 10  # failures within a window
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
    buckets = _buckets(username, address)
    with runtime.database.read() as session:
        if any(count_in_window(session, name, now) >= limit for name, limit in buckets.items()):
            raise TooManyAttempts(seconds_until_next_window(now))
        account = _find(session, username)
    # The slow check happens outside of any transaction.
    is_right = passwords.matches(password, account.password_hash if account else None)
    with runtime.database.write() as session:
        if account and is_right and _is_unchanged(session, account):
            forget(session, _account_bucket(username))
            return _begin_session(runtime, session, account, password, address, user_agent)
        for name in buckets:
            count_up(session, name, now)
        session.add(
            AuditEntry(
                at=now,
                actor=f"address:{address}",
                action="log_in_failed",
                object=username[:80],
                detail={},
            )
        )
    raise WrongLogIn("The user name or the password is not right; check both and try again.")


def hash_of(token: str) -> str:
    """Give the hash by which a session's token is stored and found."""
    return hashlib.sha256(token.encode()).hexdigest()


def _buckets(username: str, address: str) -> dict[str, int]:
    return {_account_bucket(username): PER_ACCOUNT, f"log-in:address:{address[:60]}": PER_ADDRESS}


def _account_bucket(username: str) -> str:
    # Hashed: a password typed into the wrong field must not end up in the table.
    return f"log-in:account:{hashlib.sha256(username.strip().casefold().encode()).hexdigest()[:32]}"


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


def _begin_session(
    runtime: Runtime,
    session: Session,
    account: _Account,
    password: str,
    address: str,
    user_agent: str,
) -> str:
    now = runtime.clock()
    if account.password_hash and passwords.needs_renewal(account.password_hash):
        session.execute(
            sa.update(Agent)
            .where(Agent.id == account.id)
            .values(password_hash=passwords.hash_password(password))
        )
    token = secrets.token_urlsafe(32)
    session.add_all(
        [
            LoginSession(
                token_hash=hash_of(token),
                agent_id=account.id,
                created_at=now,
                seen_at=now,
                address=address,
                user_agent=user_agent[:300],
            ),
            AuditEntry(
                at=now,
                actor=f"agent:{account.id}",
                action="log_in",
                object=f"address:{address}",
                detail={},
            ),
        ]
    )
    return token
