"""Millimetres from a calibrated phantom to the report: within 2 % of the truth, or one pixel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("highdicom", reason="the dicom extra is not installed")

from result_files import opinion_on

from helpers.tiny_bundle import manifest
from usnet.bundles.decode import Candidates
from usnet.diagnosis.opinion import opinion
from usnet.dicom import Instance, codes, make, read_marks
from usnet.dicom.collecting import instance_of
from usnet.images import read
from usnet.images.letterbox import plan
from usnet.phantoms.dicom import Exam, write_image
from usnet.phantoms.scanners import SCANNERS
from usnet.phantoms.simulate import Phantom, simulate
from usnet.values import Finding, Frame


def found_on(frame: Frame, phantom: Phantom) -> Finding:
    """What is said of the nodule where the network's box, in the network's pixels, is the nodule's."""
    rows, columns = np.nonzero(phantom.mask)
    corners = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], dtype=float)
    transform = plan(frame.width, frame.height)
    candidates = Candidates(transform.to_network(corners).astype(np.float32), np.array([[-2.0, 4.0]], np.float32))
    settings = manifest()
    (one,) = opinion(candidates, settings, settings.operating_point(), transform, frame.spacing_mm).findings
    return one


def stretched(phantom: Phantom) -> Phantom:
    """With pixels half as high: rows and columns have spacings of their own."""
    row, column = phantom.spacing_mm
    twice = {"pixels": np.repeat(phantom.pixels, 2, axis=0), "mask": np.repeat(phantom.mask, 2, axis=0)}
    return replace(phantom, spacing_mm=(row / 2, column), **twice)  # type: ignore[arg-type]


@pytest.mark.parametrize("square", [True, False])
@pytest.mark.parametrize("banner", [0, 24])
@pytest.mark.parametrize("scanner", [scanner.name for scanner in SCANNERS])
def test_the_report_has_the_size_of_the_nodule(scanner: str, banner: int, square: bool, tmp_path: Path) -> None:
    phantom = simulate(6, label="malignant", scanner=scanner, size=(120, 160))
    phantom = phantom if square else stretched(phantom)
    frame = read(write_image(tmp_path / "a.dcm", phantom, Exam("sizes", "P1"), banner=banner))
    assert frame.spacing_mm == pytest.approx(phantom.spacing_mm)
    rows, columns = np.nonzero(phantom.mask)
    row, column = phantom.spacing_mm
    truth = ((np.ptp(columns) + 1) * column, (np.ptp(rows) + 1) * row)
    instance = instance_of(frame, [opinion_on(frame, found_on(frame, phantom))])
    assert isinstance(instance, Instance)
    dataset = make(instance, "sr").dataset
    assert dataset is not None
    dataset.save_as(tmp_path / "sr.dcm", enforce_file_format=True)
    (mark,) = read_marks(tmp_path / "sr.dcm").marks
    for name, known, pixel in ((codes.WIDTH, truth[0], column), (codes.HEIGHT, truth[1], row)):
        said = mark.number(name[0])
        assert said is not None
        assert abs(said - known) <= max(0.02 * known, pixel)
