"""A name in every place where a file can hold one is nowhere in what comes out: bytes, names, reports, pixels."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from deidentify_files import BANNER, BORN, HEADER, INSIDE, LAYOUTS, NAME, NUMBER, compressed, named_frames, plain, saved
from deidentify_run import clean
from PIL import Image
from pydicom import dcmread
from pydicom.uid import JPEGBaseline8Bit

from usnet.images import read_frames

needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="tesseract is not installed (Debian: tesseract-ocr)"
)


def forms(text: str) -> list[bytes]:
    """How bytes may hold a text."""
    texts = {text, text.lower(), text.title()}
    return [t.encode(code) for t in texts for code in ("ascii", "utf-16-le", "utf-16-be")]


def leaks(folder: Path) -> list[str]:
    """Where a folder holds the name, the number or the birth date: paths and bytes."""
    needles = [form for text in (NAME, NUMBER, BORN) for form in forms(text)]
    found = [
        str(path) for path in folder.rglob("*") if any(n in str(path.relative_to(folder)).encode() for n in needles)
    ]
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            found += [f"{path}: {needle!r}" for needle in needles if needle in data]
    return found


def words(picture: np.ndarray) -> str:
    """What tesseract reads in ``uint8 [H, W]`` or ``[H, W, 3]``: in the whole, and line by line where there was a name."""
    x, y = INSIDE
    lines = (np.s_[:28], np.s_[28:BANNER], np.s_[y - 4 : y + 24, x - 8 : x + 140])
    said = _read(picture, "11")
    for line in lines:
        said += _read(picture[line], "7") + _read(255 - picture[line], "7")
    return said


def _read(picture: np.ndarray, mode: str) -> str:
    image = Image.fromarray(picture).convert("L")
    large = image.resize((3 * image.width, 3 * image.height), Image.Resampling.LANCZOS)
    command = ["tesseract", "stdin", "stdout", "--psm", mode]
    quiet = os.environ | {"OMP_THREAD_LIMIT": "1"}
    done = subprocess.run(command, input=_png(large), env=quiet, capture_output=True, check=True, timeout=300)
    return done.stdout.decode().upper()


def _png(image: Image.Image) -> bytes:
    target = io.BytesIO()
    image.save(target, "PNG")
    return target.getvalue()


def shown(path: Path) -> list[np.ndarray]:
    """Whole frames of a clean file as pydicom shows them, RGB or grey."""
    from pydicom.pixels import apply_color_lut

    dataset = dcmread(path)
    frames = dataset.pixel_array
    frames = frames if int(dataset.get("NumberOfFrames", 1)) > 1 else frames[None]
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        frames = (apply_color_lut(frames, dataset) >> 8).astype(np.uint8)
    if dataset.BitsAllocated == 16 and dataset.SamplesPerPixel == 1:
        low = -128 if dataset.PixelRepresentation else 0
        frames = ((frames.astype(int) - low) >> (dataset.BitsStored - 8 if low == 0 else 0)).astype(np.uint8)
    return [255 - f if dataset.PhotometricInterpretation == "MONOCHROME1" else f for f in frames]


def one(folder: Path) -> Path:
    """The only DICOM file of a run."""
    (path,) = folder.rglob("*.dcm")
    return path


def test_there_are_forty_places() -> None:
    assert len({place.name for place in HEADER}) >= 40


@pytest.mark.parametrize(
    "keep", [(), ("--keep", "patient", "--keep", "device", "--keep", "descriptions")], ids=["strict", "keep"]
)
@pytest.mark.parametrize("dates", ["shift", "remove"])
def test_a_name_in_all_places_at_once_is_gone(tmp_path: Path, keep: tuple[str, ...], dates: str) -> None:
    made = compressed(JPEGBaseline8Bit, "YBR_FULL_422")
    for place in HEADER:
        place.plant(made)
    source = saved(made, tmp_path / "in" / f"{NAME} Anna" / f"{NAME}_{NUMBER}.dcm")
    assert NAME.encode() in source.read_bytes()
    clean(tmp_path / "in", tmp_path / "out", "--dates", dates, *keep)
    assert leaks(tmp_path / "out") == []


@pytest.mark.parametrize("place", HEADER, ids=lambda place: place.name)
def test_a_name_in_one_place_is_gone(tmp_path: Path, place: object) -> None:
    """Also where nothing else in the file says that it is a name, except the patient's own attributes."""
    made = plain(frames=1, inside=False)
    place.plant(made)  # type: ignore[attr-defined]
    saved(made, tmp_path / "in" / "a.dcm")
    clean(tmp_path / "in", tmp_path / "out")
    assert leaks(tmp_path / "out") == []
    assert dcmread(one(tmp_path / "out")).PatientIdentityRemoved == "YES"


def test_the_search_finds_a_name_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" + NAME.encode("utf-16-le"))
    assert leaks(tmp_path)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_pixels_outside_the_region_are_black_on_every_frame(tmp_path: Path, layout: str) -> None:
    made = LAYOUTS[layout]()
    saved(made, tmp_path / "in" / "a.dcm")
    clean(tmp_path / "in", tmp_path / "out")
    before, after = shown(tmp_path / "in" / "a.dcm"), shown(one(tmp_path / "out"))
    assert len(before) == len(after)
    lossy = layout.startswith("JPEG ") and "2000" not in layout
    for old, new in zip(before, after, strict=True):
        assert np.ptp(old[:40]) > 200
        x, y = INSIDE
        for part in (np.s_[:48], np.s_[y : y + 18, x : x + 110]):
            assert np.ptp(new[part].astype(int), axis=(0, 1)).max() <= (4 if lossy else 0)  # one even black
            assert new[part].min(axis=-1).max() <= (4 if lossy else 0)
        kept = np.s_[80:144, 16:176]  # tissue and Doppler, away from text and from the edge of a JPEG block
        change = np.abs(old[kept].astype(int) - new[kept].astype(int))
        assert change.max() <= (20 if lossy else 0)  # one more coding with the same tables: clipped values move
        assert change.mean() <= (0.3 if lossy else 0)
    assert len(list(read_frames(one(tmp_path / "out")))) == len(before)


QUICK = {"grey", "16 bits, signed", "RGB by plane", "palette", "JPEG 2000 RCT", "JPEG 4:2:2"}


@needs_tesseract
@pytest.mark.parametrize(
    "layout", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in LAYOUTS]
)
def test_nobody_can_read_the_name_in_the_pixels(tmp_path: Path, layout: str) -> None:
    saved(LAYOUTS[layout](), tmp_path / "in" / "a.dcm")
    clean(tmp_path / "in", tmp_path / "out")
    frames = shown(one(tmp_path / "out"))
    said = words(np.maximum.reduce(frames))
    assert NAME[:5] not in said
    assert NUMBER[:5] not in said


@needs_tesseract
def test_the_reader_can_read_the_name_before() -> None:
    said = words(named_frames()[0])
    assert said.count(NAME) >= 2  # in the banner and inside the picture
    assert NUMBER in said


def test_a_file_that_cannot_be_decoded_is_not_let_through(tmp_path: Path) -> None:
    saved(plain(frames=1), tmp_path / "in" / "good.dcm")
    saved(compressed(JPEGBaseline8Bit, "YBR_FULL_422"), tmp_path / "in" / "bad.dcm")
    path = tmp_path / "in" / "bad.dcm"
    data = path.read_bytes()
    start = data.rindex(b"\xff\xd8")  # the last frame
    path.write_bytes(data[: start + 2] + b"\0" * 200 + data[start + 202 :])
    said = clean(tmp_path / "in", tmp_path / "out", code=5)
    assert "1 failed" in said
    assert len(list((tmp_path / "out").rglob("*.dcm"))) == 1


def test_a_batch_of_nothing_readable_is_exit_code_3(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"x" * 50)
    clean(tmp_path / "in", tmp_path / "out", code=3)
