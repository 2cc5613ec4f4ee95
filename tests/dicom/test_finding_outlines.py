"""Outlines of findings in segmentation and report: seen ones are written and come back, unseen ones are not claimed."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom
import pytest

pytest.importorskip("highdicom", reason="the dicom extra is not installed")

from highdicom.seg import segread
from result_files import PHANTOM_NAMES, PHANTOM_SIZE, SOURCES, instance_of_file, loop_frames, opinion_on, source_file

from helpers.made_up import finding
from usnet.descriptors import DESCRIPTORS, find_contour
from usnet.dicom import DICOM_KINDS, Instance, codes, instances, make, read_marks
from usnet.dicom.outlines import MOST_UNSEEN, outline_of, outline_on, reference
from usnet.dicom.planes import planes_of
from usnet.dicom.validating import has_dciodvfy, known_images, validate
from usnet.images import read_frames
from usnet.phantoms.simulate import Phantom, simulate
from usnet.values import Box, Finding, Frame

needs_dciodvfy = pytest.mark.skipif(not has_dciodvfy(), reason="dciodvfy is not installed (Debian: dicom3tools)")
SEED = 4
"""Of a malignant phantom whose outline is seen all round."""
FLAT = Box(3.0, 60.0, 20.0, 9.0)
"""A place of tissue where nothing has an outline."""


@cache
def truth(name: str, frame: int) -> Phantom:
    """What a frame shows."""
    return loop_frames()[frame] if name == "cine" else simulate(SEED, label="malignant", size=PHANTOM_SIZE)


def nodules(frame: Frame, name: str) -> tuple[Finding, Finding]:
    """The phantom's nodule as a malignant finding, and a benign one where there is nothing; best seen on a loop's third frame."""
    boxes = (truth(name, 2).nodules[0].box, FLAT)
    made = []
    for box, probability in zip(boxes, (0.9, 0.2), strict=True):
        assert frame.spacing_mm is not None
        size = (box.width * frame.spacing_mm[1], box.height * frame.spacing_mm[0])
        made.append(
            replace(
                finding((box.x, box.y, box.width, box.height), 0.9 - 0.02 * abs(frame.number - 2), probability),
                size_mm=size,
            )
        )
    return made[0], made[1]


def phantom_instance(name: str, folder: Path) -> tuple[Path, Instance]:
    """A phantom, and what a model would say that finds :func:`nodules` on it."""
    path = source_file(name, folder, SEED, "malignant")
    (made,) = instances((frame, opinion_on(frame, *nodules(frame, name))) for frame in read_frames(path))
    assert isinstance(made, Instance)
    return path, made


def shared(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    """Intersection over union."""
    return float((a & b).sum() / (a | b).sum())


def in_stored(instance: Instance, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """A mask of the frame on the whole stored image."""
    made = np.zeros((instance.reference.Rows, instance.reference.Columns), dtype=bool)
    region = instance.key.region or Box(0, 0, *mask.shape[::-1])
    x, y = int(region.x), int(region.y)
    made[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
    return made


@pytest.mark.parametrize("name", PHANTOM_NAMES)
def test_a_seen_outline_is_the_segment_and_an_unseen_one_stays_a_box(name: str, tmp_path: Path) -> None:
    _, instance = phantom_instance(name, tmp_path)
    dataset = make(instance, "seg").dataset
    assert dataset is not None
    path = tmp_path / "seg.dcm"
    dataset.save_as(path, enforce_file_format=True)
    seg = segread(path)
    outlined, boxed = (seg.get_segment_description(number) for number in (1, 2))
    assert outlined.segmented_property_type.value == codes.MASS[0]
    assert outlined.segmented_property_category.value == codes.ABNORMAL_STRUCTURE[0]
    assert outlined.SegmentLabel == "Finding 1: outline"
    assert "closed path along edges" in outlined.algorithm_identification.name
    assert boxed.segmented_property_type.value == codes.BOUNDING_REGION[0]
    assert boxed.SegmentLabel == "Finding 2: bounding box, no outline"
    assert boxed.algorithm_identification.name == instance.model.name
    assert seg.ContentDescription == "Outlines of findings, and boxes: see labels"

    frame = instance.key
    planes = {place: n for n, place in enumerate(_places(seg)) if place[1] in (None, frame.number + 1)}
    (key,) = {place[1] for place in planes}
    written = pydicom.dcmread(path).pixel_array[planes[1, key]].astype(bool)
    box = instance.key_diagnosis.findings[0].box
    contour = in_stored(instance, find_contour(frame.pixels, box).mask(frame.pixels.shape))
    assert shared(written, contour) == 1
    assert written.sum() == contour.sum()
    shown = truth(name, frame.number).mask
    assert shared(written, in_stored(instance, shown)) > (0.7 if name == "cine" else 0.9)
    assert pydicom.dcmread(path).pixel_array[planes[2, key]].sum() == FLAT.width * FLAT.height


def _places(seg: pydicom.Dataset) -> list[tuple[int, int | None]]:
    """Segment and frame of the source (from 1) of each plane."""
    return [
        (
            int(group.SegmentIdentificationSequence[0].ReferencedSegmentNumber),
            group.DerivationImageSequence[0].SourceImageSequence[0].get("ReferencedFrameNumber"),
        )
        for group in seg.PerFrameFunctionalGroupsSequence
    ]


def test_a_loop_has_an_outline_on_every_frame_where_it_is_seen(tmp_path: Path) -> None:
    _, instance = phantom_instance("cine", tmp_path)
    dataset = make(instance, "seg").dataset
    assert dataset is not None
    places, planes = _places(dataset), dataset.pixel_array.astype(bool)
    frames = [frame for segment, frame in places if segment == 1]
    assert len(frames) > 2
    assert instance.key.number + 1 in frames
    assert [segment for segment, _ in places].count(2) == 1  # no outline: the box, on the key frame only
    for frame in read_frames(instance.source):
        outline = outline_on(frame, instance.lesions[0].findings[frame.number].box)
        assert (outline is not None) == (frame.number + 1 in frames)
        if outline is not None:
            assert (planes[places.index((1, frame.number + 1))] == outline.mask(instance)).all()
    assert list(dataset.SourceImageSequence[0].ReferencedFrameNumber) == sorted({frame for _, frame in places})
    indices = [tuple(g.FrameContentSequence[0].DimensionIndexValues) for g in dataset.PerFrameFunctionalGroupsSequence]
    assert len(set(indices)) == dataset.NumberOfFrames == len(planes)
    assert dataset.SegmentsOverlap == "NO"


def test_outlines_of_a_loop_that_is_gone_are_those_of_its_key_frame(tmp_path: Path) -> None:
    path, instance = phantom_instance("cine", tmp_path)
    path.unlink()
    assert {plane.frame for plane in planes_of(instance)} == {instance.key.number}


@pytest.mark.dicom
@needs_dciodvfy
@pytest.mark.parametrize("name", PHANTOM_NAMES)
def test_objects_with_outlines_are_valid(name: str, tmp_path: Path) -> None:
    path, instance = phantom_instance(name, tmp_path)
    assert outline_of(instance, instance.key.number, instance.key_diagnosis.findings[0]) is not None
    images = known_images([path])
    for kind in DICOM_KINDS:
        made = make(instance, kind).dataset
        assert made is not None
        made.save_as(tmp_path / f"{kind}.dcm", enforce_file_format=True)
        messages = validate(tmp_path / f"{kind}.dcm", images).messages
        assert not [m for m in messages if m.level == "error"], kind
        assert not [m.text for m in messages if m.explanation is None], kind


@pytest.mark.parametrize("name", ["single", "banner", "cine"])
def test_the_report_says_what_was_measured_on_the_outline(name: str, tmp_path: Path) -> None:
    _, instance = phantom_instance(name, tmp_path)
    dataset = make(instance, "sr").dataset
    assert dataset is not None
    dataset.save_as(tmp_path / "sr.dcm", enforce_file_format=True)
    key = instance.key.number if instance.is_multiframe else None
    described, plain = [m for m in read_marks(tmp_path / "sr.dcm").marks if m.frame == key]
    found = outline_of(instance, instance.key.number, instance.key_diagnosis.findings[0])
    assert found is not None
    row, column = instance.key.spacing_mm or (0.0, 0.0)
    pixels = found.mask(instance).sum()
    assert described.number(codes.AREA[0]) == pytest.approx(pixels * row * column, rel=0.12)  # whole pixels on the edge
    long_axis, short_axis = (described.number(code[0]) for code in (codes.LONG_AXIS, codes.SHORT_AXIS))
    assert long_axis is not None
    assert short_axis is not None
    assert np.pi / 4 * long_axis * short_axis == pytest.approx(described.number(codes.AREA[0]), rel=1e-3)
    for name_, value in found.values.items():
        written = described.number(codes.DESCRIPTORS[name_][0][0])
        assert written == (None if np.isnan(value) else pytest.approx(value, abs=1e-4)), name_
    said = dict(described.evaluations)
    assert said["Orientation"] in ("Parallel", "Not parallel")
    assert "Shape" in said
    assert "Margins" in said
    assert not {"Shape", "Margins", "Echo pattern"} & dict(plain.evaluations).keys()
    assert plain.number(codes.AREA[0]) is None
    texts = [e.value for e in dataset.iterall() if e.keyword in ("TextValue", "CodeMeaning")]
    assert texts.count(codes.ON_OUTLINE[2]) >= len(DESCRIPTORS)
    assert any(text.startswith("word by a rule, shape: kappa") for text in texts)


def test_fhir_says_the_same_as_the_report(tmp_path: Path) -> None:
    _, instance = phantom_instance("single", tmp_path)
    document = make(instance, "fhir").document
    assert document is not None
    described, plain = [one for one in json.loads(document)["contained"] if one.get("id", "").startswith("finding")]
    parts = {part["code"]["text"]: part for part in described["component"]}
    found = outline_of(instance, instance.key.number, instance.key_diagnosis.findings[0])
    assert found is not None
    assert parts["Area"]["valueQuantity"]["value"] == pytest.approx(found.values["area_mm2"], abs=1e-4)
    assert parts["Area"]["valueQuantity"]["code"] == "mm2"
    assert {"Long axis", "Short axis", "Shape", "Margins"} <= parts.keys()
    assert not {"Area", "Shape"} & {part["code"]["text"] for part in plain["component"]}


def test_without_calibration_no_size_is_written(tmp_path: Path) -> None:
    _, instance = phantom_instance("single", tmp_path)
    bare = replace(instance, key=replace(instance.key, spacing_mm=None))
    dataset = make(bare, "sr").dataset
    assert dataset is not None
    dataset.save_as(tmp_path / "sr.dcm", enforce_file_format=True)
    described = read_marks(tmp_path / "sr.dcm").marks[0]
    assert not [n for n in described.numbers if n.unit in ("mm2",) or n.code == codes.LONG_AXIS[0]]
    assert described.number("solidity") is not None


@pytest.mark.parametrize("name", SOURCES)
def test_every_segment_says_whether_it_is_an_outline(name: str, tmp_path: Path) -> None:
    instance = instance_of_file(source_file(name, tmp_path))
    dataset = make(instance, "seg").dataset
    assert dataset is not None
    for segment, one in zip(dataset.SegmentSequence, instance.key_diagnosis.findings, strict=True):
        found = outline_of(instance, instance.key.number, one)
        assert found is None or found.values["margin_indistinct"] <= MOST_UNSEEN
        kind = segment.SegmentedPropertyTypeCodeSequence[0].CodeValue
        assert kind == (codes.BOUNDING_REGION if found is None else codes.MASS)[0]


def test_what_has_no_pixels_or_no_size_has_no_outline(tmp_path: Path) -> None:
    _, instance = phantom_instance("cine", tmp_path)
    (frame, _, one), *_ = [row for row in instance.findings() if row[0] != instance.key.number]
    assert outline_of(instance, frame, one) is None
    small = replace(one, box=Box(60, 60, 7, 30))
    assert outline_of(instance, instance.key.number, small) is None
    beside = replace(one, box=Box(500, 500, 30, 30))
    assert outline_of(instance, instance.key.number, beside) is None


def test_every_descriptor_and_every_word_of_the_reference_has_a_code() -> None:
    assert codes.DESCRIPTORS.keys() == {d.name for d in DESCRIPTORS}
    assert len({code for code, _ in codes.DESCRIPTORS.values()}) == len(DESCRIPTORS)
    known = reference()
    assert known is not None
    silent = {("spiculated or angular margin", "no"), ("anechoic echo", "no")}
    assert codes.WORDS.keys() == {(rule.term, word) for rule in known.rules for word in rule.words} - silent
    own = [code for code, _ in codes.DESCRIPTORS.values()] + [value for _, value in codes.WORDS.values()]
    assert all(len(value) <= 16 and len(meaning) <= 64 for value, _, meaning in own)
