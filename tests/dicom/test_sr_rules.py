"""Faults planted into a sound report, each of which its rule finds; and reports of others that are read."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

pytest.importorskip("highdicom", reason="the dicom extra is not installed")

from result_files import instance_of_file, source_file

from usnet.dicom import Options, make, read_marks
from usnet.dicom.picture import draw_report, shown_frame
from usnet.dicom.rules import check_report
from usnet.dicom.tree import MAX_DEPTH, content_tree, read_report
from usnet.errors import DataError

OPTIONS = Options(when=datetime(2026, 2, 3, 4, 5, 6))
Fault = Callable[[Dataset], None]


@pytest.fixture(scope="module")
def cine_report(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("rules")
    made = make(instance_of_file(source_file("cine", folder)), "sr", OPTIONS).dataset
    assert made is not None
    made.save_as(folder / "sr.dcm")
    return pydicom.dcmread(folder / "sr.dcm")


def items(dataset: Dataset, code: str | None = None, kind: str | None = None) -> Iterator[Dataset]:
    """Content items with this code and value type, in document order."""
    for item in dataset.get("ContentSequence") or ():
        name = item.ConceptNameCodeSequence[0].CodeValue if item.get("ConceptNameCodeSequence") else None
        if code in (None, name) and kind in (None, item.ValueType):
            yield item
        yield from items(item, code, kind)


def drop(code: str) -> Fault:
    """Take away every item with this code."""

    def plant(dataset: Dataset) -> None:
        for parent in [dataset, *items(dataset, kind="CONTAINER")]:
            kept = [
                i
                for i in parent.ContentSequence
                if code not in [n.CodeValue for n in i.get("ConceptNameCodeSequence", ())]
            ]
            parent.ContentSequence = kept

    return plant


def set_value(code: str, value: float, unit: str | None = None) -> Fault:
    """Another number, and another unit, at the last item with this code."""

    def plant(dataset: Dataset) -> None:
        measured = list(items(dataset, code, "NUM"))[-1].MeasuredValueSequence[0]
        measured.NumericValue = value
        if unit is not None:
            measured.MeasurementUnitsCodeSequence[0].CodeValue = unit

    return plant


def share_tracking_uid(dataset: Dataset) -> None:
    """Findings 1 and 2 of one frame under one UID."""
    first, second = list(items(dataset, "112040", "UIDREF"))[3:5]
    second.UID = first.UID


def open_outline(dataset: Dataset) -> None:
    region = next(items(dataset, "111030", "SCOORD"))
    region.GraphicData = list(region.GraphicData)[:-2]


def no_image(dataset: Dataset) -> None:
    next(items(dataset, "111030", "SCOORD")).ContentSequence = []


def outside(dataset: Dataset) -> None:
    region = next(items(dataset, "111030", "SCOORD"))
    region.GraphicData = [value + 500 for value in region.GraphicData]


def no_evidence(dataset: Dataset) -> None:
    del dataset.CurrentRequestedProcedureEvidenceSequence


def frame_of_region(number: int | None) -> Fault:
    def plant(dataset: Dataset) -> None:
        reference = next(items(dataset, "111030", "SCOORD")).ContentSequence[0].ReferencedSOPSequence[0]
        if number is None:
            del reference.ReferencedFrameNumber
        else:
            reference.ReferencedFrameNumber = number

    return plant


def verified_by_nobody(dataset: Dataset) -> None:
    dataset.VerificationFlag = "VERIFIED"


def final_by_nobody(dataset: Dataset) -> None:
    dataset.PreliminaryFlag = "FINAL"


def wrong_title(dataset: Dataset) -> None:
    dataset.ConceptNameCodeSequence[0].CodeValue = "111036"


def two_point_ellipse(dataset: Dataset) -> None:
    region = next(items(dataset, "111030", "SCOORD"))
    region.GraphicType, region.GraphicData = "ELLIPSE", list(region.GraphicData)[:4]


FAULTS: list[tuple[str, str, Fault]] = [
    ("another title", "title", wrong_title),
    ("no language", "language", drop("121049")),
    ("no procedure", "procedure", drop("121058")),
    ("no measurements", "contents", drop("126010")),
    ("no observer", "observer", drop("121005")),
    ("a device without a UID", "observer", drop("121012")),
    ("verified by nobody", "verification", verified_by_nobody),
    ("final by nobody", "verification", final_by_nobody),
    ("no evidence", "evidence", no_evidence),
    ("no tracking identifier", "tracking", drop("112039")),
    ("no tracking UID", "tracking", drop("112040")),
    ("two findings under one UID", "tracking", share_tracking_uid),
    ("an open outline", "region", open_outline),
    ("coordinates without an image", "region", no_image),
    ("coordinates outside the image", "region", outside),
    ("an ellipse of two points", "region", two_point_ellipse),
    ("no frame number on a loop", "frame", frame_of_region(None)),
    ("frame 99 of 4", "frame", frame_of_region(99)),
    ("a probability of 180 %", "number", set_value("111047", 180)),
    ("a probability in mm", "number", set_value("111047", 18, "mm")),
    ("a width of 0 mm", "number", set_value("103355008", 0)),
    ("a width in pixels", "number", set_value("103355008", 80, "{pixels}")),
    ("an algorithm without a version", "algorithm", drop("111003")),
]


def images_of(report: Dataset) -> dict[str, tuple[int, int, int]]:
    evidence = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0].ReferencedSOPSequence[0]
    return {str(evidence.ReferencedSOPInstanceUID): (128, 96, 4)}


def test_a_sound_report_has_no_problem(cine_report: Dataset) -> None:
    assert check_report(cine_report, images_of(cine_report)) == []


@pytest.mark.parametrize(("name", "rule", "plant"), FAULTS, ids=[name for name, *_ in FAULTS])
def test_a_planted_fault_is_found(name: str, rule: str, plant: Fault, cine_report: Dataset) -> None:
    images = images_of(cine_report)
    broken = copy.deepcopy(cine_report)
    plant(broken)
    assert {problem.rule for problem in check_report(broken, images)} == {rule}


def test_a_report_of_another_template_is_left_alone(cine_report: Dataset) -> None:
    other = copy.deepcopy(cine_report)
    other.ContentTemplateSequence[0].TemplateIdentifier = "2000"
    wrong_title(other)
    assert check_report(other) == []


def test_a_tree_without_end_is_refused(cine_report: Dataset) -> None:
    deep = copy.deepcopy(cine_report)
    item = Dataset()
    item.RelationshipType, item.ValueType, item.ContinuityOfContent = "CONTAINS", "CONTAINER", "SEPARATE"
    for _ in range(MAX_DEPTH + 2):
        outer = Dataset()
        outer.RelationshipType, outer.ValueType, outer.ContentSequence = "CONTAINS", "CONTAINER", [item]
        item = outer
    deep.ContentSequence = [item]
    with pytest.raises(DataError, match="too large"):
        content_tree(deep)


@pytest.mark.parametrize("data", [b"", b"no DICOM", b"\0" * 128 + b"DICM" + b"\xff" * 40])
def test_what_is_no_report_is_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    path.write_bytes(data)
    with pytest.raises(DataError):
        read_marks(path)


def test_an_image_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no structured report"):
        read_marks(source_file("single", tmp_path))


@pytest.mark.filterwarnings("ignore")
def test_a_cut_or_mutated_report_never_crashes(cine_report: Dataset, tmp_path: Path) -> None:
    whole = tmp_path / "whole.dcm"
    cine_report.save_as(whole)
    data = whole.read_bytes()
    rng = np.random.default_rng(7)
    for case in range(60):
        damaged = bytearray(data[: int(rng.integers(200, len(data)))] if case % 2 else data)
        for place in rng.integers(132, len(damaged), 12):
            damaged[place] = int(rng.integers(0, 256))
        path = tmp_path / "damaged.dcm"
        path.write_bytes(damaged)
        try:
            report = read_marks(path)
            check_report(read_report(path))
        except DataError:
            continue
        assert report.title is not None


def viewer_report(graphic: str, points: list[float], *, by_reference: bool = False) -> Dataset:
    """A report as another system might write it: a length with its line below it (TID 300), or a CAD mark by item number."""
    root, group, number, region, image = (Dataset() for _ in range(5))
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.3.4"
    image.RelationshipType, image.ValueType, image.ReferencedSOPSequence = "SELECTED FROM", "IMAGE", [reference]
    region.RelationshipType, region.ValueType = "INFERRED FROM", "SCOORD"
    region.GraphicType, region.GraphicData, region.ContentSequence = graphic, points, [image]
    named(number, "410668003", "SCT", "Length")
    number.RelationshipType, number.ValueType, number.ContentSequence = "CONTAINS", "NUM", [region]
    value = Dataset()
    value.NumericValue, value.MeasurementUnitsCodeSequence = "12.5", [code("mm", "UCUM", "millimeter")]
    number.MeasuredValueSequence = [value]
    named(group, "125007", "DCM", "Measurement Group")
    group.RelationshipType, group.ValueType, group.ContentSequence = "CONTAINS", "CONTAINER", [number]
    named(root, "126000", "DCM", "Imaging Measurement Report")
    root.ValueType, root.ContentSequence, root.VerificationFlag = "CONTAINER", [group], "VERIFIED"
    if by_reference:
        target = Dataset()
        target.RelationshipType, target.ReferencedContentItemIdentifier = "SELECTED FROM", [1, 2]
        region.ContentSequence = [target]
        root.ContentSequence = [group, image]
    root.SOPClassUID, root.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.88.33", "1.2.3.5"
    return root


def code(value: str, scheme: str, meaning: str) -> Dataset:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, scheme, meaning
    return made


def named(item: Dataset, value: str, scheme: str, meaning: str) -> None:
    item.ConceptNameCodeSequence = [code(value, scheme, meaning)]


@pytest.mark.parametrize(
    ("graphic", "points", "box"),
    [
        ("POLYLINE", [10.0, 20.0, 40.0, 60.0], (10, 20, 30, 40)),
        ("POINT", [10.5, 20.5], (10.5, 20.5, 0, 0)),
        ("MULTIPOINT", [10.0, 20.0, 30.0, 25.0, 12.0, 50.0], (10, 20, 20, 30)),
        ("CIRCLE", [50.0, 40.0, 60.0, 40.0], (40, 30, 20, 20)),
        ("ELLIPSE", [20.0, 30.0, 60.0, 30.0, 40.0, 20.0, 40.0, 40.0], (20, 20, 40, 20)),
    ],
)
@pytest.mark.parametrize("by_reference", [False, True])
def test_reports_of_others_are_read_and_drawn(
    graphic: str, points: list[float], box: tuple[float, ...], by_reference: bool, tmp_path: Path
) -> None:
    path = tmp_path / "other.dcm"
    _write(path, viewer_report(graphic, points, by_reference=by_reference))
    report = read_marks(path)
    (mark,) = report.marks
    assert mark.box.as_list() == pytest.approx(list(box))
    assert (mark.image_uid, mark.frame, mark.number("410668003")) == ("1.2.3.4", None, 12.5)
    assert report.verified
    uid, frame = shown_frame(report, None, None)
    picture = np.asarray(draw_report(report, uid, frame, None))
    assert np.all(picture == (255, 176, 0), axis=-1).sum() > 20


def _write(path: Path, dataset: Dataset) -> None:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)


def test_marks_on_another_image_are_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "other.dcm"
    _write(path, viewer_report("POINT", [1.0, 2.0]))
    with pytest.raises(DataError, match=r"1\.2\.3\.4"):
        shown_frame(read_marks(path), "9.9.9", None)
