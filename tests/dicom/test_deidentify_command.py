"""Runs of the command: the same bytes again, pictures, reports, and options that are refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from deidentify_files import BANNER, NAME, compressed, named_frames, plain, saved
from deidentify_run import clean, rows, small
from PIL import Image
from pydicom.uid import JPEGBaseline8Bit
from typer.testing import CliRunner

from usnet.cli.app import app
from usnet.dicom.deidentify.options import Options
from usnet.dicom.deidentify.report import _cell
from usnet.errors import ConfigError


def test_a_second_run_with_the_key_gives_the_same_bytes(tmp_path: Path) -> None:
    saved(compressed(JPEGBaseline8Bit, "YBR_FULL_422"), tmp_path / "in" / "a.dcm")
    saved(plain("RGB"), tmp_path / "in" / "b.dcm")
    for name in ("one", "two"):
        clean(tmp_path / "in", tmp_path / name, "--key", str(tmp_path / "key"))
    one, two = (_content(tmp_path / name) for name in ("one", "two"))
    assert one == two
    clean(tmp_path / "in", tmp_path / "three")
    assert not {p.name for p in one} & {p.name for p in (tmp_path / "three").rglob("*.dcm")}


def test_an_object_that_comes_twice_is_written_once(tmp_path: Path) -> None:
    made = small()
    saved(made, tmp_path / "in" / "a.dcm")
    saved(made, tmp_path / "in" / "copy.dcm")
    clean(tmp_path / "in", tmp_path / "out")
    assert [(row["status"], row["note"]) for row in rows(tmp_path / "out")] == [
        ("done", ""),
        ("left out", "the same object as file 1"),
    ]


def _content(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_pictures_lose_metadata_and_text(tmp_path: Path) -> None:
    (tmp_path / "in" / NAME).mkdir(parents=True)
    exif = Image.Exif()
    exif[0x010E] = NAME
    frame = Image.fromarray(named_frames()[0])
    frame.save(tmp_path / "in" / NAME / "a.jpg", quality=92, exif=exif, comment=NAME.encode())
    frame.save(tmp_path / "in" / NAME / "b.png", pnginfo=_png_text())
    frame.convert("L").save(tmp_path / "in" / NAME / "c.bmp")
    frame.save(tmp_path / "in" / NAME / "d.tif", save_all=True, append_images=[frame], description=NAME)
    exif[0x0112] = 6
    frame.save(tmp_path / "in" / NAME / "e.jpg", exif=exif)
    clean(tmp_path / "in", tmp_path / "out", "--area", f"0,{BANNER},352,200")
    written = sorted(row["output"] for row in rows(tmp_path / "out"))
    assert sorted(Path(name).suffix for name in written) == [".jpg", ".png", ".png", ".png", ".tif"]
    assert all(NAME.encode() not in path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    for name in written:
        grey = np.asarray(Image.open(tmp_path / "out" / name).convert("L"))
        if grey.shape == (256, 352):  # the turned one has its banner elsewhere
            assert grey[: BANNER - 8].max() <= 4
            assert grey[190:208, 200:310].max() <= 4


def _png_text() -> object:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    info.add_text("Patient", NAME)
    return info


def test_reports_have_a_row_a_file_and_no_source(tmp_path: Path) -> None:
    saved(small(), tmp_path / "in" / f"{NAME}.dcm")
    (tmp_path / "in" / f"{NAME}.txt").write_text(NAME)
    saved(small(SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1"), tmp_path / "in" / "pdf.dcm")
    clean(tmp_path / "in", tmp_path / "out", "--mapping", str(tmp_path / "map.csv"), code=5)
    assert [row["status"] for row in rows(tmp_path / "out")] == ["done", "left out", "failed"]
    document = json.loads((tmp_path / "out" / "report.json").read_text())
    assert len(document["files"]) == 3
    assert document["counts"] == {"done": 1, "left out": 1, "failed": 1}
    for path in (tmp_path / "out").rglob("*"):
        assert NAME not in str(path.relative_to(tmp_path))
        assert path.is_dir() or NAME.encode() not in path.read_bytes()
    assert NAME in (tmp_path / "map.csv").read_text()
    assert (tmp_path / "map.csv").stat().st_mode & 0o777 == 0o600
    sheet = (tmp_path / "out" / "check.html").read_text()
    assert sheet.count("<img") == 1
    assert "<script" not in sheet


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_no_cell_is_a_formula(text: str) -> None:
    assert _cell(text) == "'" + text


WRONG = (
    ("--dates", "keep"),
    ("--keep", "names"),
    ("--area", "1,2,3"),
    ("--area", "0,0,0,5"),
    ("--key", "OUT/key"),
    ("--mapping", "OUT/map"),
)


@pytest.mark.parametrize("options", WRONG, ids=" ".join)
def test_wrong_options_are_refused_before_anything_is_written(tmp_path: Path, options: tuple[str, str]) -> None:
    saved(small(), tmp_path / "in" / "a.dcm")
    target = str(tmp_path / "out")
    given = [text.replace("OUT", target) for text in options]
    done = CliRunner().invoke(app, ["deidentify", str(tmp_path / "in"), target, *given])
    assert isinstance(done.exception, ConfigError)
    assert not (tmp_path / "out").exists()


def test_folders_that_hold_something_are_left_alone(tmp_path: Path) -> None:
    saved(small(), tmp_path / "in" / "a.dcm")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("x")
    for target in (tmp_path / "out", tmp_path / "in" / "clean", tmp_path):
        done = CliRunner().invoke(app, ["deidentify", str(tmp_path / "in"), str(target)])
        assert isinstance(done.exception, ConfigError)
    assert (tmp_path / "out" / "mine").read_text() == "x"
    clean(tmp_path / "in", tmp_path / "new")
    clean(tmp_path / "in", tmp_path / "new", "--overwrite")


def test_options_are_plain_values() -> None:
    assert Options() == Options(dates="shift", keep=frozenset(), area=None)
