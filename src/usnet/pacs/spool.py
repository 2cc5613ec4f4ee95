"""The node's folder: received bytes by their hash, and a bound on how many."""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from usnet.errors import PacsError
from usnet.store.blobs import Blobs

UID_FORM = re.compile(r"(?=.{1,64}\Z)(0|[1-9]\d*)(\.(0|[1-9]\d*))+")
MEBIBYTE = 1 << 20
_STALE_SECONDS = 3600.0


class OutOfSpace(PacsError):
    """The quota is used up, or the disk nearly full: the sender should try again later."""


class Spool:
    """``blobs/`` holds what was received and made, ``tmp/`` what is being received.

    The count of used bytes is kept in memory, corrected by :meth:`recount`; other processes add and remove files too.
    """

    def __init__(self, folder: Path, *, quota_mib: int, reserve_mib: int) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.blobs = Blobs(folder / "blobs")
        self.incoming = folder / "tmp"
        self.incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        self._quota, self._reserve = quota_mib * MEBIBYTE, reserve_mib * MEBIBYTE
        self._lock = threading.Lock()
        self._used = 0
        self.recount()

    @property
    def used(self) -> int:
        """Bytes in the spool, as far as this process knows."""
        return self._used

    def recount(self) -> None:
        """Look how much there really is, and remove drafts of processes that died an hour ago or earlier."""
        old = time.time() - _STALE_SECONDS
        total = 0
        for path in (*self.incoming.glob("*"), *(self.blobs.folder / "tmp").glob("*")):
            total += _size(path, remove_before=old)
        for path in self.blobs.folder.glob("[0-9a-f][0-9a-f]/*"):
            total += _size(path)
        with self._lock:
            self._used = total

    def check_space(self, size: int = 0) -> None:
        """Raise :class:`OutOfSpace` if ``size`` more bytes are too many."""
        if self._used + size > self._quota:
            raise OutOfSpace(
                f"{self._used // MEBIBYTE} MiB are waiting",
                source=self.folder,
                expected=f"at most {self._quota // MEBIBYTE} MiB (spool.quota_mib)",
                hint="Look with 'usnet pacs status' why studies are not answered",
            )
        free = shutil.disk_usage(self.folder).free
        if free - size < self._reserve:
            raise OutOfSpace(
                f"{free // MEBIBYTE} MiB are free on the disk",
                source=self.folder,
                expected=f"at least {self._reserve // MEBIBYTE} MiB (spool.reserve_mib)",
            )

    def keep(self, pieces: Iterable[bytes], limit: int) -> tuple[str, int]:
        """Store bytes that come in pieces; returns sha256 and size. They are on disk when this returns.

        Raises
        ------
        OutOfSpace
            Quota or disk do not allow it.
        usnet.store.blobs.TooLarge
            More than ``limit`` bytes.
        """
        self.check_space()
        size = 0

        def chunks() -> Iterator[bytes]:
            """The pieces, counted as they pass."""
            nonlocal size
            for piece in pieces:
                size += len(piece)
                yield piece

        digest = self.blobs.put(chunks(), limit=limit)
        with self._lock:
            self._used += size
        return digest, size


def _size(path: Path, remove_before: float = 0.0) -> int:
    try:
        facts = path.stat()
        if facts.st_mtime < remove_before:
            path.unlink()
            return 0
    except FileNotFoundError:
        return 0
    return facts.st_size


def pieces_of(path: Path) -> Iterator[bytes]:
    """A file, a mebibyte at a time."""
    with path.open("rb") as file:
        while piece := file.read(MEBIBYTE):
            yield piece


def valid_uid(text: str) -> bool:
    """Whether a text is a UID (PS3.5 9.1): digits and dots, 64 at most, nothing that could be part of a path."""
    return UID_FORM.fullmatch(text) is not None
