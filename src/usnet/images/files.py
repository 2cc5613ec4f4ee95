"""Which files are images, told by name and first bytes."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".dcm", ".dicom"})


def looks_like_dicom(head: bytes) -> bool:
    """Whether the first 256 bytes are those of a DICOM file: the magic ``DICM`` after a preamble, or, for old files without
    one, a first element of group 0002 or 0008 in little or big endian.
    """
    if head[128:132] == b"DICM":
        return True
    little = head[:2] in (b"\x02\x00", b"\x08\x00") and head[3:4] == b"\x00"
    big = head[:2] in (b"\x00\x02", b"\x00\x08") and head[2:3] == b"\x00"
    return len(head) > 16 and (little or big)


def is_image(path: str | Path) -> bool:
    """Whether a file is to be read as an image: by its extension, or by the DICOM magic for any other name."""
    path = Path(path)
    if path.suffix.lower() in SUFFIXES:
        return path.is_file()
    try:
        with path.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False


def find_images(paths: Iterable[str | Path]) -> Iterator[Path]:
    """Image files in the given files and folders, in order, one at a time.

    Folders are walked in sorted order without hidden names and without following linked folders. A path that is not a folder is
    yielded as it is, even if it is missing or no image: whoever named it wants to hear what is wrong with it.
    """
    for path in map(Path, paths):
        if path.is_dir():
            yield from _walk(path)
        else:
            yield path


def _walk(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        visible = sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
    for entry in visible:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path))
        elif is_image(entry.path):
            yield Path(entry.path)
