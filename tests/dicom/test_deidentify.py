"""De-identification: the same stays the same, references hold, codings stay, and objects say what was done."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from deidentify_files import BANNER, LAYOUTS, NAME, compressed, named_frames, plain, saved
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.uid import JPEGBaseline8Bit, generate_uid
from typer.testing import CliRunner

from usnet.cli.app import app
from usnet.dicom.deidentify import jpeg, profile
from usnet.dicom.deidentify.dates import capped_age, shifted
from usnet.dicom.deidentify.options import Options
from usnet.dicom.deidentify.report import _cell
from usnet.dicom.deidentify.secret import LONGEST_SHIFT, Secret
from usnet.errors import ConfigError
from usnet.images import read

EXAMPLES = ("examples_rgb_color", "examples_palette", "examples_jpeg2k", "examples_ybr_color", "ExplVR_BigEnd")
KEY = Secret(b"k" * 32)
DAYS = st.dates(date(1900, 1, 1), date(2100, 1, 1))


def clean(source: Path, target: Path, *options: str, code: int = 0) -> str:
    """Run the command and return what it said."""
    done = CliRunner().invoke(app, ["deidentify", str(source), str(target), *options])
    assert done.exit_code == code, done.output
    return done.output


def rows(target: Path) -> list[dict[str, str]]:
    """The rows of a run's report."""
    with (target / "report.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def small(**fields: object) -> Dataset:
    """A single grey frame without text inside."""
    made = plain(frames=1, inside=False)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


# --- keys, dates ---------------------------------------------------------------------------------------------------------


@given(st.text(max_size=30), st.text(max_size=30))
def test_the_same_patient_gets_the_same_pseudonym_and_others_get_others(a: str, b: str) -> None:
    assert KEY.pseudonym(a) == Secret(b"k" * 32).pseudonym(a)
    assert KEY.pseudonym(a) != Secret(b"l" * 32).pseudonym(a)
    assert (KEY.pseudonym(a) == KEY.pseudonym(b)) == (a == b)
    assert -LONGEST_SHIFT <= KEY.shift_days(a) <= -1


@given(st.text(max_size=60))
def test_uids_are_valid_and_stay_the_same(old: str) -> None:
    new = KEY.uid(old)
    assert new == KEY.uid(old)
    assert re.fullmatch(r"2\.25\.[1-9]\d*", new)
    assert len(new) <= 64


@given(DAYS, DAYS, st.integers(-LONGEST_SHIFT, -1))
def test_intervals_between_dates_stay(a: date, b: date, days: int) -> None:
    moved = [shifted(d.strftime("%Y%m%d"), "DA", days) for d in (a, b)]
    c, d = (date(int(m[:4]), int(m[4:6]), int(m[6:])) for m in moved if m)
    assert c - d == a - b
    assert c - a == timedelta(days=days)


@pytest.mark.parametrize(
    ("value", "vr", "expected"),
    [
        ("20210301", "DA", "20210228"),
        ("2021.03.01", "DA", "20210228"),
        ("20210301101500.25+0100", "DT", "20210228101500.25+0100"),
        ("101500.123", "TM", "101500.123"),
        ("CANARY", "DA", None),
        ("20211399", "DA", None),
        ("CANARY", "TM", None),
        ("2021", "DT", None),
    ],
)
def test_dates_move_and_what_is_no_date_goes(value: str, vr: str, expected: str | None) -> None:
    assert shifted(value, vr, -1) == expected


@pytest.mark.parametrize(
    ("age", "kept"), [("045Y", "045Y"), ("089Y", "089Y"), ("090Y", "090Y"), ("101Y", "090Y"), ("ANNA", None)]
)
def test_high_ages_are_capped(age: str, kept: str | None) -> None:
    assert capped_age(age) == kept


def test_a_key_file_is_made_for_its_owner_only_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "key"
    first = Secret.load_or_create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Secret.load_or_create(path) == first
    assert first.key.hex() not in repr(first)
    path.write_text("short")
    with pytest.raises(ConfigError, match="64 hexadecimal"):
        Secret.load_or_create(path)


# --- headers -------------------------------------------------------------------------------------------------------------


def test_the_table_is_that_of_the_standard() -> None:
    """Some rows, compared with a second listing of Table E.1-1."""
    table = profile.table()
    assert len(table) == 652
    expected = {
        "AccessionNumber": "Z",
        "AcquisitionComments": "X",
        "AcquisitionContextSequence": "X/Z",
        "AdmissionID": "X",
        "ContentDate": "Z/D",
        "ContentSequence": "D",
        "DeviceSerialNumber": "X/Z/D",
        "DeviceUID": "U",
    }
    assert {keyword: table[tag_for_keyword(keyword) or 0] for keyword in expected} == expected


def test_descriptions_keep_the_words_of_ultrasound_only() -> None:
    assert profile.cleaned_description("US Breast LT, Mrs Miller 3 o'clock 19610412") == "US Breast LT 3 o'clock"


def test_two_visits_of_a_patient_keep_their_distance(tmp_path: Path) -> None:
    for number, day in enumerate(("20210315", "20210914")):
        saved(small(StudyDate=day, PatientAge="097Y", PatientSex="F"), tmp_path / "in" / f"{number}.dcm")
    saved(small(PatientID="other"), tmp_path / "in" / "3.dcm")
    clean(tmp_path / "in", tmp_path / "out", "--key", str(tmp_path / "key"), "--keep", "patient")
    done = [dcmread(tmp_path / "out" / row["output"]) for row in rows(tmp_path / "out")]
    a, b, other = done
    assert a.PatientID == b.PatientID == a.PatientName != other.PatientID
    days = [date(int(d.StudyDate[:4]), int(d.StudyDate[4:6]), int(d.StudyDate[6:])) for d in (a, b)]
    assert (days[1] - days[0]).days == 183
    assert days[0].year < 2021 or days[0] < date(2021, 3, 15)
    assert (a.PatientAge, a.PatientSex, a.PatientBirthDate) == ("090Y", "F", "")


def test_what_was_done_is_said_in_codes(tmp_path: Path) -> None:
    saved(small(BurnedInAnnotation="YES"), tmp_path / "in" / "a.dcm")
    clean(tmp_path / "in", tmp_path / "out", "--keep", "device", "--dates", "remove")
    done = dcmread(next((tmp_path / "out").rglob("*.dcm")))
    assert [item.CodeValue for item in done.DeidentificationMethodCodeSequence] == [
        "113100",
        "113101",
        "113103",
        "113109",
    ]
    assert (done.PatientIdentityRemoved, done.BurnedInAnnotation) == ("YES", "NO")
    assert done.LongitudinalTemporalInformationModified == "REMOVED"
    assert "2026c" in done.DeidentificationMethod


def test_without_a_region_nothing_is_claimed_about_pixels(tmp_path: Path) -> None:
    made = small(BurnedInAnnotation="YES")
    del made.SequenceOfUltrasoundRegions
    saved(made, tmp_path / "in" / "a.dcm")
    said = clean(tmp_path / "in", tmp_path / "out")
    done = dcmread(next((tmp_path / "out").rglob("*.dcm")))
    assert "1 of them to review" in said
    assert done.PatientIdentityRemoved == "NO"
    assert "BurnedInAnnotation" not in done
    assert "113101" not in [item.CodeValue for item in done.DeidentificationMethodCodeSequence]
    clean(tmp_path / "in", tmp_path / "given", "--area", f"0,{BANNER},352,200")
    done = dcmread(next((tmp_path / "given").rglob("*.dcm")))
    assert (done.PatientIdentityRemoved, done.BurnedInAnnotation) == ("YES", "NO")
    assert not done.pixel_array[:BANNER].any()


def report_on(image: Dataset) -> Dataset:
    """A structured report that measures on ``image`` and names the patient in its text."""
    made = Dataset()
    made.file_meta = image.file_meta.copy()
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.33", generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID, made.Modality = image.StudyInstanceUID, generate_uid(), "SR"
    made.PatientID, made.PatientName, made.ValueType = image.PatientID, image.PatientName, "CONTAINER"
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    pointed, said, person = Dataset(), Dataset(), Dataset()
    pointed.RelationshipType, pointed.ValueType, pointed.ReferencedSOPSequence = "CONTAINS", "IMAGE", [reference]
    said.RelationshipType, said.ValueType, said.TextValue = "CONTAINS", "TEXT", f"{NAME} has a nodule"
    person.RelationshipType, person.ValueType, person.PersonName = "HAS OBS CONTEXT", "PNAME", NAME
    made.ContentSequence = [pointed, said, person]
    return made


def test_a_report_still_points_at_its_image(tmp_path: Path) -> None:
    image = small()
    saved(image, tmp_path / "in" / "image.dcm")
    saved(report_on(image), tmp_path / "in" / "report.dcm")
    clean(tmp_path / "in", tmp_path / "out")
    files = [dcmread(path) for path in (tmp_path / "out").rglob("*.dcm")]
    (picture,) = (f for f in files if f.Modality == "US")
    (report,) = (f for f in files if f.Modality == "SR")
    reference = report.ContentSequence[0].ReferencedSOPSequence[0]
    assert reference.ReferencedSOPInstanceUID == picture.SOPInstanceUID != image.SOPInstanceUID
    assert reference.ReferencedSOPClassUID == picture.SOPClassUID == image.SOPClassUID
    assert report.StudyInstanceUID == picture.StudyInstanceUID
    assert report.ContentSequence[1].TextValue == report.ContentSequence[2].PersonName == "REMOVED"
    assert "113104" in [item.CodeValue for item in report.DeidentificationMethodCodeSequence]


# --- whole runs ----------------------------------------------------------------------------------------------------------


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


# --- pictures, reports, usage --------------------------------------------------------------------------------------------


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
