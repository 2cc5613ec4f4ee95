"""Keys for programs: shown once, kept as a hash, with scopes and an end."""

from __future__ import annotations

import hashlib
import secrets
import time
import uuid
from collections.abc import Iterable
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from usnet.errors import DataError
from usnet.web.roles import LOCAL, SCOPES, User
from usnet.web.tables import Account, ApiToken

PREFIX = "usnet_"
LONGEST_DAYS = 366


def create(session: Session, user: User, label: str, scopes: Iterable[str], days: int) -> tuple[ApiToken, str]:
    """A new token of a user within the caller's transaction, and its secret, which is not kept.

    Raises
    ------
    DataError
        No scope, an unknown one, a lifetime that is not 1 to 366 days, or a label that is empty or longer than 100 characters.
    """
    wanted = sorted(set(scopes))
    if not wanted or not set(wanted) <= set(SCOPES):
        raise DataError(f"scopes {' '.join(wanted)[:60]!r}", expected=f"one or more of {', '.join(SCOPES)}")
    if not 1 <= days <= LONGEST_DAYS:
        raise DataError(f"a token for {days} days", expected=f"1 to {LONGEST_DAYS}")
    if not 1 <= len(label.strip()) <= 100:
        raise DataError("a label that is empty or too long", expected="1 to 100 characters")
    secret, now = PREFIX + secrets.token_urlsafe(32), time.time()
    token = ApiToken(
        id=uuid.uuid4().hex,
        account=user.id,
        label=label.strip(),
        secret=_digest(secret),
        scopes=" ".join(wanted),
        created_at=now,
        expires_at=now + 86400 * days,
    )
    session.add(token)
    session.flush()
    return token, secret


def bearer(session: Session, secret: str, *, login: bool) -> User | None:
    """Whose token this is, if it is one that still holds. Tokens of the local user hold only where nobody signs in."""
    query = (
        select(ApiToken.account, ApiToken.scopes, Account.name, Account.role, Account.disabled)
        .outerjoin(Account, Account.id == ApiToken.account)
        .where(ApiToken.secret == _digest(secret), ApiToken.expires_at > time.time())
    )
    row: Any = session.execute(query).one_or_none()
    if row is None:
        return None
    scopes = frozenset(row.scopes.split())
    if row.account == LOCAL.id and not login:
        return User(LOCAL.id, LOCAL.name, LOCAL.role, scopes)
    return None if row.name is None or row.disabled else User(row.account, row.name, row.role, scopes)


def of(session: Session, user: User) -> list[ApiToken]:
    """A user's tokens, the newest first."""
    query = select(ApiToken).where(ApiToken.account == user.id).order_by(ApiToken.created_at.desc())
    return list(session.scalars(query))


def revoke(session: Session, user: User, token: str) -> bool:
    """End one of a user's own tokens; false where there is none of that id."""
    query = delete(ApiToken).where(ApiToken.id == token, ApiToken.account == user.id).returning(ApiToken.id)
    return session.execute(query).first() is not None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
