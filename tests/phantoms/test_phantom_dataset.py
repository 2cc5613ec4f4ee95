"""Datasets, cine loops and DICOM files of phantoms, read back."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from usnet.datasets.records import load
from usnet.errors import ConfigError, DataError
from usnet.images import read
from usnet.images.reading import read_frames
from usnet.phantoms import simulate
from usnet.phantoms.cine import simulate_cine
from usnet.phantoms.dicom import Exam, write_cine, write_image
from usnet.phantoms.subjects import subject_of
from usnet.phantoms.writing import Plan, phantom_of, write_dataset

SMALL = (96, 112)


def digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


def test_bytes_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    for jobs in (1, 2):
        write_dataset(tmp_path / str(jobs), 8, seed=5, size=SMALL, jobs=jobs)
    assert digests(tmp_path / "1" / "images") == digests(tmp_path / "2" / "images")
    assert (tmp_path / "1" / "dataset.json").read_text() == (tmp_path / "2" / "dataset.json").read_text()


def test_an_image_depends_on_seed_and_number_only(tmp_path: Path) -> None:
    for count in (3, 7):
        write_dataset(tmp_path / str(count), count, seed=5, format="dicom", size=SMALL)
    few, many = (digests(tmp_path / str(count) / "images") for count in (3, 7))
    assert few.items() <= many.items()


@pytest.mark.parametrize("format", ["png", "dicom"])
def test_a_dataset_reads_back(tmp_path: Path, format: str) -> None:
    seen: list[tuple[int, int]] = []
    write_dataset(tmp_path, 7, 2, format, size=None, progress=lambda *at: seen.append(at))  # type: ignore[arg-type]
    assert seen[-1] == (7, 7)
    dataset = load(tmp_path)
    assert len(dataset.records) == 7
    for number, record in enumerate(dataset.records):
        frame = read(dataset.path(record))
        phantom, subject, _ = phantom_of(Plan(2), number)
        assert np.array_equal(frame.pixels, phantom.pixels)
        assert (record.width, record.height) == (frame.width, frame.height)
        assert record.nodules == phantom.nodules
        assert record.label == phantom.label == subject.label
        assert bool(record.nodules) == (record.label != "normal")
        assert record.spacing_mm == phantom.spacing_mm
        assert record.age
        assert record.sex
        assert record.birads
        assert record.device
        if format == "dicom":
            assert frame.spacing_mm == pytest.approx(record.spacing_mm, rel=1e-9)
            assert frame.attributes["patient_id"] == record.patient_id
        else:
            assert frame.spacing_mm is None


def test_a_patient_has_one_label_scanner_and_side() -> None:
    views: dict[str, set[tuple[str, str, str, str | None]]] = {}
    for number in range(12):
        phantom, subject, _ = phantom_of(Plan(3, size=SMALL), number)
        histology = phantom.nodules[0].histology if phantom.nodules else None
        views.setdefault(subject.patient_id, set()).add((phantom.label, phantom.scanner, phantom.side, histology))
    assert all(len(facts) == 1 for facts in views.values())


@pytest.mark.parametrize("seed", [0, 1, 2, 99])
def test_equal_shares_are_equal_every_18_images(seed: int) -> None:
    subjects = [subject_of(seed, k)[0] for k in range(180)]
    for start in range(0, 180, 18):
        assert set(Counter(s.label for s in subjects[start : start + 18]).values()) == {6}
    views = Counter(s.number for s in subjects)
    assert Counter(views.values()) == {1: 30, 2: 30, 3: 30}
    assert all(views[s.number] == s.views for s in subjects)


def test_other_shares() -> None:
    labels = Counter(subject_of(4, k, (2, 1, 1))[0].label for k in range(900))
    assert labels["benign"] == pytest.approx(450, abs=25)
    assert labels["malignant"] == pytest.approx(225, abs=25)
    assert {subject_of(4, k, (0, 1, 0))[0].label for k in range(50)} == {"malignant"}


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"count": 0}, "count 0"),
        ({"shares": (0, 0, 0)}, "shares"),
        ({"shares": (1, -1, 1)}, "shares"),
        ({"format": "tiff"}, "png or dicom"),
        ({"cine": 8}, "dicom"),
        ({"cine": 1, "format": "dicom"}, "2 or more"),
    ],
)
def test_impossible_datasets(tmp_path: Path, arguments: dict, named: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ConfigError, match=named):
        write_dataset(tmp_path, **({"count": 3, "seed": 0} | arguments))
    assert not (tmp_path / "dataset.json").exists()


def test_a_dataset_is_not_overwritten(tmp_path: Path) -> None:
    write_dataset(tmp_path, 1, 0, size=SMALL)
    with pytest.raises(DataError, match="already"):
        write_dataset(tmp_path, 1, 0, size=SMALL)


def test_the_sweep_crosses_the_nodule() -> None:
    frames = list(simulate_cine(3, 9, label="malignant", scanner="L12-smooth", size=(128, 160)))
    areas = [frame.nodules[0].box.area for frame in frames]
    assert max(areas) == max(areas[3:6])
    assert areas[0] < 0.4 * max(areas)
    assert areas[-1] < 0.4 * max(areas)
    pixels = [frame.pixels.astype(float).ravel() for frame in frames]
    near, far = np.corrcoef(pixels[4], pixels[5])[0, 1], np.corrcoef(pixels[0], pixels[8])[0, 1]
    assert 0.98 > near > far + 0.1
    assert len({frame.spacing_mm for frame in frames}) == 1


def test_a_sweep_through_a_normal_breast_shows_nothing() -> None:
    assert all(not f.nodules and f.label == "normal" for f in simulate_cine(3, 3, label="normal", size=SMALL))


def test_one_frame_is_no_sweep() -> None:
    with pytest.raises(ConfigError, match="2 or more"):
        list(simulate_cine(3, 1, size=SMALL))


def test_cine_loops_beside_a_dataset(tmp_path: Path) -> None:
    write_dataset(tmp_path, 4, 1, "dicom", size=SMALL, cine=4)
    dataset = load(tmp_path)
    patients = {record.patient_id for record in dataset.records}
    assert {p.stem for p in (tmp_path / "cine").glob("*.dcm")} == patients
    for patient in patients:
        truth = json.loads((tmp_path / "cine" / f"{patient}.json").read_text())
        frames = list(read_frames(tmp_path / "cine" / f"{patient}.dcm"))
        assert len(frames) == len(truth["frames"]) == 4
        assert all(f.spacing_mm == pytest.approx(truth["spacing_mm"]) for f in frames)
        assert not np.array_equal(frames[0].pixels, frames[1].pixels)
        assert all(bool(boxes) == (truth["label"] != "normal") for boxes in truth["frames"])


def test_boxes_are_in_region_coordinates_under_a_banner(tmp_path: Path) -> None:
    phantom = simulate(2, label="benign", size=SMALL)
    path = write_image(tmp_path / "a.dcm", phantom, Exam("k"), banner=21)
    frame = read(path)
    assert np.array_equal(frame.pixels, phantom.pixels)
    assert frame.region is not None
    assert frame.region.as_list() == [0, 21, SMALL[1], SMALL[0]]


def test_the_header_follows_from_the_seed(tmp_path: Path) -> None:
    import pydicom

    write_dataset(tmp_path, 6, 9, "dicom", size=SMALL, cine=2)
    heads = [pydicom.dcmread(p, stop_before_pixels=True) for p in sorted((tmp_path / "images").iterdir())]
    loops = [pydicom.dcmread(p, stop_before_pixels=True) for p in sorted((tmp_path / "cine").glob("*.dcm"))]
    assert len({h.SOPInstanceUID for h in heads + loops}) == len(heads) + len(loops)
    studies: dict[str, set[str]] = {}
    for head in heads + loops:
        studies.setdefault(head.PatientID, set()).add(head.StudyInstanceUID)
    assert all(len(uids) == 1 for uids in studies.values())
    assert len(set.union(*studies.values())) == len(studies)
    assert loops[0].NumberOfFrames == 2
    assert loops[0].FrameTime == 50
    assert loops[0].SOPClassUID.name == "Ultrasound Multi-frame Image Storage"
    assert heads[0].SequenceOfUltrasoundRegions[0].PhysicalUnitsXDirection == 3


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy (Debian package dicom3tools) is not installed")
def test_dciodvfy_finds_no_error(tmp_path: Path) -> None:
    still = write_image(tmp_path / "a.dcm", simulate(1, size=SMALL), Exam("k", age=44), banner=20)
    loop = write_cine(tmp_path / "b.dcm", list(simulate_cine(1, 3, size=SMALL)), Exam("k", age=44), 50.0)
    for path in (still, loop):
        checked = subprocess.run(["dciodvfy", "-new", str(path)], capture_output=True, text=True, check=False)
        assert "Error" not in checked.stderr + checked.stdout, checked.stderr
        assert checked.returncode == 0


def test_the_command(tmp_path: Path) -> None:
    from usnet.cli.app import app

    out = tmp_path / "set"
    arguments = [
        "phantom",
        str(out),
        "--count",
        "4",
        "--seed",
        "3",
        "--size",
        "96x112",
        "--jobs",
        "1",
        "--shares",
        "0,1,0",
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "4 images (4 malignant)" in result.output
    assert len(list((out / "images").glob("*.png"))) == 4


@pytest.mark.parametrize("wrong", [["--shares", "1,2"], ["--size", "96"], ["--scanner", "L0"], ["--format", "bmp"]])
def test_the_command_refuses(tmp_path: Path, wrong: list[str]) -> None:
    from usnet.cli.app import app

    result = CliRunner().invoke(app, ["phantom", str(tmp_path / "x"), "--count", "1", "--jobs", "1", *wrong])
    assert isinstance(result.exception, ConfigError)
