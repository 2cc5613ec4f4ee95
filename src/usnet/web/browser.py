"""The browser's cookie: signed random bytes from the first page on, so that every form has a CSRF token to carry.

Whoever signs in gets a fresh cookie, whose sha256 is a row of the database; signing out deletes the row.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from http.cookies import CookieError, SimpleCookie
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from usnet.web.roles import User
from usnet.web.tables import Account, WebSession
from usnet.web.workplace import Workplace

COOKIE = "usnet_session"


class BrowserCookie:
    """ASGI middleware: puts the cookie's value into ``scope["state"]["browser"]``, and sets one where there is none of ours."""

    def __init__(self, app: ASGIApp, place: Workplace) -> None:
        self._app, self._place = app, place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        value = _ours(self._place, headers.get(b"cookie", b"").decode("latin-1"))
        fresh = value is None
        scope.setdefault("state", {})["browser"] = value or new_cookie(self._place)
        wanted = fresh and b"authorization" not in headers

        async def sending(message: Message) -> None:
            if wanted and message["type"] == "http.response.start":
                given = MutableHeaders(scope=message)
                page = given.get("content-type", "").startswith("text/html")
                if page and not any(v.startswith(f"{COOKIE}=") for v in given.getlist("set-cookie")):
                    carrier = Response()
                    set_cookie(carrier, scope["state"]["browser"], secure=scope["scheme"] == "https")
                    given.append("set-cookie", carrier.headers["set-cookie"])
            await send(message)

        await self._app(scope, receive, sending)


def new_cookie(place: Workplace) -> str:
    """A cookie value that nobody has had."""
    body = secrets.token_urlsafe(32)
    return f"{body}.{place.keyed('browser', body)[:32]}"


def set_cookie(response: Response, value: str, *, secure: bool) -> None:
    """Give the browser its cookie: for this site alone, out of reach of scripts, until the browser ends."""
    response.set_cookie(COOKIE, value, httponly=True, samesite="lax", secure=secure, path="/")


def csrf_token(request: Request, place: Workplace) -> str:
    """The token that this browser's unsafe requests must carry."""
    return place.keyed("csrf", request.state.browser)


def sign_in(session: Session, place: Workplace, request: Request, account: Account) -> str:
    """A new cookie for an account; the old one is worth nothing any more."""
    _forget(session, request)
    value, now = new_cookie(place), time.time()
    session.execute(delete(WebSession).where(WebSession.expires_at < now))
    session.add(
        WebSession(
            token=_digest(value),
            account=account.id,
            created_at=now,
            expires_at=now + 3600 * place.settings.session_hours,
        )
    )
    return value


def sign_out(session: Session, request: Request) -> None:
    """End this browser's login."""
    _forget(session, request)


def signed_in(session: Session, request: Request) -> User | None:
    """Whose login this browser's cookie is."""
    query = (
        select(Account.id, Account.name, Account.role)
        .join(WebSession, WebSession.account == Account.id)
        .where(
            WebSession.token == _digest(request.state.browser),
            WebSession.expires_at > time.time(),
            Account.disabled.is_(False),
        )
    )
    row: Any = session.execute(query).one_or_none()
    return User(row.id, row.name, row.role) if row else None


def _forget(session: Session, request: Request) -> None:
    session.execute(delete(WebSession).where(WebSession.token == _digest(request.state.browser)))


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def _ours(place: Workplace, header: str) -> str | None:
    """The cookie's value, if this server signed it."""
    try:
        morsel = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return None
    value = morsel.value if morsel else ""
    body, _, mark = value.partition(".")
    right = hmac.compare_digest(place.keyed("browser", body)[:32].encode(), mark.encode())
    return value if body and right else None
