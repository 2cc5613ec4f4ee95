"""To the identity provider and back, and the people whom it sent and nobody knows yet."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.exc import IntegrityError

from usnet.store.database import reading, writing
from usnet.web import accounts
from usnet.web.guard import Place, audit, require
from usnet.web.login_pages import local_path, login_form, signed_in
from usnet.web.oidc import attempt, identities
from usnet.web.oidc.attempt import Attempt
from usnet.web.oidc.identities import Admission
from usnet.web.oidc.provider import Provider, SignInFault
from usnet.web.roles import ROLES, User
from usnet.web.words import N_, translate
from usnet.web.workplace import Workplace

router = APIRouter(tags=["pages"])
Administrator = Annotated[User, require("administrator")]
logger = logging.getLogger(__name__)

WORDS = {
    "state": (400, N_("This sign-in was begun in another browser, or too long ago. Begin again.")),
    "cancelled": (403, N_("%(provider)s did not sign you in.")),
    "unreachable": (503, N_("%(provider)s does not answer. Try again in a minute.")),
    "unfit": (
        502,
        N_("%(provider)s and this server do not fit together. Tell the administrator: the server's log says more."),
    ),
    "refused": (403, N_("%(provider)s does not know this sign-in any more. Begin again.")),
    "signature": (403, N_("What came from %(provider)s is not signed by it. You are not signed in.")),
    "audience": (403, N_("What came from %(provider)s was meant for another server. You are not signed in.")),
    "expired": (403, N_("What came from %(provider)s has expired. Are the clocks right? You are not signed in.")),
    "nonce": (403, N_("What came from %(provider)s belongs to another sign-in. You are not signed in.")),
    "token": (403, N_("What came from %(provider)s is not complete. You are not signed in.")),
    "waiting": (
        403,
        N_(
            "%(provider)s knows you, but no account here is yours yet. Ask the administrator to let you in, then sign in again."
        ),
    ),
    "locked": (403, N_("Your account is locked. Ask the administrator.")),
    "group": (403, N_("%(provider)s knows you, but none of your groups may use this server. Ask the administrator.")),
}
"""Why somebody is not signed in: status and sentence."""
_HARMLESS = ("cancelled", "unreachable", "unfit", "waiting", "locked", "group")
"""What is no sign of somebody who tries things, and does not make them wait."""


@router.get("/login/oidc")
def leave(request: Request, place: Place, next: str = "/", again: bool = False) -> Response:
    """Lead the browser to the identity provider."""
    provider, path = _provider(request), local_path(next)[:500]
    begun = Attempt.begin(path)
    try:
        url = provider.way_in(
            _back(request, provider),
            state=begun.state,
            nonce=begun.nonce(place),
            verifier=begun.verifier(place),
            again=again,
        )
    except SignInFault as fault:
        return _refused(request, place, provider, fault.fault, str(fault), path)
    response = RedirectResponse(url, 303)
    begun.keep(place, response, secure=request.url.scheme == "https")
    return response


@router.get("/login/oidc/return")
def come_back(
    request: Request, place: Place, state: str = "", code: str = "", error: str = "", iss: str | None = None
) -> Response:
    """Where the identity provider sends the browser back to."""
    provider = _provider(request)
    with reading(place.engine) as session:
        accounts.wait(session, accounts.address_key(place, _address(request)))
    begun = Attempt.resumed(place, request.cookies.get(attempt.COOKIE, ""), state)
    if begun is None or not _same(iss, provider):  # RFC 9207: an answer of another provider is none of ours
        response = _refused(request, place, provider, "state", "no such attempt", "/")
    elif error or not code:
        response = _refused(request, place, provider, "cancelled", "the provider sent no code", begun.next)
    else:
        response = _arrived(request, place, provider, begun, code)
    response.delete_cookie(attempt.COOKIE, path=attempt.PATH)
    return response


@router.post("/accounts/waiting/{identity}")
def let_in(place: Place, user: Administrator, identity: str, whose: Annotated[str, Form(max_length=60)]) -> Response:
    """Give somebody who waits a new account (``whose`` is a role) or one that exists (its id)."""
    role = next((r for r in ROLES if r == whose), None)
    with writing(place.engine) as session:
        identities.let_in(session, place, user, identity, role, None if role else whose)
    return RedirectResponse("/accounts", 303)


@router.post("/accounts/waiting/{identity}/forget")
def turn_away(place: Place, user: Administrator, identity: str) -> Response:
    """Forget somebody who waits."""
    with writing(place.engine) as session:
        identities.turn_away(session, place, user, identity)
    return RedirectResponse("/accounts", 303)


def _arrived(request: Request, place: Workplace, provider: Provider, begun: Attempt, code: str) -> Response:
    try:
        claims = provider.claims(
            _back(request, provider), code=code, nonce=begun.nonce(place), verifier=begun.verifier(place)
        )
    except SignInFault as fault:
        return _refused(request, place, provider, fault.fault, str(fault), begun.next)
    admission = _admitted(place, provider, claims)
    if admission.account is None:
        return _refused(request, place, provider, str(admission.why), "no account", begun.next)
    return signed_in(request, place, admission.account, begun.next, by="oidc")


def _admitted(place: Workplace, provider: Provider, claims: Mapping[str, Any]) -> Admission:
    try:
        with writing(place.engine) as session:
            return identities.admit(session, place, provider.settings, claims)
    except IntegrityError:  # two browsers of one person came first at the same moment: now the row is there
        with writing(place.engine) as session:
            return identities.admit(session, place, provider.settings, claims)


def _refused(request: Request, place: Workplace, provider: Provider, why: str, log: str, path: str) -> Response:
    """The page to sign in on, with the reason; the audit log and the server's log keep it too."""
    status, words = WORDS[why]
    address = accounts.address_key(place, _address(request))
    with writing(place.engine) as session:
        if why not in _HARMLESS:
            accounts.count_failure(session, address, accounts.ADDRESS_FREE_TRIES)
        audit(session, place, None, "login refused", address=address[:16], by="oidc", why=why)
    logger.warning("sign-in through the identity provider: %s (%s)", why, log)
    return login_form(request, path, translate(request, words, provider=provider.settings.label), status=status)


def _provider(request: Request) -> Provider:
    found: Provider | None = request.app.state.oidc
    if found is None:
        raise HTTPException(404, "There is nothing here.")
    return found


def _back(request: Request, provider: Provider) -> str:
    return f"{provider.address(request)}{attempt.PATH}/return"


def _same(iss: str | None, provider: Provider) -> bool:
    return iss is None or hmac.compare_digest(iss.encode(), provider.settings.issuer.encode())


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
