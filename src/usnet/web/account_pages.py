"""One's own account (password, API tokens) and, for administrators, everybody's."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select

from usnet.errors import DataError
from usnet.store.database import reading, writing
from usnet.web import accounts, tokens
from usnet.web.guard import CurrentUser, Place, audit, require
from usnet.web.oidc import identities
from usnet.web.pages import NavItem, render
from usnet.web.roles import LOCAL, ROLES, SCOPES, Role, User
from usnet.web.tables import Account
from usnet.web.words import N_, translate
from usnet.web.workplace import Workplace

router = APIRouter(tags=["pages"])
NAV = (NavItem("/accounts", N_("Accounts"), ("administrator",)), NavItem("/account", N_("My account")))
Text = Annotated[str, Form(max_length=200)]
Administrator = Annotated[User, require("administrator")]


@router.get("/account")
def own_page(request: Request, place: Place, user: CurrentUser) -> Response:
    """Password and API tokens."""
    return _own(request, place, user)


@router.post("/account/password")
def change_password(request: Request, place: Place, user: CurrentUser, old: Text, new: Text) -> Response:
    """Set a new password; every browser of the account is signed out."""
    if user.id == LOCAL.id:
        raise HTTPException(400, "The local user has no password.")
    with reading(place.engine) as session:
        name = session.get_one(Account, user.id).name
    if accounts.check(place, name, old, request.client.host if request.client else "") is None:
        return _own(request, place, user, problem=translate(request, "The old password is wrong."), status=400)
    try:
        with writing(place.engine) as session:
            accounts.set_password(session, user.id, new)
            audit(session, place, user, "password changed")
    except DataError as error:
        return _own(request, place, user, problem=str(error), status=400)
    return RedirectResponse("/login", 303)


@router.post("/account/tokens")
def make_token(
    request: Request,
    place: Place,
    user: CurrentUser,
    label: Text,
    days: Annotated[int, Form()] = 30,
    scopes: Annotated[list[str], Form()] = [],  # noqa: B006
) -> Response:
    """Make an API token and show it once."""
    if user.scopes is not None:
        raise HTTPException(403, "A token makes no tokens.")
    try:
        with writing(place.engine) as session:
            token, secret = tokens.create(session, user, label, scopes, days)
            audit(session, place, user, "token made", token=token.id, scopes=token.scopes)
    except DataError as error:
        return _own(request, place, user, problem=str(error), status=400)
    return _own(request, place, user, secret=secret)


@router.post("/account/tokens/{token}/revoke")
def revoke_token(place: Place, user: CurrentUser, token: str) -> Response:
    """End one of one's own tokens."""
    with writing(place.engine) as session:
        if not tokens.revoke(session, user, token):
            raise HTTPException(404, "There is nothing here.")
        audit(session, place, user, "token revoked", token=token)
    return RedirectResponse("/account", 303)


@router.get("/accounts")
def everybody(request: Request, place: Place, user: Administrator) -> Response:
    """All accounts."""
    return _all(request, place, user)


@router.post("/accounts")
def add(request: Request, place: Place, user: Administrator, name: Text, password: Text, role: Text) -> Response:
    """Add an account."""
    try:
        with writing(place.engine) as session:
            account = accounts.create(session, name, password, role)  # type: ignore[arg-type]
            audit(session, place, user, "account made", account=account.id, role=account.role)
    except DataError as error:
        return _all(request, place, user, problem=str(error), status=400)
    return RedirectResponse("/accounts", 303)


@router.post("/accounts/{account}")
def change(
    place: Place,
    user: Administrator,
    account: str,
    role: Annotated[Role, Form()],
    active: Annotated[bool, Form()] = False,
) -> Response:
    """Give an account another role, or lock it; the last administrator stays one."""
    with writing(place.engine) as session:
        row = session.get(Account, account)
        if row is None:
            raise HTTPException(404, "There is nothing here.")
        accounts.set_role(session, place, row, role, active=active)
        audit(session, place, user, "account changed", account=account, role=role, active=active)
    return RedirectResponse("/accounts", 303)


@router.post("/accounts/{account}/password")
def reset_password(request: Request, place: Place, user: Administrator, account: str, password: Text) -> Response:
    """Set the password of somebody who forgot it."""
    try:
        with writing(place.engine) as session:
            accounts.set_password(session, account, password)
            audit(session, place, user, "password reset", account=account)
    except DataError as error:
        return _all(request, place, user, problem=str(error), status=400)
    return RedirectResponse("/accounts", 303)


def _own(
    request: Request,
    place: Workplace,
    user: User,
    *,
    problem: str | None = None,
    secret: str | None = None,
    status: int = 200,
) -> Response:
    with reading(place.engine) as session:
        mine = tokens.of(session, user)
        account = session.get(Account, user.id)
    values: dict[str, Any] = {
        "tokens": mine,
        "has_password": account is not None and account.password != accounts.NO_PASSWORD,
        "scopes": SCOPES,
        "problem": problem,
        "secret": secret,
        "shortest": accounts.SHORTEST,
    }
    return render(request, user, "account.html", status=status, **values)


def _all(request: Request, place: Workplace, user: User, *, problem: str | None = None, status: int = 200) -> Response:
    with reading(place.engine) as session:
        rows = list(session.scalars(select(Account).order_by(Account.name_key)))
        waiting, linked = identities.waiting(session), identities.of_accounts(session)
    values: dict[str, Any] = {
        "accounts": rows,
        "waiting": waiting,
        "linked": linked,
        "roles": ROLES,
        "problem": problem,
        "shortest": accounts.SHORTEST,
    }
    return render(request, user, "accounts.html", status=status, **values)
