"""Accounts: names, argon2id passwords, and waiting after wrong ones."""

from __future__ import annotations

import threading
import time
import unicodedata
import uuid

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from usnet.errors import DataError
from usnet.store.database import reading, writing
from usnet.web.roles import ROLES, Role
from usnet.web.tables import Account, LoginFailure, WebSession
from usnet.web.workplace import Workplace

SHORTEST = 12
"""Characters of a password (NIST SP 800-63B asks for length, not for kinds of characters)."""
LONGEST = 200
FREE_TRIES = 5
LONGEST_WAIT = 900.0

_HASHER = PasswordHasher()  # argon2id, RFC 9106's second recommendation: 64 MiB, 3 passes
_AT_ONCE = threading.BoundedSemaphore(2)  # each hash takes 64 MiB; a crowd of logins queues instead of eating memory


class TooManyTries(DataError):
    """No further password is taken before ``seconds`` have passed."""

    def __init__(self, seconds: float) -> None:
        self.seconds = max(1, round(seconds))
        super().__init__("too many wrong passwords", hint=f"Try again in {self.seconds} seconds")


def name_key(name: str) -> str:
    """A name as it is compared."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def hashed(password: str) -> str:
    """Hash of a new password.

    Raises
    ------
    DataError
        It is too short or too long.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise DataError(f"a password of {len(password)} characters", expected=f"{SHORTEST} to {LONGEST}")
    with _AT_ONCE:
        return _HASHER.hash(password)


def create(session: Session, name: str, password: str, role: Role) -> Account:
    """Add an account within the caller's transaction.

    Raises
    ------
    DataError
        The name is taken, empty or too long, the password is too short, or there is no such role.
    """
    shown = " ".join(name.split())
    if not 1 <= len(shown) <= 100 or not shown.isprintable() or len(name_key(shown)) > 100:
        raise DataError("a name that is empty, too long or not printable", expected="1 to 100 characters")
    if role not in ROLES:
        raise DataError(f"no role {role[:20]!r}", expected=", ".join(ROLES))
    if session.scalar(select(Account.id).where(Account.name_key == name_key(shown))):
        raise DataError("an account of that name exists", hint="Choose another name")
    account = Account(
        id=uuid.uuid4().hex,
        name=shown,
        name_key=name_key(shown),
        password=hashed(password),
        role=role,
        disabled=False,
        created_at=time.time(),
    )
    session.add(account)
    session.flush()
    return account


def check(place: Workplace, name: str, password: str, address: str) -> Account | None:
    """The account, if the password is right; ``None`` if not. After several wrong ones, callers wait twice as long each time.

    Raises
    ------
    TooManyTries
        For this name or from this address.
    """
    keys = [place.keyed("login-name", name_key(name)), place.keyed("login-address", address)]
    with reading(place.engine) as session:
        until = max(session.scalars(select(LoginFailure.until).where(LoginFailure.key.in_(keys))), default=0.0)
        account = session.scalar(select(Account).where(Account.name_key == name_key(name)))
    if until > time.time():
        raise TooManyTries(until - time.time())
    right = _verify(account.password if account else _nobody(), password)
    if account is None or not right or account.disabled:
        with writing(place.engine) as session:
            for key, free in zip(
                keys, (FREE_TRIES, 4 * FREE_TRIES), strict=True
            ):  # one address may hold a whole clinic
                _count(session, key, free)
        return None
    with writing(place.engine) as session:
        session.execute(delete(LoginFailure).where(LoginFailure.key.in_(keys)))
    return account


def set_password(session: Session, account: str, password: str) -> None:
    """Replace a password and end the account's logins."""
    row = session.get(Account, account)
    if row is None:
        raise DataError("no such account")
    row.password = hashed(password)
    end_sessions(session, account)


def end_sessions(session: Session, account: str) -> None:
    """Sign an account out everywhere."""
    session.execute(delete(WebSession).where(WebSession.account == account))


def _count(session: Session, key: str, free: int) -> None:
    row = session.get(LoginFailure, key)
    if row is None:
        row = LoginFailure(key=key, count=0, until=0.0)
        session.add(row)
    row.count += 1
    if row.count >= free:
        row.until = time.time() + min(2.0 ** (row.count - free), LONGEST_WAIT)


def _verify(stored: str, password: str) -> bool:
    if len(password) > LONGEST:
        return False
    with _AT_ONCE:
        try:
            return _HASHER.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False


def _nobody() -> str:
    """A hash that no password fits: an unknown name takes as long as a wrong password."""
    return "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
