"""A request's body into a folder of files, chunk by chunk: memory does not grow with the file."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import unquote

from fastapi import HTTPException, Request
from starlette.concurrency import run_in_threadpool

from usnet.store.blobs import Blobs, TooLarge

_AHEAD = 8


async def receive(request: Request, files: Blobs, limit: int) -> tuple[str, int]:
    """Write the body to ``files`` and return its sha256 and size.

    Raises
    ------
    HTTPException
        400 for an empty body, 413 for one above ``limit``.
    """
    chunks: queue.Queue[bytes | None] = queue.Queue(_AHEAD)
    size = 0
    writer = asyncio.ensure_future(run_in_threadpool(_write, files, chunks, limit))
    try:
        async for chunk in request.stream():
            size += len(chunk)
            await _put(chunks, chunk, writer)
        await _put(chunks, None, writer)
        digest = await writer
    except TooLarge as error:
        raise HTTPException(413, str(error)) from None
    finally:
        if not writer.done():
            await _abort(chunks, writer)
    if size == 0:
        files.remove(digest)
        raise HTTPException(400, "The request has no file in its body.")
    return digest, size


def file_name(request: Request) -> str:
    """What the user calls the file: header ``X-File-Name`` (percent-encoded UTF-8), without folders and control characters."""
    name = unquote(request.headers.get("x-file-name", ""), errors="replace").replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in name if letter.isprintable())[:200].strip() or "image"


class _Aborted(Exception):
    """The sender is gone."""


_END = b""


async def _put(chunks: queue.Queue[bytes | None], chunk: bytes | None, writer: asyncio.Future[str]) -> None:
    """Hand a chunk over, waiting while the disk is behind; a writer that failed says so here."""
    if chunk == _END:
        return
    while True:
        if writer.done():
            await writer
            return
        try:
            chunks.put_nowait(chunk)
            return
        except queue.Full:
            await asyncio.sleep(0.005)


async def _abort(chunks: queue.Queue[bytes | None], writer: asyncio.Future[str]) -> None:
    while not writer.done():
        with suppress(queue.Full):
            chunks.put_nowait(_END)  # the writer takes an empty chunk for the sender's end
        await asyncio.sleep(0.005)
    with suppress(Exception):
        await writer


def _write(files: Blobs, chunks: queue.Queue[bytes | None], limit: int) -> str:
    def coming() -> Iterator[bytes]:
        while (chunk := chunks.get()) is not None:
            if chunk == _END:
                raise _Aborted
            yield chunk

    return files.put(coming(), limit=limit)
