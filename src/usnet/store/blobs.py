"""Files by their content: written beside, synced, then renamed to their sha256, so that a name never holds half a file."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

from usnet.errors import DataError

_HEX = frozenset("0123456789abcdef")


class TooLarge(DataError):
    """More bytes came than were allowed; nothing was kept."""


class Blobs:
    """A folder of immutable files, each named by the sha256 of its bytes. Safe for several processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "tmp").mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, chunks: Iterable[bytes], *, limit: int | None = None) -> str:
        """Write the chunks and return the sha256; on return the file is on disk. A file that is there already is kept.

        Raises
        ------
        TooLarge
            More than ``limit`` bytes came.
        """
        draft = self.folder / "tmp" / secrets.token_hex(16)
        digest, size = hashlib.sha256(), 0
        try:
            with open(draft, "xb", opener=_private) as file:
                for chunk in chunks:
                    size += len(chunk)
                    if limit is not None and size > limit:
                        raise TooLarge(
                            f"more than {limit} bytes", hint="Send a smaller file, or let the limit be raised"
                        )
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            place = self.path(digest.hexdigest())
            place.parent.mkdir(exist_ok=True, mode=0o700)
            os.replace(draft, place)
            _sync(place.parent)
        finally:
            draft.unlink(missing_ok=True)
        return place.name

    def path(self, sha256: str) -> Path:
        """Where a file lies, whether or not it is there.

        Raises
        ------
        DataError
            That is no sha256 in lower-case hex: names from outside never become paths.
        """
        if len(sha256) != 64 or not _HEX.issuperset(sha256):
            raise DataError(f"blob {sha256[:80]!r}", expected="a sha256 in hex")
        return self.folder / sha256[:2] / sha256

    def remove(self, sha256: str) -> None:
        """Delete a file, if it is there."""
        self.path(sha256).unlink(missing_ok=True)

    def __iter__(self) -> Iterator[str]:
        return (path.name for path in sorted(self.folder.glob("[0-9a-f][0-9a-f]/*")))

    def __contains__(self, sha256: str) -> bool:
        return self.path(sha256).is_file()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
