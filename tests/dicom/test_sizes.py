"""Millimetres from a calibrated phantom to the report: within 2 % of the truth, or one pixel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("highdicom", reason="the dicom extra is not installed")

from result_files import opinion_on

from helpers.made_up import finding
from usnet.dicom import Instance, codes, make, read_marks
from usnet.dicom.collecting import instance_of
from usnet.images import read
from usnet.phantoms.dicom import Exam, write_image
from usnet.phantoms.scanners import SCANNERS
from usnet.phantoms.simulate import simulate


@pytest.mark.parametrize("banner", [0, 24])
@pytest.mark.parametrize("scanner", [scanner.name for scanner in SCANNERS])
def test_the_report_has_the_size_of_the_nodule(scanner: str, banner: int, tmp_path: Path) -> None:
    phantom = simulate(6, label="malignant", scanner=scanner, size=(120, 160))
    frame = read(write_image(tmp_path / "a.dcm", phantom, Exam("sizes", "P1"), banner=banner))
    rows, columns = np.nonzero(phantom.mask)
    row, column = phantom.spacing_mm
    truth = ((np.ptp(columns) + 1) * column, (np.ptp(rows) + 1) * row)
    box = phantom.nodules[0].box
    assert frame.spacing_mm is not None
    size = (box.width * frame.spacing_mm[1], box.height * frame.spacing_mm[0])
    one = replace(finding((box.x, box.y, box.width, box.height)), size_mm=size)
    instance = instance_of(frame, [opinion_on(frame, one)])
    assert isinstance(instance, Instance)
    dataset = make(instance, "sr").dataset
    assert dataset is not None
    dataset.save_as(tmp_path / "sr.dcm", enforce_file_format=True)
    (mark,) = read_marks(tmp_path / "sr.dcm").marks
    for name, known, pixel in ((codes.WIDTH, truth[0], column), (codes.HEIGHT, truth[1], row)):
        said = mark.number(name[0])
        assert said is not None
        assert abs(said - known) <= max(0.02 * known, pixel)
