"""What is refused before any route sees it: foreign hosts, large bodies, slow senders. And the headers of every answer."""

from __future__ import annotations

import asyncio
import json
import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from usnet.web.settings import LOCAL_NAMES
from usnet.web.workplace import Workplace

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with no-referrer, browsers send "Origin: null" with our own forms
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), browsing-topics=()",
    "x-frame-options": "DENY",
}
UPLOADS = re.compile(r"/api/(diagnose|exams/[0-9a-f]{32}/files|annotate/[^/]+/(images|import))\Z")
"""Paths whose body is a file."""


class Refusal(Exception):
    """A request to be answered with ``status`` and words."""

    def __init__(self, status: int, words: str) -> None:
        self.status, self.words = status, words
        super().__init__(words)


class Gate:
    """ASGI middleware, the outermost one."""

    def __init__(self, app: ASGIApp, place: Workplace) -> None:
        self._app, self._place = app, place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        bounded, answer = (
            _Bounded(receive, self._limit(scope), self._place.settings.slow_seconds),
            _Sending(send, scope),
        )
        try:
            self._check(scope)
            answer.bounded = bounded
            await self._app(scope, bounded, answer)
        except Refusal as refusal:
            bounded.refusal = refusal
        if bounded.refusal is not None:
            self._place.metrics.refused.labels(str(bounded.refusal.status)).inc()
            await answer.refuse(bounded.refusal)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        if not self._place.settings.needs_login:
            name = re.sub(r":\d+\Z", "", headers.get("host", ""))
            if name not in LOCAL_NAMES:  # a foreign page whose name was pointed at this machine
                raise Refusal(
                    421, f"This server answers to {', '.join(LOCAL_NAMES)} only. Start it with --login for others."
                )
            if "x-forwarded-for" in headers or "forwarded" in headers:
                raise Refusal(403, "A proxy passes other machines' requests on: start the server with --login.")
        length = headers.get("content-length")
        if length is not None and (not length.isdecimal() or int(length) > self._limit(scope)):
            raise Refusal(413, f"The request is larger than {self._limit(scope)} bytes.")

    def _limit(self, scope: Scope) -> int:
        settings = self._place.settings
        return settings.max_upload if UPLOADS.match(scope["path"]) else settings.max_body


class _Bounded:
    """``receive`` that counts the body, also one that states no length, and does not wait for ever."""

    def __init__(self, receive: Receive, limit: int, seconds: float) -> None:
        self._receive, self._limit, self._seconds = receive, limit, seconds
        self._size, self._complete = 0, False
        self.refusal: Refusal | None = None

    async def __call__(self) -> Message:
        if self._complete:
            return await self._receive()
        try:
            message = await asyncio.wait_for(self._receive(), self._seconds)
        except TimeoutError:
            raise self._refused(408, f"Nothing came for {self._seconds:g} seconds.") from None
        self._size += len(message.get("body", b""))
        self._complete = message["type"] != "http.request" or not message.get("more_body", False)
        if self._size > self._limit:
            raise self._refused(413, f"The request is larger than {self._limit} bytes.")
        return message

    def _refused(self, status: int, words: str) -> Refusal:
        self.refusal = Refusal(status, words)
        return self.refusal


class _Sending:
    """``send`` that adds the headers, and lets a refusal win over what the application made of it."""

    def __init__(self, send: Send, scope: Scope) -> None:
        self._send, self._scope, self._started = send, scope, False
        self.bounded: _Bounded | None = None

    async def __call__(self, message: Message) -> None:
        if self.bounded is not None and self.bounded.refusal is not None and not self._started:
            return
        if message["type"] == "http.response.start":
            self._started = True
            _add_headers(message, self._scope)
        await self._send(message)

    async def refuse(self, refusal: Refusal) -> None:
        """Answer with the refusal, unless an answer has begun."""
        if self._started:
            return
        self.bounded = None
        await _answer(refusal, self)


def _add_headers(message: Message, scope: Scope) -> None:
    headers = MutableHeaders(scope=message)
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("cache-control", "no-store")
    if scope["scheme"] == "https":
        headers.setdefault("strict-transport-security", "max-age=31536000")


async def _answer(refusal: Refusal, send: Send) -> None:
    body = json.dumps({"detail": refusal.words}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
