"""Words that tesseract reads inside the picture are hidden on every frame, and without tesseract this is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import deidentify_files
import numpy as np
import numpy.typing as npt
import pytest
from deidentify_files import BANNER, LAYOUTS, saved, tissue
from deidentify_run import clean, rows
from PIL import Image, ImageDraw, ImageFont
from typer.testing import CliRunner

from usnet.cli.app import app
from usnet.dicom.deidentify import hiding, ocr
from usnet.errors import ConfigError
from usnet.images import read_frames

needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None, reason="tesseract is not installed (Debian: tesseract-ocr)"
)
WORD, LETTERS, PLACE = "CANARY", 28, (100, 156)
"""A name inside the picture."""

Pixels = npt.NDArray[np.uint8]


def written(frame: Pixels) -> Pixels:
    """A frame with the word on tissue."""
    image = Image.fromarray(frame)
    ImageDraw.Draw(image).text(PLACE, WORD, fill=(250,) * 3, font=ImageFont.load_default(LETTERS))
    return np.asarray(image)


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of :mod:`deidentify_files` carry the word on their second frame only, and the search by shape is blind."""
    plain = deidentify_files.named_frames

    def frames(*, inside: bool = True, colour: bool = True) -> Pixels:
        """The frames with the word instead of the small name."""
        first, *others = plain(inside=False, colour=colour)
        return np.stack([first, *map(written, others)])

    monkeypatch.setattr(deidentify_files, "named_frames", frames)
    monkeypatch.setattr(hiding, "lettering", lambda *_, **__: np.zeros((0, 4), np.intp))


def said(path: Path) -> str:
    """What tesseract reads on the second frame of a file."""
    _, frame = (frame.pixels for frame in read_frames(path))
    found = [row for row in ocr._rows(ocr._raised(frame, 2), str(path)) if ocr._is_word(row)]
    return " ".join(row["text"] for row in found).upper()


@needs_tesseract
@pytest.mark.usefixtures("named")
@pytest.mark.parametrize("layout", ["palette", "JPEG 4:2:2"])
def test_a_word_on_one_frame_is_hidden_on_all(tmp_path: Path, layout: str) -> None:
    source = saved(LAYOUTS[layout](), tmp_path / "in" / "a.dcm")
    assert WORD in said(source)
    clean(tmp_path / "in", tmp_path / "out", "--ocr")
    (done,) = (tmp_path / "out").rglob("*.dcm")
    assert WORD not in said(done)
    x, y = PLACE[0], PLACE[1] - BANNER
    frames = [frame.pixels for frame in read_frames(done)]
    assert len(frames) == 2
    for frame in frames:
        assert frame[y + 10 : y + 26, x + 4 : x + 100].max() <= 4
        assert frame[: y - 20].any()
    (row,) = rows(tmp_path / "out")
    assert row["status"] == "done"
    assert int(row["lines"]) >= 1
    assert "tesseract" in json.loads((tmp_path / "out" / "report.json").read_text())["text"]


@needs_tesseract
@pytest.mark.parametrize("shade", [255, 0])
def test_bright_and_dark_words_are_found_where_they_are(shade: int) -> None:
    frame = tissue()[0] if shade else np.maximum(tissue()[0], 120)
    image = Image.fromarray(frame)
    ImageDraw.Draw(image).text((60, 90), WORD, fill=shade, font=ImageFont.load_default(24))
    view = np.asarray(image)
    found = ocr.words(view, (0, 0, view.shape[1], view.shape[0]), "x")
    assert any(x0 <= 60 and y0 <= 96 and x1 >= 140 and y1 >= 112 for x0, y0, x1, y1 in found)
    assert not len(ocr.words(view, (0, 0, 40, 60), "x"))


@needs_tesseract
def test_tissue_is_not_taken_for_words() -> None:
    """Only the phantom's own word is found, in its lower left corner."""
    frame = tissue()[0]
    height, width = frame.shape
    assert not len(ocr.words(frame[: height - 40], (0, 0, width, height - 40), "x"))


def test_without_tesseract_it_is_off_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(LAYOUTS["single RGB"](), tmp_path / "in" / "a.dcm")
    monkeypatch.setenv("PATH", str(tmp_path))
    ocr.version.cache_clear()
    run = CliRunner().invoke
    wanted = run(app, ["deidentify", str(tmp_path / "in"), str(tmp_path / "no"), "--ocr"])
    assert isinstance(wanted.exception, ConfigError)
    assert "tesseract, which is not installed" in str(wanted.exception)
    assert not (tmp_path / "no").exists()
    done = run(app, ["deidentify", str(tmp_path / "in"), str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "tesseract is not installed" in done.output
    assert "by the shape of its letters only" in done.output
    quiet = run(app, ["deidentify", str(tmp_path / "in"), str(tmp_path / "quiet"), "--no-ocr"])
    assert "not installed" not in quiet.output


def test_a_file_that_tesseract_cannot_look_at_is_not_let_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "tesseract"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "tesseract 0" && exit 0\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    ocr.version.cache_clear()
    saved(LAYOUTS["single RGB"](), tmp_path / "in" / "a.dcm")
    said = clean(tmp_path / "in", tmp_path / "out", "--ocr", code=3)
    ocr.version.cache_clear()
    assert "tesseract could not look for text" in said
    assert not list((tmp_path / "out").rglob("*.dcm"))
