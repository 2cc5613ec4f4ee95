"""Counts and times answers by their route, never by their path, which may hold ids; and lets no error out."""

from __future__ import annotations

import json
import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from usnet.web.limits import Refusal
from usnet.web.workplace import Workplace

logger = logging.getLogger(__name__)
_WORDS = "Something went wrong here. It has been logged; please try again."


class Measured:
    """ASGI middleware around the routes."""

    def __init__(self, app: ASGIApp, place: Workplace) -> None:
        self._app, self._metrics = app, place.metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except Refusal:
            raise
        except Exception as error:
            # The error's text may quote a file's header: its kind and place are logged.
            said = RuntimeError(type(error).__name__)
            logger.error(
                "%s %s failed", scope["method"], _route(scope), exc_info=(RuntimeError, said, error.__traceback__)
            )
            if status == 0:
                await _sorry(sending)
        self._metrics.requests.labels(scope["method"], _route(scope), status).inc()
        self._metrics.seconds.labels(_route(scope)).observe(time.perf_counter() - start)


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", "unknown"))


async def _sorry(send: Send) -> None:
    body = json.dumps({"detail": _WORDS}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": body})
