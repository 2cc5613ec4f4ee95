"""Who is asking, and may they: the dependencies that every route uses."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from usnet.store import chain
from usnet.store.database import reading
from usnet.web import browser, tokens
from usnet.web.roles import LOCAL, Role, User
from usnet.web.workplace import Workplace, workplace_of

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
AUDIT = "web"
"""Name of the audit log's stream."""


class NotSignedIn(Exception):
    """The page is for people who signed in: browsers are sent to the login page, programs get 401."""


# The dependencies are coroutines where they wait for nothing: each plain function costs a request a change of threads.


async def _place(request: Request) -> Workplace:
    return workplace_of(request)


Place = Annotated[Workplace, Depends(_place)]


def current_user(request: Request, place: Workplace) -> User:
    """Who makes this request.

    Raises
    ------
    NotSignedIn
        Nobody signed in, or the token does not hold.
    HTTPException
        403: the token's scopes do not cover this request.
    """
    user = _asking(request, place)
    if user is None:
        raise NotSignedIn
    if user.scopes is not None:
        needed = "metrics" if request.url.path == "/metrics" else "read" if request.method in SAFE else "write"
        if needed not in user.scopes:
            raise HTTPException(403, f"This token has no scope '{needed}'.")
    return user


def _asking(request: Request, place: Workplace) -> User | None:
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    login = place.settings.needs_login
    if not scheme and not login:
        return LOCAL
    if scheme and scheme.lower() != "bearer":
        return None
    with reading(place.engine) as session:
        return tokens.bearer(session, secret.strip(), login=login) if scheme else browser.signed_in(session, request)


async def _current_user(request: Request, place: Place) -> User:
    if place.settings.needs_login or "authorization" in request.headers:
        return await run_in_threadpool(current_user, request, place)
    return current_user(request, place)


CurrentUser = Annotated[User, Depends(_current_user)]
"""Parameter type of a route that is for anybody who signed in."""


def require(*roles: Role) -> Any:
    """A dependency that lets only these roles (and administrators) in, and gives the user.

    Use it as ``user: Annotated[User, require("annotator")]``.
    """

    async def check(user: CurrentUser) -> User:
        if not user.has(*roles):
            raise HTTPException(403, "Your account may not do this.")
        return user

    return Depends(check)


def owned(user: User, owner: str | None) -> None:
    """Let a user at an object of ``owner`` (an account id), or answer as if there were no such object.

    Raises
    ------
    HTTPException
        404, also where the object exists: ids of others say nothing.
    """
    if owner is None or not user.may_see(owner):
        raise HTTPException(404, "There is nothing here.")


async def csrf(request: Request, place: Place) -> None:
    """On every route: an unsafe request of a browser must come from our own page and carry its token.

    The token is the header ``X-CSRF-Token`` or the form field ``csrf``. Programs with a bearer token need none: a browser never
    adds one by itself.

    Raises
    ------
    HTTPException
        403.
    """
    if request.method in SAFE or request.headers.get("authorization", "").lower().startswith("bearer "):
        return
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise HTTPException(403, "This request came from another site.")
    origin = request.headers.get("origin")
    if origin not in (None, f"{request.url.scheme}://{request.headers.get('host')}"):
        raise HTTPException(403, "This request came from another site.")
    given = request.headers.get("x-csrf-token")
    if given is None and request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        field = (await request.form(max_fields=500)).get("csrf")
        given = field if isinstance(field, str) else None
    if not hmac.compare_digest((given or "").encode(), browser.csrf_token(request, place).encode()):
        raise HTTPException(403, "The form has expired. Load the page again and repeat what you did.")


def audit(session: Session, place: Workplace, user: User | None, action: str, **body: Any) -> None:
    """Write a row of the signed audit log within the caller's transaction: ids and numbers, never a name or a file's name."""
    chain.append(session, place.audit_key, AUDIT, user.id if user else "nobody", action, body)


Dependency = Callable[..., Any]
