"""Files as they came to files that may be images: archives are opened here, within bounds, and their names never become paths."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from usnet.images.files import looks_like_dicom
from usnet.store.blobs import Blobs, TooLarge

MOST_MEMBERS = 1000
MOST_BYTES = 2 << 30
"""Of all members of one archive, unpacked."""
LARGEST_RATIO = 200
"""Unpacked to packed bytes of one member; images compress to a third or so."""
_CHUNK = 1 << 18
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True, slots=True)
class Source:
    """Something to read: its name for people, and the file's sha256; or the ``reason`` why it is not read."""

    name: str
    sha256: str
    reason: str | None = None


def sources(files: Blobs, name: str, sha256: str, alive: Callable[[], None]) -> Iterator[Source]:
    """What an uploaded file holds: itself, or the members of a zip."""
    path = files.path(sha256)
    if not is_zip(path):
        yield Source(name, sha256)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            yield from _members(archive, files, name, sha256, alive)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, EOFError) as error:
        yield Source(name, sha256, f"the zip is damaged ({type(error).__name__})")


def is_zip(path: Path) -> bool:
    """By the first bytes; a DICOM file whose preamble looks like a zip is DICOM."""
    with path.open("rb") as stream:
        head = stream.read(256)
    return head[:4] in (b"PK\x03\x04", b"PK\x05\x06") and not looks_like_dicom(head)


def _members(
    archive: zipfile.ZipFile, files: Blobs, name: str, sha256: str, alive: Callable[[], None]
) -> Iterator[Source]:
    entries = [entry for entry in archive.infolist() if not entry.is_dir() and not _hidden(entry.filename)]
    if not entries:
        yield Source(name, sha256, "the zip holds no files")
        return
    left = MOST_BYTES
    for entry in entries[:MOST_MEMBERS]:
        alive()
        shown = f"{name}: {_printable(entry.filename)}"
        reason = refused(entry)
        if reason is None and entry.file_size > left:
            reason = f"the zip unpacks to more than {MOST_BYTES >> 20} MiB"
        if reason is not None:
            yield Source(shown, sha256, reason)
            continue
        left -= entry.file_size
        yield _unpacked(archive, entry, files, shown, sha256)
    if len(entries) > MOST_MEMBERS:
        yield Source(name, sha256, f"the zip holds {len(entries)} files; the first {MOST_MEMBERS} were read")


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, files: Blobs, shown: str, whole: str) -> Source:
    try:
        with archive.open(entry) as stream:
            digest = files.put(iter(lambda: stream.read(_CHUNK), b""), limit=entry.file_size)
    except TooLarge:
        return Source(shown, whole, "the zip lies about this file's size")
    except Exception as error:  # zlib.error, BadZipFile, RuntimeError (password), struct.error ...
        return Source(shown, whole, f"cannot be unpacked ({type(error).__name__})")
    if is_zip(files.path(digest)):
        return Source(shown, digest, "a zip within a zip is not opened")
    return Source(shown, digest)


def refused(entry: zipfile.ZipInfo) -> str | None:
    """Why a member is not unpacked. Its name would do no harm here, but an archive made to do harm is not to be read."""
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in entry.filename.split("/")[0]:
        return "its name leads out of the zip"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "it is a link"
    if entry.flag_bits & 1:
        return "it is encrypted"
    if entry.compress_type not in _METHODS:
        return "its compression is not supported"
    if entry.file_size > LARGEST_RATIO * max(entry.compress_size, 1024):
        return f"it unpacks to more than {LARGEST_RATIO} times its size"
    return None


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) and part not in ("..", ".") for part in PurePosixPath(name).parts)


def _printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name)[-180:]
