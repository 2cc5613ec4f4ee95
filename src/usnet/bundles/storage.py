"""Where a bundle's files lie: a folder or a zip, read with bounds and without ever unpacking to disk."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from usnet.errors import BundleError

MANIFEST = "bundle.json"
MODEL = "model.onnx"
MAX_ENTRIES = 256
"""Files in a bundle's zip."""
MAX_BYTES = 2 << 30
"""Unpacked size of a zip, and of any file: ten times the paper's network in float32."""

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)


def is_plain_name(name: str) -> bool:
    """Whether ``name`` is a bare file name: no folder, no drive, no way out of the bundle."""
    return bool(name) and name not in (".", "..") and not any(c in name for c in "/\\:\0") and name.isprintable()


@contextmanager
def open_file(bundle: Path, name: str) -> Iterator[IO[bytes]]:
    """Binary stream of one file of a bundle (folder or zip).

    Raises
    ------
    BundleError
        The bundle or the file is missing, damaged, too large, or the zip's names point outside it.
    """
    if not is_plain_name(name):
        raise BundleError(f"file name {name!r}", source=bundle, expected="a bare file name without folders")
    try:
        with _open_in_zip(bundle, name) if bundle.is_file() else _open_in_folder(bundle, name) as stream:
            yield stream
    except _DAMAGED as error:
        raise BundleError(
            f"{name} cannot be unpacked ({error})", source=bundle, hint="Copy the bundle again"
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise BundleError(f"{name} cannot be read ({reason})", source=bundle, hint="Copy the bundle again") from error


@contextmanager
def _open_in_folder(folder: Path, name: str) -> Iterator[IO[bytes]]:
    path = folder / name
    if path.is_file() and path.stat().st_size > MAX_BYTES:
        raise BundleError(f"{name} has {path.stat().st_size} bytes", source=folder, expected=f"at most {MAX_BYTES}")
    with path.open("rb") as stream:
        yield stream


@contextmanager
def _open_in_zip(path: Path, name: str) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        _check_entries(entries, path)
        wanted = _prefix(entries, path) + name
        if wanted not in archive.namelist():
            raise BundleError(f"no {name} in the zip", source=path)
        with archive.open(wanted) as stream:
            yield stream


def _check_entries(entries: list[zipfile.ZipInfo], path: Path) -> None:
    """Refuse zips that are too large or whose names could leave their folder, before anything is unpacked."""
    if len(entries) > MAX_ENTRIES:
        raise BundleError(f"the zip has {len(entries)} files", source=path, expected=f"at most {MAX_ENTRIES}")
    total = sum(entry.file_size for entry in entries)
    if total > MAX_BYTES:
        raise BundleError(f"the zip unpacks to {total} bytes", source=path, expected=f"at most {MAX_BYTES}")
    for entry in entries:
        parts = PurePosixPath(entry.filename).parts
        outside = entry.filename.startswith("/") or ".." in parts or "\\" in entry.filename or ":" in entry.filename
        if outside or stat.S_ISLNK(entry.external_attr >> 16):
            raise BundleError(
                f"the zip holds {entry.filename!r}, which points outside the bundle",
                source=path,
                hint="Do not trust this file",
            )


def _prefix(entries: list[zipfile.ZipInfo], path: Path) -> str:
    """Folder inside the zip that holds ``bundle.json``: the top, or one folder below where a whole folder was zipped."""
    places = [e.filename for e in entries if PurePosixPath(e.filename).name == MANIFEST and e.filename.count("/") <= 1]
    if len(places) != 1:
        found = f"{len(places)} files named {MANIFEST}" if places else f"no {MANIFEST}"
        raise BundleError(f"the zip has {found}", source=path, expected="one usnet bundle")
    return places[0][: -len(MANIFEST)]
