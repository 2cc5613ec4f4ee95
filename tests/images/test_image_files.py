"""Which files are images, and in which order they come."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dicom_files import dataset, encode, ramp

from usnet.images import find_images, is_image
from usnet.images.files import looks_like_dicom


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "b.png",
        "a.JPG",
        "sub/c.tiff",
        "sub/deep/d.bmp",
        ".hidden.png",
        ".cache/e.png",
        "notes.txt",
        "z.jpeg",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (tmp_path / "IM0001").write_bytes(encode(dataset(ramp())))
    (tmp_path / "sub" / "loop").symlink_to(tmp_path, target_is_directory=True)
    return tmp_path


def test_folders_are_walked_sorted_without_hidden_or_linked_ones(folder: Path) -> None:
    found = [path.relative_to(folder).as_posix() for path in find_images([folder])]
    assert found == ["IM0001", "a.JPG", "b.png", "sub/c.tiff", "sub/deep/d.bmp", "z.jpeg"]


def test_named_paths_are_kept_as_they_are(folder: Path) -> None:
    named = [folder / "notes.txt", folder / "missing.png", folder / "sub"]
    found = list(find_images(named))
    assert found == [folder / "notes.txt", folder / "missing.png", folder / "sub/c.tiff", folder / "sub/deep/d.bmp"]


def test_finding_streams(folder: Path) -> None:
    found = find_images([folder])
    assert isinstance(found, Iterator)
    assert next(found).name == "IM0001"


@pytest.mark.parametrize(
    ("name", "expected"), [("b.png", True), ("IM0001", True), ("notes.txt", False), ("none.png", False)]
)
def test_is_image(folder: Path, name: str, expected: bool) -> None:
    assert is_image(folder / name) is expected


def test_dicom_is_told_by_its_first_bytes() -> None:
    whole = encode(dataset(ramp()))
    assert looks_like_dicom(whole[:256])
    assert looks_like_dicom(whole[132:388])
    assert not looks_like_dicom(b"\x89PNG\r\n\x1a\n" + bytes(248))
    assert not looks_like_dicom(b"")
