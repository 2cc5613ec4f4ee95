"""STOW-RS (PS3.18 10.5) as a way in: a small ASGI application with one route, ``POST /studies``.

Each part of the message goes to disk as it comes, and is kept as C-STORE keeps it before the answer says 'stored'.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import tempfile
from collections.abc import Awaitable, Callable, MutableMapping
from email.message import Message
from pathlib import Path
from typing import IO, Any

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser
from sqlalchemy import Engine

from usnet.errors import DataError
from usnet.pacs import contexts
from usnet.pacs.config import NodeConfig
from usnet.pacs.part10 import Meta, meta_of, rewritten
from usnet.pacs.records import Received, receive
from usnet.pacs.spool import MEBIBYTE, OutOfSpace, Spool
from usnet.store.blobs import TooLarge

logger = logging.getLogger(__name__)

Event = MutableMapping[str, Any]
OUT_OF_RESOURCES, NO_CLASS, NO_SYNTAX, NOT_UNDERSTOOD = 0xA700, 0x0122, 0xC122, 0xC000
MOST_PARTS = 2000


class Refusal(Exception):
    """Ends a request with an HTTP status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Stow:
    """The application."""

    def __init__(self, config: NodeConfig, spool: Spool, engine: Engine) -> None:
        self._config, self._spool, self._engine = config, spool, engine
        file = config.stow.token_file if config.stow else None
        lines = file.read_text(encoding="utf-8").split() if file else []
        self._tokens = [line.encode() for line in lines]
        self._guarded = file is not None

    async def __call__(
        self, scope: Event, take: Callable[[], Awaitable[Event]], send: Callable[[Event], Awaitable[None]]
    ) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        try:
            status, body = await self._answer(scope, take)
        except Refusal as refusal:
            status, body = refusal.status, {"message": str(refusal)}
        except TimeoutError:
            status, body = 408, {"message": "nothing came for too long"}
        except Exception:
            logger.exception("STOW-RS request failed")
            status, body = 500, {"message": "the node failed; see its log"}
        kind = b"application/dicom+json" if "00081190" in body or status in (200, 202, 409) else b"application/json"
        headers = [(b"content-type", kind), (b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]
        if status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})

    async def _answer(self, scope: Event, take: Callable[[], Awaitable[Event]]) -> tuple[int, dict[str, Any]]:
        headers = {name.lower(): value for name, value in scope["headers"]}
        self._admit(headers.get(b"authorization", b""))
        parts = [part for part in scope["path"].split("/") if part]
        if not parts or parts[0] != "studies" or len(parts) > 2:
            raise Refusal(404, "only /studies is here")
        if scope["method"] != "POST":
            raise Refusal(405, "this is for storing: POST")
        boundary = _boundary(headers.get(b"content-type", b"").decode("latin-1"))
        stored: list[Meta] = []
        failed: list[tuple[Meta | None, int]] = []
        with tempfile.TemporaryDirectory(dir=self._spool.incoming) as folder:
            message = _Message(Path(folder), boundary, self._config.node.file_mib * MEBIBYTE)
            while True:
                event = await asyncio.wait_for(take(), self._config.node.idle_seconds)
                if event["type"] == "http.disconnect":
                    raise Refusal(400, "the connection broke off")
                for path in message.feed(event.get("body", b"")):
                    meta, reason = await asyncio.to_thread(self._keep, path)
                    if reason is None and meta is not None:
                        stored.append(meta)
                    else:
                        failed.append((meta, reason or NOT_UNDERSTOOD))
                if not event.get("more_body"):
                    break
            message.finish()
        if not stored and not failed:
            raise Refusal(400, "the message has no part")
        return (200 if not failed else 202 if stored else 409), _report(stored, failed)

    def _admit(self, given: bytes) -> None:
        kind, _, token = given.partition(b" ")
        known = kind.lower() == b"bearer" and any(hmac.compare_digest(token.strip(), one) for one in self._tokens)
        if self._guarded and not known:
            raise Refusal(401, "a bearer token is needed")

    def _keep(self, path: Path) -> tuple[Meta | None, int | None]:
        """One part: its meta information where it is readable, and a failure reason (PS3.18 I.2) where it is not kept."""
        meta = None
        try:
            meta = meta_of(path)
            if meta.sop_class not in contexts.classes(self._config.node.secondary_capture):
                return meta, NO_CLASS
            if meta.syntax not in contexts.SYNTAXES:
                return meta, NO_SYNTAX
            limit = self._config.node.file_mib * MEBIBYTE
            digest, size = self._spool.keep(rewritten(path, meta), limit)
            one = Received(digest, size, meta.instance, str(meta.sop_class), "STOW-RS")
            receive(self._engine, one, attempts=self._config.work.attempts)
            if digest not in self._spool.blobs:  # see Receiver
                self._spool.keep(rewritten(path, meta), limit)
        except (OutOfSpace, TooLarge, OSError) as error:
            logger.error("refused: %s", error)
            return meta, OUT_OF_RESOURCES
        except DataError as error:
            logger.warning("STOW-RS part refused: %s", error)
            return meta, NOT_UNDERSTOOD
        finally:
            path.unlink(missing_ok=True)
        return meta, None


class _Message:
    """A multipart message that comes in pieces, each part becoming a file."""

    def __init__(self, folder: Path, boundary: bytes, limit: int) -> None:
        self._folder, self._limit = folder, limit
        self._count, self._size, self._ended = 0, 0, False
        self._file: IO[bytes] | None = None
        self._done: list[Path] = []
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_part_data": self._data,
                "on_part_end": self._end,
                "on_end": self._finished,
            },
        )

    def feed(self, piece: bytes) -> list[Path]:
        """Parts that are complete by now."""
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise Refusal(400, f"the multipart message is malformed ({error})") from error
        done, self._done = self._done, []
        return done

    def finish(self) -> None:
        """Raise :class:`Refusal` where the message has no end."""
        if self._file is not None:
            self._file.close()
        if not self._ended:
            raise Refusal(400, "the multipart message ends early")

    def _begin(self) -> None:
        self._count, self._size = self._count + 1, 0
        if self._count > MOST_PARTS:
            raise Refusal(413, f"more than {MOST_PARTS} parts")
        self._file = (self._folder / str(self._count)).open("wb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._size += end - start
        if self._size > self._limit:
            raise Refusal(413, f"a part has more than {self._limit} bytes")
        if self._file is not None:
            self._file.write(data[start:end])

    def _end(self) -> None:
        if self._file is not None:
            self._file.close()
            self._done.append(Path(self._file.name))
            self._file = None

    def _finished(self) -> None:
        self._ended = True


def _boundary(content_type: str) -> bytes:
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_boundary()
    kind = str(header.get_param("type", "application/dicom"))
    if header.get_content_type() != "multipart/related" or boundary is None or kind != "application/dicom":
        raise Refusal(415, 'expected multipart/related; type="application/dicom"')
    return boundary.encode("latin-1")


def _report(stored: list[Meta], failed: list[tuple[Meta | None, int]]) -> dict[str, Any]:
    """The Store Instances Response in the DICOM JSON model (PS3.18 10.5.3)."""
    body: dict[str, Any] = {}
    if stored:
        body["00081199"] = {"vr": "SQ", "Value": [_reference(meta) for meta in stored]}
    if failed:
        body["00081198"] = {
            "vr": "SQ",
            "Value": [_reference(meta) | {"00081197": {"vr": "US", "Value": [reason]}} for meta, reason in failed],
        }
    return body


def _reference(meta: Meta | None) -> dict[str, Any]:
    if meta is None:
        return {}
    return {
        "00081150": {"vr": "UI", "Value": [str(meta.sop_class)]},
        "00081155": {"vr": "UI", "Value": [meta.instance]},
    }
