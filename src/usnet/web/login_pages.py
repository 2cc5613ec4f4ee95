"""Signing in and out, and the first administrator."""

from __future__ import annotations

import hmac
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from usnet.errors import DataError
from usnet.store.database import writing
from usnet.web import accounts, browser
from usnet.web.guard import CurrentUser, Place, audit
from usnet.web.pages import render
from usnet.web.roles import User
from usnet.web.tables import Account
from usnet.web.words import translate
from usnet.web.workplace import Workplace, has_administrator

router = APIRouter(tags=["pages"])
Text = Annotated[str, Form(max_length=200)]


@router.get("/login")
def login_page(request: Request, place: Place, next: str = "/", again: bool = False) -> Response:
    """The form; without login it leads straight on. ``again`` is for those who signed out: an identity provider shall ask them."""
    if not place.settings.needs_login:
        return RedirectResponse(local_path(next), 303)
    if not has_administrator(place.engine):
        return RedirectResponse("/setup", 303)
    return login_form(request, local_path(next), again=again)


@router.post("/login")
def login(request: Request, place: Place, name: Text, password: Text, next: Text = "/") -> Response:
    """Sign in; the browser gets a fresh cookie."""
    address = request.client.host if request.client else ""
    try:
        account = accounts.check(place, name, password, address)
    except accounts.TooManyTries as error:
        problem = translate(
            request, "Too many wrong passwords. Try again in %(seconds)s seconds.", seconds=error.seconds
        )
        headers = {"retry-after": str(error.seconds)}
        return login_form(request, local_path(next), problem, status=429, headers=headers)
    if account is None:
        with writing(place.engine) as session:
            audit(session, place, None, "login refused", address=place.keyed("login-address", address)[:16])
        problem = translate(request, "Name or password is wrong.")
        return login_form(request, local_path(next), problem, status=401)
    return signed_in(request, place, account.id, local_path(next))


@router.post("/logout")
def logout(request: Request, place: Place, user: CurrentUser) -> Response:
    """End this browser's login."""
    with writing(place.engine) as session:
        browser.sign_out(session, request)
        audit(session, place, user, "logout")
    response = RedirectResponse("/login?again=1" if request.app.state.oidc else "/login", 303)
    response.delete_cookie(browser.COOKIE, path="/")
    return response


@router.get("/setup")
def setup_page(request: Request, place: Place) -> Response:
    """The form for the first administrator."""
    _only_first(place)
    return render(request, None, "setup.html", problem=None, shortest=accounts.SHORTEST)


@router.post("/setup")
def setup(request: Request, place: Place, token: Text, name: Text, password: Text) -> Response:
    """Make the first administrator, for whoever can read the token on the server's terminal."""
    _only_first(place)
    problem = None
    if not hmac.compare_digest(token.strip().encode(), place.first_run.encode()):
        problem = translate(request, "This is not the token that the server printed when it started.")
    else:
        try:
            with writing(place.engine) as session:
                account = accounts.create(session, name, password, "administrator")
                audit(session, place, User(account.id, "", "administrator"), "first administrator made")
        except DataError as error:
            problem = str(error)
    if problem:
        return render(request, None, "setup.html", status=400, problem=problem, shortest=accounts.SHORTEST)
    return signed_in(request, place, account.id, "/")


def _only_first(place: Workplace) -> None:
    if not place.settings.needs_login or has_administrator(place.engine):
        raise HTTPException(404, "There is nothing here.")


def login_form(
    request: Request,
    next: str,
    problem: str | None = None,
    *,
    again: bool = False,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    """The page to sign in on, also with what went wrong."""
    provider = request.app.state.oidc
    values = {
        "provider": provider.settings.label if provider else None,
        "way_out": provider.way_out(provider.address(request) + "/login") if provider and again else None,
        "again": again,
    }
    return render(request, None, "login.html", status=status, headers=headers, next=next, problem=problem, **values)


def signed_in(request: Request, place: Workplace, account: str, path: str, **how: str) -> Response:
    """Give this browser the login of an account and lead it to ``path``; ``how`` goes into the audit log."""
    with writing(place.engine) as session:
        row = session.get_one(Account, account)
        cookie = browser.sign_in(session, place, request, row)
        audit(session, place, User(row.id, "", "viewer"), "login", **how)
    response = RedirectResponse(path, 303)
    browser.set_cookie(response, cookie, secure=request.url.scheme == "https")
    return response


def local_path(path: str) -> str:
    """``path`` if it stays on this server, else ``/``: a login must not lead elsewhere."""
    parts = urlsplit(path)
    plain = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if plain and not parts.scheme and not parts.netloc else "/"
