"""A small identity provider on loopback: OpenID Connect's authorization code flow with real keys, and faults to order."""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

CLIENT, SECRET = "usnet-tests", "a secret: with/odd+characters"
FORM = """<!doctype html><html lang="en"><title>Identity provider</title><h1>Clinic</h1>
<form method="post" action="/authorize?{query}"><label>Who are you? <input name="user" autofocus></label>
<button>Sign in</button></form></html>"""


@dataclass
class IdentityProvider:
    """``people`` are subjects with their claims; ``fault`` is what goes wrong with the next tokens."""

    url: str = ""
    people: dict[str, dict[str, Any]] = field(default_factory=dict)
    algorithm: str = "RS256"
    fault: str = ""
    secret: str | None = SECRET
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.new_keys()

    def new_keys(self) -> None:
        """As a provider does from time to time."""
        self.keys: dict[str, Any] = {
            "RS256": RSAKey.generate_key(2048, {"kid": secrets.token_hex(4)}),
            "ES256": ECKey.generate_key("P-256", {"kid": secrets.token_hex(4)}),
        }

    def document(self) -> dict[str, Any]:
        issuer = "https://elsewhere.example" if self.fault == "other issuer's document" else self.url
        plain = "http://192.0.2.1" if self.fault == "plain http" else self.url
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{plain}/token",
            "jwks_uri": f"{self.url}/jwks",
            "end_session_endpoint": f"{self.url}/logout",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        }

    def public(self) -> dict[str, Any]:
        unknown = {"kty": "XYZ", "kid": "x"}
        return {"keys": [unknown, *(key.as_dict(private=False) | {"use": "sig"} for key in self.keys.values())]}

    def authorize(self, query: dict[str, str], user: str) -> str:
        """Where the browser is sent: back, with a code."""
        answer = {"state": query["state"], "iss": self.url}
        if self.fault == "denied" or user not in self.people:
            answer |= {"error": "access_denied", "error_description": "<script>alert(1)</script>"}
        else:
            answer["code"] = secrets.token_urlsafe(16)
            self.codes[answer["code"]] = query | {"user": user}
        return f"{query['redirect_uri']}?{urlencode(answer)}"

    def exchange(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Tokens for a code, once."""
        if self.secret is not None:
            sent = base64.b64decode(authorization.removeprefix("Basic ")).decode()
            if sent != f"{CLIENT}:{self.secret}":
                return 401, {"error": "invalid_client"}
        elif form.get("client_id") != CLIENT:
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = _coded(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or asked["code_challenge_method"] != "S256"
            or asked["code_challenge"] != challenge
            or asked["redirect_uri"] != form["redirect_uri"]
        ):
            return 400, {"error": "invalid_grant"}
        token = self.id_token(asked)
        self.tokens.append(token)
        access = secrets.token_urlsafe(16)
        answer = {"access_token": access, "token_type": "Bearer", "expires_in": 60, "id_token": token}
        if self.fault == "no id token":
            del answer["id_token"]
        return 200, answer

    def id_token(self, asked: dict[str, str]) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.url,
            "sub": asked["user"],
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
        } | self.people[asked["user"]]
        changes: dict[str, dict[str, Any]] = {
            "audience": {"aud": "another"},
            "several audiences": {"aud": [CLIENT, "another"]},
            "azp": {"azp": "another"},
            "expired": {"exp": now - 600, "iat": now - 900},
            "future": {"iat": now + 3600, "exp": now + 7200},
            "nonce": {"nonce": "0" * 64},
            "issuer": {"iss": "https://elsewhere.example"},
            "no subject": {"sub": ""},
            "long subject": {"sub": "x" * 300},
            "at_hash": {"at_hash": "AAAA"},
        }
        claims |= changes.get(self.fault, {})
        if self.fault == "no nonce":
            del claims["nonce"]
        return self._signed(claims)

    def _signed(self, claims: dict[str, Any]) -> str:
        key, algorithm = self.keys[self.algorithm], self.algorithm
        header = {"alg": algorithm, "kid": key.kid}
        if self.fault == "signature":
            key = type(key).generate_key(*([2048] if algorithm == "RS256" else ["P-256"]))
        if self.fault == "none":
            return ".".join(_coded(json.dumps(part).encode()) for part in ({"alg": "none"}, claims)) + "."
        if self.fault == "hmac":  # signed with the public key as if it were a shared secret
            public = self.keys[self.algorithm].as_pem(private=False)
            text = ".".join(_coded(json.dumps(part).encode()) for part in (header | {"alg": "HS256"}, claims))
            return f"{text}.{_coded(hmac.digest(public, text.encode(), 'sha256'))}"
        if self.fault == "unknown key":
            header["kid"] = "nobody"
        token = jwt.encode(header, claims, key, algorithms=[algorithm])
        if self.fault == "changed":
            head, body, signature = token.split(".")
            text = base64.urlsafe_b64decode(body + "==").replace(b'"sub":"', b'"sub":"x')
            return f"{head}.{_coded(text)}.{signature}"
        return token


def _coded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


class _Handler(BaseHTTPRequestHandler):
    provider: IdentityProvider

    def do_GET(self) -> None:
        provider, parts = self.provider, urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        provider.requests.append((parts.path, query))
        if provider.fault == "broken":
            self._send(500, b"oh", "text/plain")
        elif provider.fault == "moved":
            self._send(302, b"", "text/plain", {"location": "http://192.0.2.1/"})
        elif parts.path == "/.well-known/openid-configuration":
            self._json(200, provider.document())
        elif parts.path == "/jwks":
            self._json(200, provider.public())
        elif parts.path == "/authorize":
            self._send(200, FORM.format(query=html.escape(parts.query)).encode(), "text/html")
        elif parts.path == "/favicon.ico":
            self._send(204, b"", "image/png")
        elif parts.path == "/logout":
            self._send(302, b"", "text/plain", {"location": query["post_logout_redirect_uri"]})
        else:
            self._send(404, b"", "text/plain")

    def do_POST(self) -> None:
        provider, parts = self.provider, urlsplit(self.path)
        text = self.rfile.read(int(self.headers["content-length"])).decode()
        form = {name: values[0] for name, values in parse_qs(text).items()}
        provider.requests.append((parts.path, form))
        if provider.fault == "token endpoint broken" and parts.path == "/token":
            self._send(503, b"oh", "text/plain")
        elif parts.path == "/authorize":
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            self._send(303, b"", "text/plain", {"location": provider.authorize(query, form.get("user", ""))})
        else:
            self._json(*provider.exchange(form, self.headers.get("authorization", "")))

    def _json(self, status: int, value: Any) -> None:
        self._send(status, json.dumps(value).encode(), "application/json")

    def _send(self, status: int, body: bytes, kind: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"content-type": kind, "content-length": str(len(body))} | (more or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def identity_provider(**people: dict[str, Any]) -> Iterator[IdentityProvider]:
    """A provider that knows ``people``, until the end of the block."""
    provider = IdentityProvider(people=people)
    handler = type("Handler", (_Handler,), {"provider": provider})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def settings_file(folder: Path, provider: IdentityProvider, text: str = "", tables: str = "") -> Path:
    """The file for ``usnet serve --oidc``."""
    if provider.secret is not None:
        (folder / "oidc.secret").write_text(provider.secret + "\n")
        text += '\nclient_secret_file = "oidc.secret"'
    file = folder / "oidc.toml"
    file.write_text(f'issuer = "{provider.url}"\nclient_id = "{CLIENT}"\nlabel = "Clinic ID"\n{text}\n{tables}\n')
    return file
