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
ADDRESS_FREE_TRIES = 20
"""One address may hold a whole clinic."""
LONGEST_WAIT = 900.0
NO_PASSWORD = "!"
"""Stands for the hash of an account that signs in through an identity provider only."""

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


def create(session: Session, name: str, password: str | None, role: Role) -> Account:
    """Add an account within the caller's transaction; without a password it cannot sign in by one.

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
        password=NO_PASSWORD if password is None else hashed(password),
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
    keys = [place.keyed("login-name", name_key(name)), address_key(place, address)]
    with reading(place.engine) as session:
        wait(session, *keys)
        account = session.scalar(select(Account).where(Account.name_key == name_key(name)))
    known = account is not None and account.password != NO_PASSWORD
    right = _verify(account.password if account and known else _nobody(), password)
    if account is None or not right or account.disabled:
        with writing(place.engine) as session:
            count_failure(session, keys[0])
            count_failure(session, keys[1], ADDRESS_FREE_TRIES)
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


def set_role(session: Session, place: Workplace, row: Account, role: Role, *, active: bool = True) -> None:
    """Give an account another role, or lock it and sign it out.

    Raises
    ------
    DataError
        Nobody could administer any more.
    """
    before = row.role, row.disabled
    row.role, row.disabled = role, not active
    session.flush()
    left = select(Account.id).where(Account.role == "administrator", Account.disabled.is_(False)).limit(1)
    if place.settings.needs_login and session.scalar(left) is None:
        row.role, row.disabled = before
        session.flush()
        raise DataError("the last administrator must stay one")
    if row.disabled:
        end_sessions(session, row.id)


def end_sessions(session: Session, account: str) -> None:
    """Sign an account out everywhere."""
    session.execute(delete(WebSession).where(WebSession.account == account))


def address_key(place: Workplace, address: str) -> str:
    """Key under which an address's failures are counted."""
    return place.keyed("login-address", address)


def wait(session: Session, *keys: str) -> None:
    """Raise :class:`TooManyTries` where one of ``keys`` has to wait."""
    left = max(session.scalars(select(LoginFailure.until).where(LoginFailure.key.in_(keys))), default=0.0) - time.time()
    if left > 0:
        raise TooManyTries(left)


def count_failure(session: Session, key: str, free: int = FREE_TRIES) -> None:
    """One more wrong sign-in under ``key``; after ``free`` of them each doubles the wait, to a quarter of an hour."""
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
