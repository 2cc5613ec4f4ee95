"""One try to sign in, between leaving for the provider and coming back: a signed cookie, so that strangers fill no table."""

from __future__ import annotations

import hmac
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

from starlette.responses import Response

from usnet.web.workplace import Workplace

COOKIE = "usnet_oidc"
PATH = "/login/oidc"
LASTS = 600
"""Seconds a person has at the provider."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """``state`` is random; nonce and PKCE verifier are made from it with the server's key and never kept."""

    state: str
    next: str
    until: int

    @classmethod
    def begin(cls, path: str) -> Attempt:
        """A new try that will lead to ``path`` of this server."""
        return cls(secrets.token_urlsafe(32), path, int(time.time()) + LASTS)

    @classmethod
    def resumed(cls, place: Workplace, cookie: str, state: str) -> Attempt | None:
        """The try that this browser began with this state; ``None`` if there is none or it took too long."""
        signed, _, mark = cookie.rpartition(".")
        if not hmac.compare_digest(place.keyed("oidc-attempt", signed).encode(), mark.encode()):
            return None
        begun, until, path = signed.split(".")
        same = hmac.compare_digest(begun.encode(), state.encode())
        return cls(begun, urlsafe_b64decode(path).decode(), int(until)) if same and int(until) > time.time() else None

    def nonce(self, place: Workplace) -> str:
        """What the identity token must carry."""
        return place.keyed("oidc-nonce", self.state)

    def verifier(self, place: Workplace) -> str:
        """PKCE's verifier (RFC 7636, section 4.1): 64 characters."""
        return place.keyed("oidc-verifier", self.state)

    def keep(self, place: Workplace, response: Response, *, secure: bool) -> None:
        """Give the browser the cookie of this try."""
        signed = f"{self.state}.{self.until}.{urlsafe_b64encode(self.next.encode()).decode()}"
        value = f"{signed}.{place.keyed('oidc-attempt', signed)}"
        response.set_cookie(COOKIE, value, LASTS, httponly=True, samesite="lax", secure=secure, path=PATH)
