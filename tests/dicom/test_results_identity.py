"""Who an object is of and which object it is: stable UIDs, a clean header, nothing else of the source."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID

pytest.importorskip("highdicom", reason="the dicom extra is not installed")

from result_files import SOURCES, instance_of_file, opinion_on, source_file, two_findings

from usnet.dicom import DICOM_KINDS, Instance, Kind, Made, Options, Verifier, instances, make, result_uid, results
from usnet.dicom.source import header
from usnet.errors import ConfigError, DataError, UnreadableImage, UsnetError
from usnet.images import read, read_frames
from usnet.values import Diagnosis, Failure, Frame, OperatingPoint

OPTIONS = Options(when=datetime(2026, 2, 3, 4, 5, 6))
WITHOUT_PDF: tuple[Kind, ...] = tuple(kind for kind in DICOM_KINDS if kind != "pdf")


def dataset(made: Made) -> Dataset:
    assert made.dataset is not None
    return made.dataset


@pytest.mark.parametrize("name", SOURCES)
def test_a_second_run_gives_the_same_objects(name: str, tmp_path: Path) -> None:
    source = source_file(name, tmp_path)
    runs = [results(instance_of_file(source), WITHOUT_PDF, OPTIONS) for _ in range(2)]
    assert [len(run) for run in runs] == [5, 5]
    for kind, one, other in zip(WITHOUT_PDF, *runs, strict=True):
        assert one == other
        assert one.SOPInstanceUID == result_uid(instance_of_file(source), kind, OPTIONS)
        assert UID(one.SOPInstanceUID).is_valid
        assert one.file_meta.MediaStorageSOPInstanceUID == one.SOPInstanceUID
    assert len({d.SOPInstanceUID for d in runs[0]} | {d.SeriesInstanceUID for d in runs[0]}) == 10


def test_what_changes_an_object_changes_its_uid(tmp_path: Path) -> None:
    instance = instance_of_file(source_file("single", tmp_path))
    first = instance.diagnoses[0]
    other_model = replace(first, model=replace(first.model, sha256="cd" * 32))
    other_point = replace(first, operating_point=OperatingPoint("own", 0.2, 0.5, "by hand"))
    renamed_point = replace(first, operating_point=replace(first.operating_point, name="another name"))
    uids = {
        result_uid(instance, "sr", Options()),
        result_uid(instance, "sc", Options()),
        result_uid(instance, "sr", Options(sr_class="comprehensive")),
        result_uid(instance, "sr", Options(verifier=Verifier("Doe^Jane", "Clinic", datetime(2026, 1, 1)))),
        result_uid(replace(instance, diagnoses=(other_model,)), "sr", Options()),
        result_uid(replace(instance, diagnoses=(other_point,)), "sr", Options()),
    }
    assert len(uids) == 6
    assert result_uid(replace(instance, diagnoses=(renamed_point,)), "sr", Options()) in uids
    assert result_uid(instance, "sr", OPTIONS) in uids  # the time of a run is not part of what is said


def test_objects_of_one_series_share_theirs_and_none_is_the_source(tmp_path: Path) -> None:
    instance = instance_of_file(source_file("single", tmp_path))
    other_header = header(instance.reference)
    other_header.SOPInstanceUID = "1.2.3.4"
    other = replace(instance, header=other_header)
    one, two = (dataset(make(i, "sc", OPTIONS)) for i in (instance, other))
    assert one.SeriesInstanceUID == two.SeriesInstanceUID != instance.series_uid
    assert one.SOPInstanceUID != two.SOPInstanceUID
    assert one.StudyInstanceUID == instance.study_uid


def test_nothing_of_the_source_but_the_named_attributes_gets_out(tmp_path: Path) -> None:
    source = source_file("cine", tmp_path)
    made = pydicom.dcmread(source)
    made.preamble = b"CANARY__" * 16
    made.private_block(0x0011, "CANARY CREATOR", create=True).add_new(1, "LO", "CANARY")
    made.OperatorsName = made.InstitutionName = made.ImageComments = "CANARY"
    made.RequestAttributesSequence = [Dataset()]
    made.RequestAttributesSequence[0].RequestedProcedureDescription = "CANARY"
    made.save_as(source)
    instance = instance_of_file(source)
    for kind in DICOM_KINDS:
        path = tmp_path / f"{kind}.dcm"
        dataset(make(instance, kind, OPTIONS)).save_as(path, enforce_file_format=True)
        assert path.read_bytes()[:128] == b"\0" * 128
        assert b"CANARY" not in path.read_bytes()
        assert not [e.tag for e in pydicom.dcmread(path).iterall() if e.tag.is_private]


def test_names_in_other_scripts_become_utf8(tmp_path: Path) -> None:
    source = source_file("single", tmp_path)
    made = pydicom.dcmread(source)
    made.SpecificCharacterSet = ["", "ISO 2022 IR 87"]
    made.PatientName = "Yamada^Tarou=山田^太郎"
    made.save_as(source)
    for kind in ("sr", "sc"):
        path = tmp_path / f"{kind}.dcm"
        dataset(make(instance_of_file(source), kind, OPTIONS)).save_as(path)
        again = pydicom.dcmread(path)
        assert again.SpecificCharacterSet == "ISO_IR 192"
        assert str(again.PatientName) == "Yamada^Tarou=山田^太郎"


def test_values_that_their_vr_does_not_allow_become_empty(tmp_path: Path) -> None:
    raw = pydicom.dcmread(source_file("single", tmp_path))
    for name, vr, value in (
        ("PatientBirthDate", "LO", "31.12.1960"),
        ("StudyTime", "LO", "half past nine"),
        ("PatientSex", "LO", "female"),
        ("PatientID", "UT", "x" * 90 + "\n"),
        ("Laterality", "LO", "LEFT"),
    ):
        raw[name] = pydicom.DataElement(name, vr, value)
    made = header(raw)
    assert (made.PatientBirthDate, made.StudyTime, made.PatientSex, made.Laterality) == ("", "", "", "")
    assert made.PatientID == "x" * 64


@pytest.mark.parametrize("name", ["StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "Rows"])
def test_a_source_that_cannot_be_referred_to_is_refused(name: str, tmp_path: Path) -> None:
    raw = pydicom.dcmread(source_file("single", tmp_path))
    del raw[name]
    with pytest.raises(UnreadableImage, match=name):
        header(raw)


def test_a_uid_with_path_parts_is_refused(tmp_path: Path) -> None:
    raw = pydicom.dcmread(source_file("single", tmp_path))
    raw["StudyInstanceUID"] = pydicom.DataElement("StudyInstanceUID", "LO", "1.2/../../etc")
    with pytest.raises(UnreadableImage, match="StudyInstanceUID"):
        header(raw)


def test_what_is_no_dicom_has_a_fhir_report_and_no_objects(tmp_path: Path) -> None:
    from PIL import Image

    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((80, 90), dtype=np.uint8)).save(path)
    frame = read(path)
    (instance,) = instances([(frame, opinion_on(frame, *two_findings(frame)))])
    assert isinstance(instance, Instance)
    for kind in DICOM_KINDS:
        with pytest.raises(DataError, match="not a DICOM file"):
            make(instance, kind)
    assert b"DiagnosticReport" in (make(instance, "fhir").document or b"")


def test_a_retired_class_is_referred_to_as_what_it_is(tmp_path: Path) -> None:
    for name, retired in (("single", "1.2.840.10008.5.1.4.1.1.6"), ("cine", "1.2.840.10008.5.1.4.1.1.3")):
        source = source_file(name, tmp_path)
        raw = pydicom.dcmread(source)
        raw.SOPClassUID = raw.file_meta.MediaStorageSOPClassUID = retired
        raw.save_as(source)
        for made in results(instance_of_file(source), DICOM_KINDS, OPTIONS):
            classes = {
                str(item.ReferencedSOPClassUID)
                for element in made.iterall()
                if element.VR == "SQ"
                for item in element.value
                if "ReferencedSOPClassUID" in item
            }
            assert classes == {retired}


def test_site_and_side_only_where_the_source_states_them(tmp_path: Path) -> None:
    source = source_file("single", tmp_path)
    text = str(dataset(make(instance_of_file(source), "sr", OPTIONS)))
    assert ("'76752008'" in text, "Ultrasonography of breast" in text) == (True, True)
    assert ("'7771000'" in text) != ("'24028007'" in text)
    raw = pydicom.dcmread(source)
    raw.BodyPartExamined, raw.Laterality = "HEART", ""
    raw.save_as(source)
    text = str(dataset(make(instance_of_file(source), "sr", OPTIONS)))
    assert not any(word in text for word in ("'76752008'", "'7771000'", "'24028007'", "Ultrasonography of breast"))


def test_a_doctor_verifies_a_report_and_only_that(tmp_path: Path) -> None:
    instance = instance_of_file(source_file("single", tmp_path))
    verifier = Verifier("Doe^Jane", "Clinic", datetime(2026, 2, 4, 9, 30))
    sr = dataset(make(instance, "sr", replace(OPTIONS, verifier=verifier)))
    assert (sr.VerificationFlag, sr.PreliminaryFlag) == ("VERIFIED", "FINAL")
    observer = sr.VerifyingObserverSequence[0]
    assert (observer.VerifyingObserverName, observer.VerificationDateTime) == ("Doe^Jane", "20260204093000")
    series = sr.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == result_uid(instance, "sr", OPTIONS)


def test_a_loop_that_breaks_off_does_not_say_that_all_succeeded(tmp_path: Path) -> None:
    source = source_file("cine", tmp_path)
    for found, code in ((True, "111244"), (False, "111243")):
        stream = [(f, opinion_on(f, *(two_findings(f) if found else ()))) for f in read_frames(source)][:2]
        (instance,) = instances([*stream, Failure(str(source), "the decoder failed")])
        assert isinstance(instance, Instance)
        assert instance.failure == "it was not read to its end: the decoder failed"
        sr = str(dataset(make(instance, "sr", OPTIONS)))
        assert f"'{code}'" in sr
        assert not any(f"'{other}'" in sr for other in ("111241", "111242"))
        assert b"not read to its end: the decoder failed" in (make(instance, "fhir", OPTIONS).document or b"")


def test_instances_follow_the_files_and_show_the_key_frame(tmp_path: Path) -> None:
    cine, single = source_file("cine", tmp_path), source_file("single", tmp_path)

    def seen(frame: Frame) -> Diagnosis:
        """A nodule on frames 1 to 3, best on frame 2; nothing on frame 0, which looks the worst as a whole."""
        one = replace(two_findings(frame)[0], score=0.9 if frame.number == 2 else 0.7)
        return opinion_on(frame, *([one] if frame.number else []), p_malignant=0.5 - frame.number / 10, p_normal=0.4)

    stream: list[tuple[Frame, Diagnosis] | Failure] = [(frame, seen(frame)) for frame in read_frames(cine)]
    stream += [Failure("lost.dcm", "no such file"), *((frame, opinion_on(frame)) for frame in read_frames(single))]
    first, lost, last = instances(stream)
    assert isinstance(first, Instance)
    assert isinstance(last, Instance)
    assert lost == Failure("lost.dcm", "no such file")
    assert (len(first.diagnoses), first.key.number, first.failure) == (4, 2, None)
    np.testing.assert_array_equal(first.key.pixels, read(cine, frame=2).pixels)
    assert [(lesion.number, lesion.frame, lesion.frames) for lesion in first.lesions] == [(1, 2, (1, 2, 3))]
    assert (last.source, len(last.diagnoses), last.lesions) == (str(single), 1, ())


def test_a_flicker_on_one_frame_is_no_finding_of_a_loop(tmp_path: Path) -> None:
    cine = source_file("cine", tmp_path)
    stream = [(f, opinion_on(f, *two_findings(f)[: f.number == 1])) for f in read_frames(cine)]
    (instance,) = instances(stream)
    assert isinstance(instance, Instance)
    assert (instance.label, instance.lesions) == ("normal", ())
    assert make(instance, "pr").reason == "no finding to show"


def test_refused_frames_neither_split_a_loop_nor_go_untold(tmp_path: Path) -> None:
    cine, other = source_file("cine", tmp_path), source_file("single", tmp_path)
    stream: list[tuple[Frame, Diagnosis] | Failure] = []
    for frame in read_frames(cine):
        refused = frame.number in (0, 2)
        stream.append(Failure(f"{cine}#{frame.number:04d}", "in colour") if refused else (frame, opinion_on(frame)))
    stream += [Failure(f"{other}#{number:04d}", "no breast") for number in range(2)]
    loop, nothing = instances(stream)
    assert isinstance(loop, Instance)
    assert [diagnosis.frame for diagnosis in loop.diagnoses] == [1, 3]
    assert loop.failure == "2 frames were refused (1, 3): in colour"
    assert "'111243'" in str(dataset(make(loop, "sr")))
    assert nothing == Failure(str(other), "2 frames were refused (1, 2): no breast")


def test_a_file_that_was_replaced_meanwhile_is_a_failure(tmp_path: Path) -> None:
    source = source_file("single", tmp_path)
    stream = [(f, opinion_on(f)) for f in read_frames(source)]
    raw = pydicom.dcmread(source)
    raw.SOPInstanceUID = "1.2.3"
    raw.save_as(source)
    (failure,) = instances(stream)
    assert isinstance(failure, Failure)
    assert "differs" in failure.reason


def test_unknown_report_class() -> None:
    with pytest.raises(ConfigError, match="comprehensive3d or comprehensive"):
        Options(sr_class="basic")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["examples_palette.dcm", "cine", "monochrome1"])
def test_a_damaged_header_is_refused_or_gives_objects(name: str, tmp_path: Path) -> None:
    source = source_file(name, tmp_path)
    data, instance = source.read_bytes(), instance_of_file(source)
    rng = np.random.default_rng(11)
    outcomes = {"refused": 0, "made": 0}
    for _ in range(25):
        damaged = bytearray(data)
        for place in rng.integers(132, 2000, 2):
            damaged[place] = int(rng.integers(0, 256))
        try:
            made = replace(instance, header=header(bytes(damaged)))
            for dataset_made in results(made, ("sr", "ko"), OPTIONS):
                dataset_made.save_as(tmp_path / "made.dcm", enforce_file_format=True)
            outcomes["made"] += 1
        except UsnetError:
            outcomes["refused"] += 1
    assert outcomes["made"] > 5
