"""Every kind for every source passes dciodvfy and the rules of TID 1500, and its warnings are the known ones."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("highdicom", reason="the dicom extra is not installed")

from result_files import SOURCES, instance_of_file, source_file

from usnet.diagnosis.gate import OVERRULED
from usnet.dicom import DICOM_KINDS, Made, Options, make, results
from usnet.dicom.codes import COMMENT
from usnet.dicom.fhir import diagnostic_report
from usnet.dicom.pdf_page import page
from usnet.dicom.rules import Images
from usnet.dicom.text import MOST_WARNINGS, warnings
from usnet.dicom.tree import content_tree
from usnet.dicom.validating import EXPLANATIONS, has_dciodvfy, known_images, validate
from usnet.images import read

needs_dciodvfy = pytest.mark.skipif(not has_dciodvfy(), reason="dciodvfy is not installed (Debian: dicom3tools)")
OLD = Options(sr_class="comprehensive")


def check(made: Made, path: Path, images: Images) -> None:
    """No error, and no warning without an explanation."""
    assert made.dataset is not None
    made.dataset.save_as(path, enforce_file_format=True)
    messages = validate(path, images).messages
    assert not [m for m in messages if m.level == "error"], path.name
    assert not [m.text for m in messages if m.explanation is None], path.name


@pytest.mark.dicom
@needs_dciodvfy
@pytest.mark.parametrize("name", SOURCES)
def test_every_kind_has_no_error_and_only_known_warnings(name: str, tmp_path: Path) -> None:
    source = source_file(name, tmp_path)
    instance, images = instance_of_file(source), known_images([source])
    for kind in DICOM_KINDS:
        check(make(instance, kind), tmp_path / f"{kind}.dcm", images)
    check(make(instance, "sr", OLD), tmp_path / "old.dcm", images)


@pytest.mark.dicom
@needs_dciodvfy
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in ("single", "cine") else pytest.mark.slow) for name in SOURCES]
)
def test_no_finding_is_valid_too(name: str, tmp_path: Path) -> None:
    source = source_file(name, tmp_path)
    empty, images = instance_of_file(source, findings=False), known_images([source])
    for kind in DICOM_KINDS:
        made = make(empty, kind)
        if kind in ("pr", "seg", "ko"):
            assert made.reason == "no finding to show"
        else:
            check(made, tmp_path / f"{kind}.dcm", images)
    check(make(empty, "sr", OLD), tmp_path / "old.dcm", images)


@pytest.mark.dicom
@needs_dciodvfy
def test_the_explained_warnings_are_those_that_are_given_and_that_the_page_lists(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/dicom-results.md").read_text(encoding="utf-8")
    table = page.partition("| warning of dciodvfy | why |\n|---|---|\n")[2].partition("\n\n")[0].splitlines()
    assert len(table) == len(EXPLANATIONS)
    for pattern, _ in EXPLANATIONS:
        assert sum(re.search(pattern, row) is not None for row in table) == 1, pattern
    given = set()
    instance = instance_of_file(source_file("ExplVR_BigEnd.dcm", tmp_path))
    for dataset in results(instance, ("sr", "sc")):
        dataset.save_as(tmp_path / "one.dcm", enforce_file_format=True)
        given |= {message.explanation for message in validate(tmp_path / "one.dcm").messages}
    assert given == {why for _, why in EXPLANATIONS}


@pytest.mark.parametrize("name", ["single", "cine"])
def test_every_warning_is_said_in_words(name: str, tmp_path: Path) -> None:
    """The report may be all that somebody sees; a loop says each thing once."""
    gate, other = f"{OVERRULED}colour: it was read all the same", "colour: a fifth of the image"
    source = source_file(name, tmp_path)
    plain = instance_of_file(source)
    instance = replace(plain, diagnoses=tuple(replace(d, warnings=(other, gate)) for d in plain.diagnoses))
    report = make(instance, "sr").dataset
    assert report is not None
    comments = [n.value() for n in content_tree(report).walk() if n.code[0] == COMMENT[0]]
    assert comments == [f"Warning, {gate}", f"Warning, {other}"]
    capture = make(instance, "sc").dataset
    assert capture is not None
    for text in (
        capture.ImageComments,
        diagnostic_report(instance, Options()).decode(),
        page(instance, datetime(2026, 1, 2)),
    ):
        assert text.count(gate) == 1
        assert text.count(other) == 1
    if has_dciodvfy():
        check(make(instance, "sr"), tmp_path / "sr.dcm", known_images([source]))
        check(make(instance, "sc"), tmp_path / "sc.dcm", known_images([source]))


def test_a_loop_with_a_warning_a_frame_says_some_of_them(tmp_path: Path) -> None:
    plain = instance_of_file(source_file("cine", tmp_path))
    said = tuple(replace(d, warnings=tuple(f"{i} {n}" for n in range(5))) for i, d in enumerate(plain.diagnoses))
    found = warnings(replace(plain, diagnoses=said))
    assert len(found) == MOST_WARNINGS + 1
    assert found[-1] == f"{5 * len(said) - MOST_WARNINGS} more warnings"


@pytest.mark.dicom
@needs_dciodvfy
def test_a_missing_attribute_is_an_error(tmp_path: Path) -> None:
    made = make(instance_of_file(source_file("single", tmp_path)), "sc").dataset
    assert made is not None
    del made.ConversionType
    path = tmp_path / "broken.dcm"
    made.save_as(path, enforce_file_format=True)
    assert any("ConversionType" in m.text for m in validate(path).messages if m.level == "error")


def test_what_is_no_dicom_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "text.dcm"
    path.write_text("no DICOM")
    assert [m.text for m in validate(path).messages] == ["not a DICOM file"]


def test_a_preamble_with_content_is_told(tmp_path: Path) -> None:
    made = make(instance_of_file(source_file("single", tmp_path)), "sr").dataset
    assert made is not None
    path = tmp_path / "sr.dcm"
    made.save_as(path, enforce_file_format=True)
    path.write_bytes(b"MZ" + path.read_bytes()[2:])
    assert any("preamble" in m.text for m in validate(path).messages)


@pytest.mark.dicom
@pytest.mark.skipif(shutil.which("dcmp2pgm") is None, reason="dcmp2pgm is not installed (Debian: dcmtk)")
@pytest.mark.parametrize("name", ["single", "monochrome1"])
def test_dcmtk_shows_a_grey_image_under_its_state_as_usnet_does(name: str, tmp_path: Path) -> None:
    source = source_file(name, tmp_path)
    state = make(instance_of_file(source), "pr").dataset
    assert state is not None
    state.save_as(tmp_path / "pr.dcm", enforce_file_format=True)
    shown = tmp_path / "shown.pgm"
    subprocess.run(["dcmp2pgm", "-p", tmp_path / "pr.dcm", source, shown], check=True, capture_output=True)
    assert np.abs(np.asarray(Image.open(shown)).astype(int) - read(source).pixels).max() <= 1
