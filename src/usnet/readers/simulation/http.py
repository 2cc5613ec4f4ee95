"""A small HTTP/1.1 client on one kept connection: hundreds of simulated readers share two cores with the server they read on."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any
from urllib.parse import urlencode

from usnet.readers.place import StudyError

_CSRF = re.compile(rb'<meta name="csrf" content="([^"]+)"')


class Reply:
    """Status, headers (lower case) and body of an answer."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    def json(self) -> dict[str, Any]:
        """The body as JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found


class Browser:
    """One simulated browser: cookies, CSRF token, one connection that is opened anew when it is lost."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._cookies: dict[str, str] = {}
        self._token = ""
        self._line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str) -> Reply:
        """GET; a page's CSRF token is kept."""
        reply = await self._ask("GET", path, b"", "")
        found = _CSRF.search(reply.body) if reply.headers.get("content-type", "").startswith("text/html") else None
        if found:
            self._token = found[1].decode()
        return reply

    async def form(self, path: str, **fields: str) -> Reply:
        """POST of a form."""
        body = urlencode(fields | {"csrf": self._token}).encode()
        return await self._ask("POST", path, body, "application/x-www-form-urlencoded")

    async def send(self, path: str, content: dict[str, Any], method: str = "POST") -> Reply:
        """POST or PUT of JSON."""
        return await self._ask(method, path, json.dumps(content).encode(), "application/json")

    async def close(self) -> None:
        """Hang up."""
        if self._line is not None:
            self._line[1].close()
            self._line = None

    async def _ask(self, method: str, path: str, body: bytes, kind: str) -> Reply:
        """One request. A lost line is an error: only the caller knows whether asking again is safe."""
        try:
            if self._line is None:
                self._line = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
            reader, writer = self._line
            writer.write(self._head(method, path, body, kind) + body)
            return await self._reply(reader)
        except (OSError, asyncio.IncompleteReadError, ValueError, IndexError) as error:
            await self.close()
            raise ConnectionError(str(error)) from error

    def _head(self, method: str, path: str, body: bytes, kind: str) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self._port}"]
        if self._cookies:
            lines.append("Cookie: " + "; ".join(f"{k}={v}" for k, v in self._cookies.items()))
        if method != "GET":
            lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}", f"X-CSRF-Token: {self._token}"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    async def _reply(self, reader: asyncio.StreamReader) -> Reply:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {}
        for line in head[1:-2]:
            name, _, value = line.partition(": ")
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                self._cookies[key] = rest.partition(";")[0]
            headers[name.lower()] = value
        body = await reader.readexactly(int(headers["content-length"])) if "content-length" in headers else b""
        if headers.get("connection", "").lower() == "close":
            await self.close()
        return Reply(int(head[0].split(" ", 2)[1]), headers, body)


def expect(reply: Reply, *status: int) -> Reply:
    """The reply, if its status is one of those.

    Raises
    ------
    StudyError
        It is not; shows what the server said.
    """
    if reply.status not in status:
        raise StudyError(
            f"the server said {reply.status}: {reply.body[:200]!r}", expected=" or ".join(map(str, status))
        )
    return reply
