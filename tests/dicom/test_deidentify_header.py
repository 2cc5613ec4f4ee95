"""De-identified headers: what they keep, what they say was done, and that references hold."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from deidentify_files import BANNER, NAME, saved
from deidentify_run import clean, rows, small
from pydicom import dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from usnet.dicom.deidentify import profile


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
