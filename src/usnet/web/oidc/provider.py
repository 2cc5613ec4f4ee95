"""Asks the identity provider: where people sign in, who came back, and is it really the provider that says so."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

from starlette.requests import Request

from usnet.errors import UsnetError
from usnet.extras import need
from usnet.web.oidc.config import OidcSettings, is_safe, load
from usnet.web.settings import Settings as ServerSettings

Fault = Literal["unreachable", "unfit", "refused", "signature", "audience", "expired", "nonce", "token"]
TIMEOUT = (5.0, 10.0)
"""Seconds to connect and to wait for bytes."""
LARGEST = 1 << 20
AT_ONCE = 8
"""Requests to the provider at the same time; each holds a thread of the server."""
FRESH, REFETCH = 3600.0, 30.0
"""Seconds that the provider's document and keys are kept, and after which an unknown key may ask for them again."""
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""Signatures with a private key. 'none' and HMAC, whose key the browser's side may know, are not among them."""
LEEWAY = 60

logger = logging.getLogger(__name__)


class SignInFault(UsnetError):
    """Nobody is signed in, and ``fault`` says why. The message is for the log: it holds neither token nor code."""

    def __init__(self, fault: Fault, message: str, **more: Any) -> None:
        self.fault = fault
        super().__init__(message, **more)


def open_provider(settings: ServerSettings) -> Provider | None:
    """The provider that the administrator's file names, if there is one; it is asked at the first sign-in.

    Raises
    ------
    MissingExtra
        The extra ``oidc`` is not installed.
    ConfigError
        The file is wrong.
    """
    if settings.oidc is None:
        return None
    need("authlib", "joserfc", "requests", extra="oidc", feature="sign-in through an identity provider (--oidc)")
    return Provider(load(Path(settings.oidc), settings.host))


class Provider:
    """An identity provider. Its document and keys are fetched when they are needed and kept for an hour."""

    def __init__(self, settings: OidcSettings) -> None:
        self.settings = settings
        self._secret = settings.client_secret
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(AT_ONCE)
        self._kept: dict[str, tuple[float, Any]] = {}

    def address(self, request: Request) -> str:
        """Address by which browsers reach this server, without a slash at the end."""
        return (self.settings.address or str(request.base_url)).rstrip("/")

    def way_in(self, back: str, *, state: str, nonce: str, verifier: str, again: bool) -> str:
        """Address at the provider where a person signs in; ``again`` asks also who is known there.

        Raises
        ------
        SignInFault
        """
        more = {"prompt": "login"} if again else {}
        with self._session(back) as session:
            url, _ = session.create_authorization_url(
                self.document()["authorization_endpoint"], state, verifier, nonce=nonce, **more
            )
            return str(url)

    def way_out(self, back: str) -> str | None:
        """Address where a person ends the sign-in at the provider, if it is known to have one."""
        kept = self._kept.get("document")
        end = kept[1].get("end_session_endpoint") if kept else None
        if not is_safe(end):
            return None
        return f"{end}?{urlencode({'client_id': self.settings.client_id, 'post_logout_redirect_uri': back})}"

    def claims(self, back: str, *, code: str, nonce: str, verifier: str) -> Mapping[str, Any]:
        """What the provider says about who came back with a code.

        Raises
        ------
        SignInFault
        """
        from authlib.integrations.base_client import OAuthError
        from requests import RequestException

        endpoint = self.document()["token_endpoint"]
        try:
            with self._asking(), self._session(back) as session:
                answer = session.fetch_token(
                    endpoint,
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=verifier,
                    allow_redirects=False,
                    timeout=TIMEOUT,
                )
        except OAuthError as error:
            fault: Fault = "refused" if error.error == "invalid_grant" else "unfit"
            raise SignInFault(fault, f"the token endpoint answers {str(error.error)[:60]!r}") from None
        except (RequestException, ValueError) as error:
            raise SignInFault("unreachable", f"the token endpoint fails ({type(error).__name__})") from None
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise SignInFault("token", "the token endpoint gives no id_token")
        return self._verified(token, answer.get("access_token"), nonce)

    def document(self) -> dict[str, Any]:
        """The provider's discovery document (OpenID Connect Discovery 1.0, section 4), checked.

        Raises
        ------
        SignInFault
        """
        url = self.settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
        found: dict[str, Any] = self._fresh("document", url)
        if found.get("issuer") != self.settings.issuer:
            raise SignInFault("unfit", f"{url} is of another issuer", expected=f"issuer {self.settings.issuer}")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not is_safe(found.get(name)):
                raise SignInFault("unfit", f"{url} has no {name} by https")
        return found

    def keys(self, *, oldest: float = FRESH) -> Any:
        """The provider's public keys, a joserfc ``KeySet``.

        Raises
        ------
        SignInFault
        """
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        found = self._fresh("keys", self.document()["jwks_uri"], oldest)
        try:
            public = [key for key in found["keys"] if key.get("kty") != "oct" and key.get("use", "sig") == "sig"]
            return KeySet.import_key_set({"keys": public})
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise SignInFault("unfit", f"its keys cannot be read ({type(error).__name__})") from None

    def _verified(self, token: str, access_token: object, nonce: str) -> Mapping[str, Any]:
        """Claims of an identity token (OpenID Connect Core 1.0, section 3.1.3.7)."""
        from authlib.oidc.core import CodeIDToken
        from joserfc import jwt
        from joserfc.errors import ClaimError, ExpiredTokenError, JoseError

        try:
            signed = jwt.decode(token, self._key, algorithms=ALGORITHMS)
            must = {"iss": self.settings.issuer, "aud": self.settings.client_id, "nonce": nonce}
            claims = CodeIDToken(
                signed.claims,
                signed.header,
                {name: {"essential": True, "value": value} for name, value in must.items()},
                {"client_id": self.settings.client_id, "nonce": nonce, "access_token": access_token},
            )
            claims.validate(int(time.time()), LEEWAY)
        except ExpiredTokenError:
            raise SignInFault("expired", "the identity token has expired") from None
        except ClaimError as error:
            raise SignInFault(_fault_of(error.claim), f"claim {error.claim[:60]!r} of the token is wrong") from None
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise SignInFault("signature", f"the token's signature does not hold ({type(error).__name__})") from None
        if not 1 <= len(claims["sub"]) <= 255:
            raise SignInFault("token", "the subject is empty or longer than 255 characters")
        return dict(claims)

    def _key(self, token: Any) -> Any:
        from joserfc.errors import InvalidKeyIdError

        name = token.headers().get("kid")
        try:
            return self.keys().get_by_kid(name, {"use": "sig"})
        except InvalidKeyIdError:  # the provider may have changed its keys
            return self.keys(oldest=REFETCH).get_by_kid(name, {"use": "sig"})

    def _session(self, back: str) -> Any:
        from authlib.integrations.requests_client import OAuth2Session

        session = OAuth2Session(
            self.settings.client_id,
            self._secret,
            token_endpoint_auth_method="client_secret_basic" if self._secret else "none",
            scope=" ".join(self.settings.scopes),
            redirect_uri=back,
            code_challenge_method="S256",
        )
        session.verify = str(self.settings.authorities) if self.settings.authorities else True
        return session

    def _fresh(self, name: str, url: str, oldest: float = FRESH) -> Any:
        with self._lock:
            kept = self._kept.get(name)
        if kept is None or time.monotonic() - kept[0] > oldest:
            with self._asking():
                kept = time.monotonic(), self._fetched(url)
            with self._lock:
                self._kept[name] = kept
        return kept[1]

    def _fetched(self, url: str) -> dict[str, Any]:
        import json

        import requests

        verify = str(self.settings.authorities) if self.settings.authorities else True
        try:
            with requests.get(url, timeout=TIMEOUT, allow_redirects=False, stream=True, verify=verify) as answer:
                status = answer.status_code
                found = json.loads(answer.raw.read(LARGEST, decode_content=True)) if status == 200 else None
        except (requests.RequestException, OSError, ValueError) as error:
            raise SignInFault("unreachable", f"{url} does not answer as it should ({type(error).__name__})") from None
        if not isinstance(found, dict):
            raise SignInFault("unreachable", f"{url} answers with status {status}", expected="200 and a JSON object")
        return found

    @contextmanager
    def _asking(self) -> Iterator[None]:
        if not self._slots.acquire(timeout=TIMEOUT[0]):
            raise SignInFault("unreachable", "too many sign-ins wait for the provider")
        try:
            yield
        finally:
            self._slots.release()


def _fault_of(claim: str) -> Fault:
    names: dict[str, Fault] = {"aud": "audience", "azp": "audience", "nonce": "nonce", "exp": "expired"}
    return names.get(claim, "token")
