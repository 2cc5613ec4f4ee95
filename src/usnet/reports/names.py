"""Names of output files: readable, safe on every file system, and never twice."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

_UNSAFE = re.compile(r"[^\w.()+-]+")
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?$")
_MAX_BYTES = 120


class OutputNames:
    """Gives each image a file stem of its own; two images called ``a.png`` in different folders get two stems.

    Stems that differ in case or in the form of their accents only are told apart too, because some file systems do not.
    """

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._counts: dict[str, int] = {}

    def unique(self, image_id: str) -> str:
        """A stem for ``image_id`` that no earlier call gave."""
        wanted = stem_of(image_id)
        stem, folded = wanted, _folded(wanted)
        while _folded(stem) in self._taken:
            self._counts[folded] = self._counts.get(folded, 1) + 1
            stem = f"{wanted}-{self._counts[folded]}"
        self._taken.add(_folded(stem))
        return stem


def stem_of(image_id: str) -> str:
    """``sub/a b.png#3`` gives ``sub-a_b-3``: no folders, no extension, nothing that a shell or a file system minds."""
    name, _, frame = image_id.replace("\\", "/").partition("#")
    path = PurePosixPath(name)
    parts = [part for part in path.with_suffix("").parts if part not in ("/", "..", ".")] if path.name else [name]
    text = "-".join(filter(None, [*parts, frame]))
    text = _UNSAFE.sub("_", unicodedata.normalize("NFC", text)).strip(".-")
    text = text.encode("utf-8")[-_MAX_BYTES:].decode("utf-8", "ignore").lstrip(".-")
    if not text or _RESERVED.match(text):
        text = f"image_{text}" if text else "image"
    return text


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()
