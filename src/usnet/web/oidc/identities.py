"""Whom the provider sends, and which account is theirs."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from usnet.errors import DataError
from usnet.web import accounts
from usnet.web.guard import audit
from usnet.web.oidc.config import OidcSettings
from usnet.web.roles import ROLES, Role, User
from usnet.web.tables import Account, Identity
from usnet.web.workplace import Workplace

MOST_WAITING = 500
"""People who may wait for an administrator; further ones are told the same and are not kept."""

Why = Literal["waiting", "locked", "group"]


class Admission(NamedTuple):
    """The account to sign in, or why there is none."""

    account: str | None
    why: Why | None = None


def admit(session: Session, place: Workplace, settings: OidcSettings, claims: Mapping[str, Any]) -> Admission:
    """Find or make the account of a person within the caller's transaction, by issuer and subject alone.

    An account of the same name is never taken for theirs: names are what people choose.
    """
    role = role_of(settings, claims)
    if settings.roles and role is None:
        return Admission(None, "group")
    row = _met(session, settings, claims)
    given: Role | None = role or (settings.new_accounts if settings.new_accounts != "ask" else None)
    if row is None or row.account is None:
        if given is None:
            return Admission(None, "waiting")
        row = row or _kept(session, settings, claims)
        row.account = _new_account(session, place, row.name, given, by=None)
    account = session.get_one(Account, row.account)
    if account.disabled:
        return Admission(None, "locked")
    if role is not None and account.role != role:
        _follow(session, place, account, role)
    return Admission(account.id)


def role_of(settings: OidcSettings, claims: Mapping[str, Any]) -> Role | None:
    """The highest role of a person's groups; ``None`` without one. A claim may be one word or a list."""
    said = claims.get(settings.role_claim) if settings.role_claim else None
    groups = [said] if isinstance(said, str) else said if isinstance(said, list) else []
    found = {settings.roles[group] for group in groups if isinstance(group, str) and group in settings.roles}
    return max(found, key=ROLES.index, default=None)


def waiting(session: Session) -> list[Identity]:
    """Who came and has no account, the earliest first."""
    return list(session.scalars(select(Identity).where(Identity.account.is_(None)).order_by(Identity.created_at)))


def of_accounts(session: Session) -> set[str]:
    """Accounts that an identity belongs to."""
    return set(session.scalars(select(Identity.account).where(Identity.account.is_not(None))))


def let_in(
    session: Session, place: Workplace, user: User, identity: str, role: Role | None, account: str | None
) -> None:
    """Give somebody who waits a new account of ``role``, or the ``account`` that is theirs already.

    Raises
    ------
    DataError
        Nobody of that id waits, or there is no such account.
    """
    row = session.get(Identity, identity)
    if row is None or row.account is not None:
        raise DataError("nobody of that id waits")
    if role is not None:
        row.account = _new_account(session, place, row.name, role, by=user)
        return
    if account is None or session.get(Account, account) is None:
        raise DataError("no such account")
    row.account = account
    audit(session, place, user, "identity tied", account=account, identity=identity)


def turn_away(session: Session, place: Workplace, user: User, identity: str) -> None:
    """Forget somebody who waits; they may come again.

    Raises
    ------
    DataError
        Nobody of that id waits.
    """
    waits = delete(Identity).where(Identity.id == identity, Identity.account.is_(None)).returning(Identity.id)
    if session.execute(waits).first() is None:
        raise DataError("nobody of that id waits")
    audit(session, place, user, "identity turned away", identity=identity)


def _met(session: Session, settings: OidcSettings, claims: Mapping[str, Any]) -> Identity | None:
    """The person's row, with what the provider says now; made where there is room for one more who waits."""
    row = session.scalar(select(Identity).where(Identity.issuer == settings.issuer, Identity.subject == claims["sub"]))
    if row is None:
        crowd = session.scalar(select(func.count()).select_from(Identity).where(Identity.account.is_(None))) or 0
        return _kept(session, settings, claims) if crowd < MOST_WAITING else None
    row.seen_at, row.name = time.time(), _name(settings, claims)
    return row


def _kept(session: Session, settings: OidcSettings, claims: Mapping[str, Any]) -> Identity:
    now = time.time()
    row = Identity(
        id=uuid.uuid4().hex,
        issuer=settings.issuer,
        subject=claims["sub"],
        name=_name(settings, claims),
        account=None,
        created_at=now,
        seen_at=now,
    )
    session.add(row)
    session.flush()
    return row


def _name(settings: OidcSettings, claims: Mapping[str, Any]) -> str:
    """What the provider calls the person, fit for an account."""
    for claim in (settings.name_claim, "name", "email"):
        said = claims.get(claim)
        if isinstance(said, str):
            shown = " ".join("".join(c if c.isprintable() else " " for c in said).split())[:90].strip()
            if shown and len(accounts.name_key(shown)) <= 90:
                return shown
    return "colleague"


def _new_account(session: Session, place: Workplace, name: str, role: Role, *, by: User | None) -> str:
    """An account without a password; a name that somebody has gets a number."""
    names = (name, *(f"{name} ({n})" for n in range(2, 100)), f"{name[:50]} {uuid.uuid4().hex}")
    taken = select(Account.id)
    free = next(n for n in names if session.scalar(taken.where(Account.name_key == accounts.name_key(n))) is None)
    account = accounts.create(session, free, None, role)
    audit(session, place, by, "account made", account=account.id, role=role, by="oidc")
    return account.id


def _follow(session: Session, place: Workplace, account: Account, role: Role) -> None:
    """Give an account the role of its groups; the last administrator stays one."""
    try:
        accounts.set_role(session, place, account, role)
    except DataError:
        return
    audit(session, place, None, "account changed", account=account.id, role=role, by="oidc")
