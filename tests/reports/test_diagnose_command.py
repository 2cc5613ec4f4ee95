"""``usnet diagnose`` and ``usnet model`` from the outside: files, exit codes, one line an error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.tiny_bundle import dark_spots, tiny_bundle, tiny_model
from helpers.tiny_dicom import write_dicom
from usnet.bundles import loading
from usnet.cli import main
from usnet.datasets.records import Dataset, ImageRecord
from usnet.datasets.records import save as save_dataset
from usnet.reports.csv_table import read_rows
from usnet.reports.one_json import read_json

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny.zip")


@pytest.fixture
def usnet(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process: exit code, stdout, stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["usnet", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        said = capsys.readouterr()
        return int(caught.value.code or 0), said.out, said.err

    return run


def image(path: Path, *spots: tuple[float, float], darkness: int = 10) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(dark_spots(spots, [darkness] * len(spots))).save(path)
    return path


def test_a_folder_to_every_output(usnet: Run, bundle: Path, tmp_path: Path) -> None:
    exam, out = tmp_path / "exam", tmp_path / "out"
    image(exam / "n1-l.png", (124, 124))
    image(exam / "n1-r.png", (60, 60))
    image(exam / "sub" / "n1-l.png")
    write_dicom(exam / "cine.dcm", np.stack([dark_spots(), dark_spots((), ())]))
    code, said, _ = usnet(
        "diagnose", exam, "-o", out, "--bundle", bundle, "--group-by", "name", "--report", out / "run.json"
    )
    assert code == 0
    assert "5 images: 0 benign, 3 malignant, 2 normal" in said
    rows = list(read_rows(out / "diagnoses.csv"))
    assert [(row["id"], row["label"]) for row in rows] == [
        ("cine.dcm#0000", "malignant"),
        ("cine.dcm#0001", "normal"),
        ("n1-l.png", "malignant"),
        ("n1-r.png", "malignant"),
        ("sub/n1-l.png", "normal"),
    ]
    stems = ["cine-0000", "cine-0001", "n1-l", "n1-r", "sub-n1-l"]
    assert sorted(p.name for p in (out / "json").iterdir()) == [f"{stem}.json" for stem in stems]
    assert sorted(p.name for p in (out / "overlays").iterdir()) == [f"{stem}.png" for stem in stems]
    assert len(json.loads((out / "findings.json").read_text())) == 3
    assert len(json.loads((out / "findings-images.json").read_text())["images"]) == 5
    assert read_json(out / "json" / "n1-l.json").group == "n1"
    groups = list(read_rows(out / "groups.csv"))
    assert [(g["group"], g["views"], g["label"]) for g in groups] == [
        ("cine", "2", "malignant"),
        ("n1", "2", "malignant"),
        ("sub/n1", "1", "normal"),
    ]
    run = json.loads((out / "run.json").read_text())
    assert [(i["frames"], i["error"]) for i in run["inputs"]] == [(2, None), (1, None), (1, None), (1, None)]
    assert run["model"]["name"] == "tiny-test"
    assert run["counts"] == {"malignant": 3, "normal": 2, "failed": 0}
    assert (run["exit_code"], run["command"][1]) == (0, "diagnose")
    assert "Opinions over several views" in (out / "report.html").read_text()
    assert not list(out.rglob("*.partial"))


def test_bad_inputs_are_one_line_each_and_the_rest_goes_on(usnet: Run, bundle: Path, tmp_path: Path) -> None:
    exam, out = tmp_path / "exam", tmp_path / "out"
    good = image(exam / "good.png", (124, 124))
    (exam / "cut.png").write_bytes(good.read_bytes()[:150])
    (exam / "empty.png").write_bytes(b"")
    (exam / "text.png").write_text("this is text")
    head = bytearray(good.read_bytes())
    head[16:24] = (65_000).to_bytes(4, "big") * 2
    (exam / "huge.png").write_bytes(head)
    (exam / "nopixels.dcm").write_bytes(b"\0" * 128 + b"DICM")
    code, said, err = usnet(
        "diagnose", exam, tmp_path / "missing.png", "-o", out, "--bundle", bundle, "--report", tmp_path / "run.json"
    )
    assert code == 5
    assert "1 images: 0 benign, 1 malignant, 0 normal; 6 failed" in said
    lines = [line for line in err.splitlines() if line.startswith("usnet: ")]
    assert len(lines) == 6
    rows = {Path(str(row["image"])).name: row for row in read_rows(out / "diagnoses.csv")}
    assert len(rows) == 7
    assert rows.pop("good.png")["error"] is None
    for name, row in rows.items():
        assert row["error"], name
        assert row["label"] is None
        assert any(name in line for line in lines)
    page = (out / "report.html").read_text()
    assert all(name in page for name in rows)
    run = json.loads((tmp_path / "run.json").read_text())
    assert sum(i["error"] is not None for i in run["inputs"]) == 6
    assert all(i["sha256"] for i in run["inputs"] if not i["source"].endswith("missing.png"))


def test_no_input_readable(usnet: Run, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_text("text")
    code, said, _ = usnet("diagnose", tmp_path / "bad.png", "-o", tmp_path / "out", "--bundle", bundle)
    assert code == 3
    assert "0 images" in said
    assert len(list(read_rows(tmp_path / "out" / "diagnoses.csv"))) == 1
    (tmp_path / "nothing").mkdir()
    code, _, err = usnet("diagnose", tmp_path / "nothing", "-o", tmp_path / "out2", "--bundle", bundle)
    assert code == 3
    assert "no images here" in err


def test_no_model(usnet: Run, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = image(tmp_path / "a.png")
    monkeypatch.setattr(loading, "SHIPPED", tmp_path / "none")
    flipped = bytearray(bundle.read_bytes())
    flipped[len(flipped) // 2] ^= 1
    (tmp_path / "flipped.zip").write_bytes(flipped)
    for more in ([], ["--bundle", tmp_path / "none.zip"], ["--bundle", tmp_path / "flipped.zip"]):
        code, _, err = usnet("diagnose", path, "-o", tmp_path / "out", *more)
        assert code == 4
        assert err.startswith("usnet: ")
        assert len(err.splitlines()) == 1
    assert "model.onnx" in err
    assert not (tmp_path / "out").exists()


def test_usage_errors(usnet: Run, bundle: Path, tmp_path: Path) -> None:
    path = image(tmp_path / "a.png")
    base = ("diagnose", path, "-o", tmp_path / "out", "--bundle", bundle)
    for option, value in (("--group-by", "study"), ("--engine", "cuda"), ("--operating-point", "loud")):
        code, _, err = usnet(*base, option, value)
        assert code == 2
        assert "expected one of" in err


def test_earlier_results_are_not_overwritten_by_accident(usnet: Run, bundle: Path, tmp_path: Path) -> None:
    first, second, out = image(tmp_path / "a.png"), image(tmp_path / "b.png"), tmp_path / "out"
    assert usnet("diagnose", first, "-o", out, "--bundle", bundle)[0] == 0
    (out / "notes.txt").write_text("mine")
    code, _, err = usnet("diagnose", second, "-o", out, "--bundle", bundle)
    assert code == 2
    assert "--overwrite" in err
    assert usnet("diagnose", second, "-o", out, "--bundle", bundle, "--overwrite", "--no-overlays")[0] == 0
    assert [p.name for p in (out / "json").iterdir()] == ["b.json"]
    assert not list((out / "overlays").iterdir())
    assert (out / "notes.txt").read_text() == "mine"


def test_a_dataset_keeps_its_ids(usnet: Run, bundle: Path, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        image(tmp_path / "data" / "images" / name, (124, 124))
    records = [
        ImageRecord(number, name, 256, 256, None, patient_id="P") for number, name in ((12, "a.png"), (5, "b.png"))
    ]
    save_dataset(Dataset(tmp_path / "data", "made up", tuple(records)))
    out = tmp_path / "out"
    assert usnet("diagnose", tmp_path / "data", "-o", out, "--bundle", bundle, "--group-by", "patient")[0] == 0
    assert [row["image_id"] for row in json.loads((out / "findings.json").read_text())] == [12, 5]
    (group,) = read_rows(out / "groups.csv")
    assert (group["group"], group["views"], group["rule"]) == ("P", "2", "worst-view")


def test_model_commands(usnet: Run, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, said, _ = usnet("model", "info", bundle)
    assert code == 0
    assert "balanced, default" in said
    code, said, _ = usnet("model", "info", bundle, "--json")
    assert json.loads(said)["name"] == "tiny-test"
    code, said, _ = usnet("model", "verify", bundle)
    assert code == 0
    assert "batches agree" in said
    bad = tiny_bundle(tmp_path / "bad", model=tiny_model(bias=float("nan")))
    assert usnet("model", "verify", bad)[0] == 4
    monkeypatch.setattr(loading, "SHIPPED", tmp_path)
    tiny_bundle(tmp_path / "usnet-fast")
    assert usnet("model", "list")[1].startswith("usnet-fast  ")
    assert usnet("model", "info")[0] == 0


def test_no_torch_no_matplotlib_no_network(bundle: Path, tmp_path: Path) -> None:
    """In a process of its own: diagnosing one PNG loads nothing that a base install lacks, nor pydicom."""
    path = image(tmp_path / "a.png", (124, 124))
    script = (
        "import sys, socket; from usnet.cli import main\n"
        "socket.socket = None\n"
        f"sys.argv = ['usnet', 'diagnose', {str(path)!r}, '-o', {str(tmp_path / 'out')!r}, '--bundle', {str(bundle)!r}]\n"
        "try: main()\n"
        "except SystemExit as done: code = done.code\n"
        "heavy = {'torch', 'torchvision', 'lightning', 'matplotlib', 'sklearn', 'pydicom', 'onnx'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
