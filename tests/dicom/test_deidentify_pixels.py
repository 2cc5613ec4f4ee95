"""De-identified pixels: codings stay, nothing else changes, and the objects stay valid."""

from __future__ import annotations

import io
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from deidentify_files import LAYOUTS, NAME, compressed, named_frames, saved
from deidentify_run import clean
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import generate_frames
from pydicom.uid import JPEGBaseline8Bit

from usnet.dicom.deidentify import jpeg
from usnet.images import read

EXAMPLES = ("examples_rgb_color", "examples_palette", "examples_jpeg2k", "examples_ybr_color", "ExplVR_BigEnd")


@pytest.mark.parametrize("layout", ["grey", "palette", "JPEG 2000 RCT", "RLE"])
def test_cleaning_a_clean_file_changes_no_pixel(tmp_path: Path, layout: str) -> None:
    saved(LAYOUTS[layout](), tmp_path / "in" / "a.dcm")
    clean(tmp_path / "in", tmp_path / "out")
    once = next((tmp_path / "out").rglob("*.dcm"))
    clean(once, tmp_path / "again")
    assert np.array_equal(dcmread(once).pixel_array, dcmread(next((tmp_path / "again").rglob("*.dcm"))).pixel_array)


def test_jpeg_frames_stay_jpeg_and_the_loss_is_recorded(tmp_path: Path) -> None:
    source = saved(compressed(JPEGBaseline8Bit, "YBR_FULL_422"), tmp_path / "in" / "a.dcm")
    clean(tmp_path / "in", tmp_path / "out")
    path = next((tmp_path / "out").rglob("*.dcm"))
    before, after = dcmread(source), dcmread(path)
    assert after.file_meta.TransferSyntaxUID == JPEGBaseline8Bit
    assert after.PhotometricInterpretation == "YBR_FULL_422"
    assert list(after.LossyImageCompressionMethod) == ["ISO_10918_1", "ISO_10918_1"]
    assert float(after.LossyImageCompressionRatio[0]) == 7.5
    assert path.stat().st_size < 1.2 * source.stat().st_size
    tables = [
        Image.open(io.BytesIO(next(generate_frames(d.PixelData, number_of_frames=2)))).quantization
        for d in (before, after)
    ]
    assert tables[0] == tables[1]


def test_a_jpeg_frame_with_nothing_to_hide_keeps_its_coding() -> None:
    target = io.BytesIO()
    picture = named_frames()[0].copy()
    picture[:64] = 0
    Image.fromarray(picture).save(target, "JPEG", quality=90, subsampling="4:4:4", comment=NAME.encode())
    hidden = np.zeros(picture.shape[:2], dtype=bool)
    hidden[:48] = True
    data = target.getvalue()
    assert jpeg.blackened(data, hidden) is None
    bare = jpeg.bare(data)
    assert NAME.encode() not in bare
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(bare))), np.asarray(Image.open(io.BytesIO(data))))


@settings(max_examples=60)
@given(st.binary(max_size=200))
def test_damaged_jpeg_streams_do_not_hang(data: bytes) -> None:
    with suppress(Exception):
        jpeg.bare(b"\xff\xd8" + data)


@pytest.mark.parametrize("name", EXAMPLES)
def test_pydicoms_ultrasound_files_pass(tmp_path: Path, name: str) -> None:
    source = Path(get_testdata_file(f"{name}.dcm"))
    clean(source, tmp_path / "out")
    path = next((tmp_path / "out").rglob("*.dcm"))
    before, after = read(source), read(path)
    assert before.pixels.shape == after.pixels.shape
    assert before.spacing_mm == after.spacing_mm
    old, new = dcmread(source), dcmread(path)
    assert int(new.get("NumberOfFrames", 1)) == int(old.get("NumberOfFrames", 1))
    for text in (str(old.get("PatientName", "")).strip("^ "), str(old.get("PatientID") or ""), old.SOPInstanceUID):
        assert len(text) < 4 or text.encode() not in path.read_bytes()


@pytest.mark.dicom
@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy is not installed (Debian: dicom3tools)")
@pytest.mark.parametrize(
    "keep", [(), ("--keep", "patient", "--keep", "device", "--keep", "descriptions")], ids=["strict", "keep"]
)
@pytest.mark.parametrize("name", EXAMPLES)
def test_dciodvfy_finds_no_new_error(tmp_path: Path, name: str, keep: tuple[str, ...]) -> None:
    source = Path(get_testdata_file(f"{name}.dcm"))
    clean(source, tmp_path / "out", *keep)
    assert _errors(next((tmp_path / "out").rglob("*.dcm"))) <= _errors(source)


@pytest.mark.dicom
@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy is not installed (Debian: dicom3tools)")
@pytest.mark.parametrize("dates", ["shift", "remove"])
def test_dciodvfy_accepts_clean_phantoms(tmp_path: Path, dates: str) -> None:
    from usnet.phantoms.dicom import Exam, write_cine, write_image
    from usnet.phantoms.simulate import simulate

    (tmp_path / "in").mkdir()
    frames = [simulate(seed, label="benign") for seed in (1, 2)]
    write_image(tmp_path / "in" / "a.dcm", frames[0], Exam("a", patient_id=NAME, age=51), banner=24)
    write_cine(tmp_path / "in" / "b.dcm", frames, Exam("a", patient_id=NAME), 50.0)
    clean(tmp_path / "in", tmp_path / "out", "--dates", dates)
    found = [_errors(path) for path in (tmp_path / "out").rglob("*.dcm")]
    assert found == [set(), set()]


def _errors(path: Path) -> set[str]:
    done = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
    return {line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")}
