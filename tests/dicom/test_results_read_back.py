"""What goes into an object comes out of it: boxes within half a pixel, sizes within a tenth of a millimetre."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageColor
from pydicom.dataset import Dataset

pytest.importorskip("highdicom", reason="the dicom extra is not installed")

from result_files import SOURCES, instance_of_file, opinion_on, source_file, two_findings

from helpers.made_up import finding
from usnet.dicom import Instance, Kind, Options, make, read_marks
from usnet.dicom.collecting import instance_of
from usnet.dicom.kinds import SrClass
from usnet.images import read
from usnet.reports.overlay import AREA_KEY, draw_overlay
from usnet.reports.style import COLOURS
from usnet.values import Box

OPTIONS = Options(when=datetime(2026, 2, 3, 4, 5, 6))


def made(instance: Instance, kind: Kind, path: Path, options: Options = OPTIONS) -> Dataset:
    """An object after a round through its file."""
    dataset = make(instance, kind, options).dataset
    assert dataset is not None
    dataset.save_as(path, enforce_file_format=True)
    return pydicom.dcmread(path)


def expected(instance: Instance) -> dict[tuple[int, int], Box]:
    """Boxes in the whole image by (frame, number)."""
    region = instance.key.region
    x, y = (0.0, 0.0) if region is None else (region.x, region.y)
    return {
        (frame, number): replace(one.box, x=one.box.x + x, y=one.box.y + y)
        for frame, number, one in instance.findings()
    }


def close(one: Box, other: Box, tolerance: float = 0.5) -> bool:
    return max(abs(a - b) for a, b in zip(one.corners, other.corners, strict=True)) <= tolerance


@pytest.mark.parametrize("sr_class", ["comprehensive3d", "comprehensive"])
@pytest.mark.parametrize("name", SOURCES)
def test_report(name: str, sr_class: SrClass, tmp_path: Path) -> None:
    instance = instance_of_file(source_file(name, tmp_path))
    sr = made(instance, "sr", tmp_path / "sr.dcm", replace(OPTIONS, sr_class=sr_class))
    assert ("3D" in pydicom.uid.UID(sr.SOPClassUID).name) == (sr_class == "comprehensive3d")
    assert (sr.VerificationFlag, sr.PreliminaryFlag, sr.CompletionFlag) == ("UNVERIFIED", "PRELIMINARY", "COMPLETE")
    report = read_marks(tmp_path / "sr.dcm")
    rows = list(instance.findings())
    boxes = expected(instance)
    assert len(report.marks) == len(rows) == 2 * len(instance.diagnoses)
    assert (
        len({mark.tracking_uid for mark in report.marks}) == len(instance.lesions) == 2
    )  # one a nodule, in all frames
    for mark, (frame, number, one) in zip(report.marks, rows, strict=True):
        assert mark.image_uid == instance.sop_instance_uid
        assert mark.frame == (frame if instance.is_multiframe else None)
        assert close(mark.box, boxes[frame, number])
        assert ("Geometric purpose of region", "Bounded by") in mark.evaluations
        assert ("Call at the operating point", f"Called {one.label}") in mark.evaluations
        assert mark.number("111047") == pytest.approx(100 * one.probability, abs=1e-3)
        assert mark.number("111012") == pytest.approx(100 * one.score, abs=1e-3)
        sizes = (mark.number("103355008"), mark.number("121207"))
        assert sizes == ((None, None) if one.size_mm is None else pytest.approx(one.size_mm, abs=0.1))
        assert ("Orientation" in dict(mark.evaluations)) == (one.size_mm is not None)
    assert "CAD Processing and Findings Summary: All algorithms succeeded; with findings" in report.statements[0]
    assert len(report.statements) == (3 if instance.loop is not None else 1)  # the whole, and each nodule of a loop


@pytest.mark.parametrize("name", SOURCES)
def test_presentation_state(name: str, tmp_path: Path) -> None:
    instance = instance_of_file(source_file(name, tmp_path))
    state = made(instance, "pr", tmp_path / "pr.dcm")
    grey = instance.reference.PhotometricInterpretation.startswith("MONOCHROME")
    assert ("Grayscale" if grey else "Color") in pydicom.uid.UID(state.SOPClassUID).name
    if grey:
        inverse = instance.reference.PhotometricInterpretation == "MONOCHROME1"
        assert state.PresentationLUTShape == ("INVERSE" if inverse else "IDENTITY")
    found = {}
    for item in state.GraphicAnnotationSequence:
        frame = int(item.ReferencedImageSequence[0].get("ReferencedFrameNumber", 1)) - 1
        assert item.ReferencedImageSequence[0].ReferencedSOPInstanceUID == instance.sop_instance_uid
        assert any("Research use only" in text.UnformattedTextValue for text in item.TextObjectSequence)
        for number, graphic in enumerate(item.GraphicObjectSequence, 1):
            xs, ys = graphic.GraphicData[::2], graphic.GraphicData[1::2]
            found[frame, number] = Box.from_corners(min(xs), min(ys), max(xs), max(ys))
    boxes = expected(instance)
    assert found.keys() == boxes.keys()
    assert all(close(found[key], boxes[key]) for key in boxes)


@pytest.mark.parametrize("name", SOURCES)
def test_segmentation(name: str, tmp_path: Path) -> None:
    instance = instance_of_file(source_file(name, tmp_path))
    seg = made(instance, "seg", tmp_path / "seg.dcm")
    assert (seg.Rows, seg.Columns) == (instance.reference.Rows, instance.reference.Columns)
    pixels = seg.pixel_array
    assert len(pixels) == seg.NumberOfFrames
    assert len(seg.SegmentSequence) == 2
    for mask, group in zip(pixels, seg.PerFrameFunctionalGroupsSequence, strict=True):
        number = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        source = group.DerivationImageSequence[0].SourceImageSequence[0]
        assert ("ReferencedFrameNumber" in source) == instance.is_multiframe
        frame = source.get("ReferencedFrameNumber", 1) - 1
        ys, xs = np.nonzero(mask)
        box = Box.from_corners(xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
        outlined = seg.SegmentSequence[number - 1].SegmentLabel.endswith(": outline")  # see test_finding_outlines.py
        assert close(box, expected(instance)[frame, number]) or outlined
        assert outlined or "no outline" in seg.SegmentSequence[number - 1].SegmentLabel
        assert source.ReferencedSOPClassUID == instance.reference.SOPClassUID


@pytest.mark.parametrize("name", SOURCES)
def test_key_object(name: str, tmp_path: Path) -> None:
    instance = instance_of_file(source_file(name, tmp_path))
    ko = made(instance, "ko", tmp_path / "ko.dcm")
    (reference,) = [item.ReferencedSOPSequence[0] for item in ko.ContentSequence if item.ValueType == "IMAGE"]
    assert reference.ReferencedSOPInstanceUID == instance.sop_instance_uid
    frames = reference.get("ReferencedFrameNumber")
    several = [d.frame + 1 for d in instance.diagnoses]
    assert (None if frames is None else list(frames)) == (several if instance.is_multiframe else None)


@pytest.mark.parametrize("name", SOURCES)
def test_fhir(name: str, tmp_path: Path) -> None:
    instance = instance_of_file(source_file(name, tmp_path))
    document = make(instance, "fhir", OPTIONS).document
    assert document is not None
    report = json.loads(document)
    assert report["status"] == "preliminary"
    assert report["imagingStudy"][0]["identifier"]["value"] == f"urn:oid:{instance.study_uid}"
    observations = [one for one in report["contained"] if one.get("id", "").startswith("finding")]
    boxes = expected(instance)
    assert len(observations) == len(instance.lesions) == 2
    for observation, lesion in zip(observations, instance.lesions, strict=True):
        one = lesion.best
        components = {part["code"]["text"]: part for part in observation["component"]}
        x, y, width, height = map(float, re.findall(r"-?\d+\.\d+", components["Box in the image"]["valueString"]))
        assert close(Box(x, y, width, height), boxes[lesion.frame, lesion.number], 0.02)
        assert components["Probability of cancer"]["valueQuantity"]["value"] == pytest.approx(100 * one.probability)
        if one.size_mm is not None:
            assert components["Width"]["valueQuantity"]["value"] == pytest.approx(one.size_mm[0], abs=0.1)
        assert ("Width" in components) == (one.size_mm is not None)


def test_fhir_is_valid_r4(tmp_path: Path) -> None:
    models = pytest.importorskip("fhir.resources.R4B.diagnosticreport", reason="fhir.resources is not installed")
    for name in ("cine", "single"):
        for found in (True, False):
            instance = instance_of_file(source_file(name, tmp_path), findings=found)
            document = make(instance, "fhir", OPTIONS).document
            report = models.DiagnosticReport.model_validate_json(document)
            assert report.status == "preliminary"
            assert len(report.result) == len(report.contained) - 1


@pytest.mark.parametrize("name", SOURCES)
def test_secondary_capture_shows_the_boxes_where_they_are(name: str, tmp_path: Path) -> None:
    instance = instance_of_file(source_file(name, tmp_path))
    sc = made(instance, "sc", tmp_path / "sc.dcm")
    pixels = sc.pixel_array.astype(int)
    picture = draw_overlay(instance.key, instance.key_diagnosis)
    left, top, right, bottom = map(int, picture.info[AREA_KEY].split())
    longest = max(instance.key.width, instance.key.height)
    scale = min(720 / longest, 6.0) if longest < 720 else 1.0
    margin = (right - left - round(instance.key.width * scale)) // 2
    assert bottom - top == round(instance.key.height * scale) + 2 * margin
    for one in instance.key_diagnosis.findings:
        colour = np.array(ImageColor.getrgb(COLOURS[one.label]))
        area = np.all(pixels[top:bottom, left:right] == colour, axis=-1)
        ys, xs = np.nonzero(area[margin:-margin, margin:-margin])
        stroke = max(2, round(max(instance.key.width, instance.key.height) * scale / 360))
        x1, y1 = (
            xs.max() + 1 - stroke,
            ys.max() + 1 - stroke,
        )  # the tag stands at the upper corner, so the lower one is looked at
        assert abs(x1 / scale - one.box.corners[2]) <= 0.5 + 2 / scale
        assert abs(y1 / scale - one.box.corners[3]) <= 0.5 + 2 / scale
    assert "Research use only" in sc.ImageComments
    assert (sc.Modality, "PixelSpacing" in sc) == ("OT", False)
    assert sc.SourceImageSequence[0].ReferencedSOPInstanceUID == instance.sop_instance_uid


@settings(max_examples=12)
@given(
    x=st.floats(0, 100), y=st.floats(0, 70), width=st.floats(0.5, 28), height=st.floats(0.5, 26),
    probability=st.floats(0, 1), score=st.floats(0, 1),
)  # fmt: skip
def test_any_box_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    x: float,
    y: float,
    width: float,
    height: float,
    probability: float,
    score: float,
) -> None:
    folder = tmp_path_factory.getbasetemp()
    path = folder / "banner.dcm"
    frame = read(path if path.exists() else source_file("banner", folder))
    one = finding((x, y, width, height), score, probability)
    instance = instance_of(frame, [opinion_on(frame, one)])
    assert isinstance(instance, Instance)
    made(instance, "sr", folder / "any.dcm")
    (mark,) = read_marks(folder / "any.dcm").marks
    assert close(mark.box, Box(x, y + 24, width, height), 0.01)
    assert mark.number("111047") == pytest.approx(100 * probability, abs=1e-3)


def test_a_box_beyond_the_frame_ends_at_its_edge(tmp_path: Path) -> None:
    source = source_file("banner", tmp_path)
    frame = read(source)
    wild = finding((-5.0, -3.0, 400.0, 50.0))
    instance = replace(instance_of_file(source), diagnoses=(opinion_on(frame, wild),))
    made(instance, "sr", tmp_path / "sr.dcm")
    (mark,) = read_marks(tmp_path / "sr.dcm").marks
    assert mark.box.corners == (0.0, 24.0, 128.0, 24.0 + 47.0)


def test_of_two_regions_one_is_measured_and_nothing_crosses_into_the_other(tmp_path: Path) -> None:
    from pydicom.sequence import Sequence

    source = source_file("single", tmp_path)
    dataset = pydicom.dcmread(source)
    left, right = (pydicom.dataset.Dataset() for _ in range(2))
    for region in (left, right):
        region.update(dataset.SequenceOfUltrasoundRegions[0])
    for region, (x0, x1), delta in ((left, (0, 47), 0.01), (right, (60, 127), 0.02)):
        for name, value in (("RegionLocationMinX0", x0), ("RegionLocationMaxX1", x1)):
            region[name] = pydicom.DataElement(name, "UL", value)
        for name in ("PhysicalDeltaX", "PhysicalDeltaY"):
            region[name] = pydicom.DataElement(name, "FD", delta)
    dataset.SequenceOfUltrasoundRegions = Sequence([left, right])
    dataset.save_as(source)
    instance = instance_of_file(source)
    assert instance.key.region == Box(60, 0, 68, 96)
    made(instance, "sr", tmp_path / "sr.dcm")
    for mark, one in zip(read_marks(tmp_path / "sr.dcm").marks, two_findings(instance.key), strict=True):
        assert 60 <= mark.box.x <= mark.box.x + mark.box.width <= 128
        assert mark.number("103355008") == pytest.approx(mark.box.width * 0.2, abs=0.05)
        assert one.size_mm is not None
    assert not made(instance, "seg", tmp_path / "seg.dcm").pixel_array[..., :60].any()
    for item in made(instance, "pr", tmp_path / "pr.dcm").GraphicAnnotationSequence:
        assert all(min(graphic.GraphicData[::2]) >= 60 for graphic in item.GraphicObjectSequence)
