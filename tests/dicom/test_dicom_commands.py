"""``usnet diagnose --to``, ``usnet dicom read-sr`` and ``usnet dicom validate`` from the outside."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

pytest.importorskip("highdicom", reason="the dicom extra is not installed")

from result_files import instance_of_file, source_file

from helpers.tiny_bundle import dark_spots, tiny_bundle
from usnet.cli import main
from usnet.dicom import make
from usnet.reports.csv_table import read_rows

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny.zip")


@pytest.fixture
def usnet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process: exit code, stdout, and stderr without the line that names the engine."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["usnet", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        said = capsys.readouterr()
        complaints = "".join(line for line in said.err.splitlines(keepends=True) if not line.startswith("Engine: "))
        return int(caught.value.code or 0), said.out, complaints

    return run


def spotted(path: Path, name: str, folder: Path, *, nodule: bool = True) -> Path:
    """A source with the picture in which the tiny bundle finds a nodule, or none."""
    dataset = pydicom.dcmread(source_file(name, folder))
    picture = dark_spots() if nodule else dark_spots((), ())
    count = int(dataset.get("NumberOfFrames", 1))
    dataset.Rows, dataset.Columns = picture.shape
    region = dataset.SequenceOfUltrasoundRegions[0]
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = picture.shape[1] - 1, picture.shape[0] - 1
    dataset.PixelData = np.stack([picture] * count).tobytes()
    path.parent.mkdir(exist_ok=True)
    dataset.save_as(path)
    return path


def test_an_exam_to_objects_and_a_second_run(usnet: Run, bundle: Path, tmp_path: Path) -> None:
    exam = tmp_path / "exam"
    spotted(exam / "a.dcm", "single", tmp_path)
    spotted(exam / "b.dcm", "cine", tmp_path, nodule=False)
    runs = []
    for number in range(2):
        out = tmp_path / f"out{number}"
        code, said, err = usnet("diagnose", exam, "-o", out, "--bundle", bundle, "--to", "sr,sc,pr,seg,ko,fhir")
        assert (code, err.strip()) == (0, "")
        assert "Objects: 9 made, 3 nothing" in said
        runs.append(list(read_rows(out / "dicom" / "objects.csv")))
    assert runs[0] == runs[1]
    by_state = {(row["source"][-5:], row["kind"]): row["state"] for row in runs[0]}
    assert [kind for (name, kind), state in by_state.items() if state == "nothing"] == ["pr", "seg", "ko"]
    files = {row["file"] for row in runs[0] if row["file"]}
    assert files == {p.name for p in (tmp_path / "out1" / "dicom").iterdir()} - {"objects.csv"}
    assert {"a-sr.dcm", "a-fhir.json", "b-sc.dcm"} <= files  # one file for a loop, not one a frame
    for row in runs[0]:
        if (row["file"] or "").endswith(".dcm"):
            assert pydicom.dcmread(tmp_path / "out1" / "dicom" / row["file"]).SOPInstanceUID == row["sop_instance_uid"]
    report = json.loads((tmp_path / "out1" / "dicom" / "b-fhir.json").read_text())
    assert report["conclusion"].startswith("No finding")
    code, _, err = usnet("diagnose", exam, "-o", tmp_path / "out1", "--bundle", bundle, "--to", "sr")
    assert (code, "--overwrite" in err) == (2, True)


def test_a_png_gets_a_row_with_the_reason(usnet: Run, bundle: Path, tmp_path: Path) -> None:
    exam, out = tmp_path / "exam", tmp_path / "out"
    spotted(exam / "a.dcm", "single", tmp_path)
    Image.fromarray(dark_spots()).save(exam / "b.png")
    (exam / "c.dcm").write_bytes(b"\0" * 128 + b"DICM")
    code, said, err = usnet("diagnose", exam, "-o", out, "--bundle", bundle, "--to", "sc,fhir")
    assert code == 5
    rows = {
        (Path(r["source"]).name, r["kind"]): (r["state"], r["reason"]) for r in read_rows(out / "dicom" / "objects.csv")
    }
    assert rows["a.dcm", "sc"] == ("made", None)
    assert rows["b.png", "sc"][0] == "failed"
    assert "not a DICOM file" in rows["b.png", "sc"][1]
    assert rows["b.png", "fhir"] == ("made", None)
    assert {rows["c.dcm", kind][0] for kind in ("sc", "fhir")} == {"failed"}
    assert "b.png: sc: not a DICOM file" in err
    assert len(err.strip().splitlines()) == 2
    assert "2 images" in said


def test_unknown_kinds_and_classes_are_usage_errors(usnet: Run, bundle: Path, tmp_path: Path) -> None:
    source = spotted(tmp_path / "exam" / "a.dcm", "single", tmp_path)
    for arguments in (("--to", "sr,bmp"), ("--to", ""), ("--to", "sr", "--sr-class", "basic")):
        code, _, err = usnet("diagnose", source, "-o", tmp_path / "out", "--bundle", bundle, *arguments)
        assert (code, len(err.strip().splitlines())) == (2, 1)
        assert not (tmp_path / "out").exists()


def test_a_missing_extra_is_told_before_anything_is_read(
    usnet: Run, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = spotted(tmp_path / "exam" / "a.dcm", "single", tmp_path)
    monkeypatch.setattr("usnet.extras.find_spec", lambda name: None)
    for kind, extra in (("sr", "dicom"), ("pdf", "pdf")):
        code, _, err = usnet("diagnose", source, "-o", tmp_path / kind, "--bundle", bundle, "--to", kind)
        assert (code, f"usnet[{extra}]" in err) == (2, True)
        assert not (tmp_path / kind).exists()


@pytest.mark.parametrize("name", ["banner", "cine", "palette"])
def test_read_sr_draws_on_the_whole_image(name: str, usnet: Run, tmp_path: Path) -> None:
    source = source_file(name, tmp_path)
    made = make(instance_of_file(source), "sr").dataset
    assert made is not None
    made.save_as(tmp_path / "sr.dcm")
    code, said, _ = usnet("dicom", "read-sr", tmp_path / "sr.dcm", "--image", source, "--out", tmp_path / "a.png")
    assert code == 0
    assert "Probability of cancer 81.25 %" in said
    assert "not verified" in said
    picture = np.asarray(Image.open(tmp_path / "a.png"))
    assert picture.shape[0] > 3 * (120 if name == "banner" else 96)  # 96 rows and a banner of 24, three times as large
    assert np.all(picture == (255, 176, 0), axis=-1).sum() > 100
    assert np.all(picture == (86, 180, 233), axis=-1).sum() > 100


def test_read_sr_of_a_report_without_findings_and_of_another_image(usnet: Run, tmp_path: Path) -> None:
    source, other = source_file("single", tmp_path), source_file("cine", tmp_path)
    for name, findings in (("full", True), ("empty", False)):
        made = make(instance_of_file(source, findings=findings), "sr").dataset
        assert made is not None
        made.save_as(tmp_path / f"{name}.dcm")
    out = tmp_path / "a.png"
    code, said, _ = usnet("dicom", "read-sr", tmp_path / "empty.dcm", "--image", source, "-o", out)
    assert (code, "without findings" in said, out.exists()) == (0, True, True)
    code, _, err = usnet("dicom", "read-sr", tmp_path / "full.dcm", "--image", other, "-o", out)
    assert (code, "marks nothing there" in err) == (3, True)
    code, _, err = usnet("dicom", "read-sr", source)
    assert (code, "no structured report" in err) == (3, True)


def test_validate_tells_errors_by_its_exit_code(usnet: Run, tmp_path: Path) -> None:
    source = source_file("cine", tmp_path)
    made = make(instance_of_file(source), "sr").dataset
    assert made is not None
    folder = tmp_path / "objects"
    folder.mkdir()
    made.save_as(folder / "good.dcm", enforce_file_format=True)
    code, said, _ = usnet("dicom", "validate", source, folder)
    assert (code, "2 files: 0 errors" in said) == (0, True)
    made.PreliminaryFlag = "FINAL"
    made.save_as(folder / "bad.dcm", enforce_file_format=True)
    code, said, _ = usnet("dicom", "validate", "--quiet", folder)
    assert code == 1
    assert "error, TID 1500: verification: FINAL, but UNVERIFIED" in said
    assert "good.dcm" not in said
    assert usnet("dicom", "validate", tmp_path / "missing")[0] == 3
