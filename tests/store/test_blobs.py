"""Files by their hash: whole or not there, and never outside their folder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from usnet.errors import DataError
from usnet.store.blobs import Blobs, TooLarge


def drafts(blobs: Blobs) -> list[Path]:
    return list((blobs.folder / "tmp").iterdir())


def test_a_file_is_named_by_its_content_and_kept_once(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    name = blobs.put([b"breast ", b"ultrasound"])
    assert name == hashlib.sha256(b"breast ultrasound").hexdigest()
    assert blobs.put([b"breast ultrasound"]) == name
    assert list(blobs) == [name]
    assert name in blobs
    assert blobs.path(name).read_bytes() == b"breast ultrasound"
    assert blobs.path(name).stat().st_mode & 0o077 == 0
    blobs.remove(name)
    blobs.remove(name)
    assert list(blobs) == []
    assert drafts(blobs) == []


def test_too_much_or_a_broken_stream_leaves_nothing(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path / "blobs")
    with pytest.raises(TooLarge, match="more than 10 bytes"):
        blobs.put(iter([b"12345678", b"9abc"]), limit=10)

    def broken() -> Iterator[bytes]:
        yield b"half"
        raise OSError("line cut")

    with pytest.raises(OSError, match="line cut"):
        blobs.put(broken())
    assert list(blobs) == []
    assert drafts(blobs) == []


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 62 + "/b", "a" * 64 + "\0"])
def test_only_hashes_become_paths(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError):
        Blobs(tmp_path / "blobs").path(name)
