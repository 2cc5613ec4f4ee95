"""The dataset and run browser over HTTP: what it shows, and what it never opens."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from helpers.annotation import dataset
from helpers.web_client import account, api, browser, post, run_jobs, signed_in, workplace
from usnet.datasets.check import check_dataset
from usnet.datasets.records import Dataset, load
from usnet.reports.comparison_runs import read_run, write_truth
from usnet.reports.evaluation_predictions import write_predictions
from usnet.values import Box, Diagnosis, Finding, ModelIdentity, OperatingPoint
from usnet.web.browse.charts import _ticks, chart
from usnet.web.browse.failures import failures
from usnet.web.browse.places import inside, safe_file, spots
from usnet.web.workplace import Workplace

POINT = OperatingPoint("balanced", 0.3, 0.5, "made up")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
def place(tmp_path: Path, root: Path) -> Workplace:
    return workplace(tmp_path / "data", roots=(str(root),))


@pytest.fixture
def client(place: Workplace) -> TestClient:
    return browser(place)


def opinion(data: Dataset, row: int, p: tuple[float, float, float], *boxes: Box) -> Diagnosis:
    record = data.records[row]
    label = ("benign", "malignant", "normal")[max(range(3), key=lambda i: p[i])]
    found = tuple(Finding(b, 0.9, 0.8, (0.2, 0.8), "malignant") for b in boxes)
    return Diagnosis(
        record.file_name, str(data.path(record)), record.width, record.height, found, *p,
        label, POINT, ModelIdentity("made-up", "0" * 64), 0.1, found,
    )  # type: ignore[arg-type]  # fmt: skip


def evaluation(root: Path, data: Dataset) -> Path:
    """A folder as ``usnet evaluate`` leaves it: image 1 right, 2 wrong and missed, 3 a wrong box."""
    folder = root / "run"
    results = [
        opinion(data, 0, (0.1, 0.8, 0.1), Box(11, 8, 30, 20)),
        opinion(data, 1, (0.02, 0.08, 0.9)),
        opinion(data, 2, (0.1, 0.2, 0.7), Box(50, 40, 10, 10)),
    ]
    write_truth(folder, data)
    write_predictions(folder / "predictions.jsonl", data, results)
    rows = [
        {
            "name": "auc",
            "subject": "malignant v benign",
            "value": 0.75,
            "subgroup": "all",
            "averaging": "raw",
            "intervals": [],
            "note": "=1+1",
        }
    ]
    (folder / "metrics.json").write_text(json.dumps({"metrics": rows}))
    return folder


def spot(place: Workplace, kind: str) -> str:
    return next(s.id for s in spots(place) if s.kind == kind)


def test_a_dataset_is_checked_by_a_worker(client: TestClient, place: Workplace, root: Path) -> None:
    folder = dataset(root, 6)
    copy = folder / "images" / "image-0006.png"
    copy.write_bytes((folder / "images" / "image-0001.png").read_bytes())
    page = f"/browse/{spot(place, 'dataset')}"
    assert "Check this dataset" in client.get(page).text
    assert post(client, f"{page}/look", page).status_code == 200
    assert client.get(f"{page}/progress").headers.get("hx-refresh") is None
    assert run_jobs(place) == 1
    assert client.get(f"{page}/progress").headers["hx-refresh"] == "true"
    text = client.get(page).text
    report = check_dataset(folder, jobs=1)
    for problem in report.problems:
        assert problem.kind.replace("-", " ") in text
    twins = text[text.index('class="twins"') :]
    assert "image-0001.png" in twins
    assert "image-0006.png" in twins
    assert twins.count("<image href=") >= 2
    address = twins.partition('<image href="')[2].partition('"')[0]
    assert client.get(address).headers["content-type"] == "image/jpeg"
    assert "malignant" in text[text.index("Class balance") :]


def test_failures_by_loss_and_error(client: TestClient, place: Workplace, root: Path) -> None:
    data = load(dataset(root, 3))
    folder = evaluation(root, data)
    rows = failures(read_run(folder))
    assert [r["name"] for r in rows] == ["image-0002.png", "image-0003.png", "image-0001.png"]
    assert [r["loss"] for r in rows] == pytest.approx([-math.log(0.02), -math.log(0.7), -math.log(0.8)])
    assert [(r["missed"], r["extra"], r["error"]) for r in rows] == [(1, 0, 2), (0, 1, 1), (0, 0, 0)]
    page = f"/browse/{spot(place, 'evaluation')}"
    assert "0.750" in client.get(page).text
    post(client, f"{page}/look", page)
    run_jobs(place)
    text = client.get(page).text
    assert text.index("image-0002.png") < text.index("image-0003.png") < text.index("image-0001.png")
    by_extra = client.get(f"{page}?sort=extra").text
    assert by_extra.index("image-0003.png") < by_extra.index("image-0002.png")
    assert text.count("<image href=") == 3
    assert client.get(f"{page}?sort=size").status_code == 422


def test_pictures_outside_the_roots_are_not_shown(
    client: TestClient, place: Workplace, root: Path, tmp_path: Path
) -> None:
    data = load(dataset(tmp_path / "elsewhere", 3))
    evaluation(root, data)
    page = f"/browse/{spot(place, 'evaluation')}"
    post(client, f"{page}/look", page)
    run_jobs(place)
    text = client.get(page).text
    assert "image-0002.png" in text
    assert "<image href=" not in text


def test_curves_of_a_training_run(client: TestClient, place: Workplace, root: Path) -> None:
    (root / "training").mkdir()
    (root / "training" / "config.toml").write_text("epochs = 2  # <script>\n")
    lines = ["epoch,step,train/loss,val/loss,val/auc", "0,1,2.0,,", "0,1,,1.5,0.6", "1,2,1.0,1.25,0.75"]
    (root / "training" / "metrics.csv").write_text("\n".join(lines) + "\n")
    text = client.get(f"/browse/{spot(place, 'training')}").text
    assert text.count("<polyline") == 3
    assert "val/auc" in text
    assert "last 0.75" in text
    assert "&lt;script&gt;" in text


def test_charts_leave_out_what_is_no_number() -> None:
    drawn = chart("Loss", {"a": [(0, 1.0), (1, float("nan")), (2, 3.0)], "b": []})
    assert drawn is not None
    assert [line.name for line in drawn.lines] == ["a"]
    assert drawn.lines[0].points.count(",") == 2
    assert chart("Loss", {"a": [(0, float("inf"))]}) is None
    assert _ticks(0, 1) == [0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert chart("flat", {"a": [(3, 0.0)]}) is not None


@pytest.mark.parametrize("kind", ["..", "../../etc", "%2e%2e", "0" * 32, "dataset", "x" * 5000, "0" * 31 + "%00"])
def test_no_path_is_taken_from_the_browser(client: TestClient, root: Path, kind: str) -> None:
    dataset(root, 1)
    for path in (
        f"/browse/{kind}",
        f"/browse/{kind}/figures/roc",
        f"/browse/pictures/{kind}",
        f"/browse/{kind}/figures/..%2f..%2fsecret",
    ):
        answer = client.get(path)
        assert answer.status_code in (404, 422, 200)
        assert answer.status_code != 200 or answer.url.path in ("/", "/browse"), path


def test_links_that_lead_out_are_not_followed(place: Workplace, root: Path, tmp_path: Path) -> None:
    outside = dataset(tmp_path / "outside", 1)
    (root / "link").symlink_to(outside)
    assert spots(place) == []
    assert not inside(place, root / "link")
    assert not inside(place, root / ".." / "data")
    assert inside(place, root)
    for name in ("../x", "/etc/passwd", "a/../../x", "", ".", "\0"):
        with pytest.raises(Exception, match="file name"):
            safe_file(root, name)
    figures = dataset(root, 1).parent / "run" / "figures"
    figures.mkdir(parents=True)
    (root / "run" / "predictions.jsonl").write_text("{}")
    (root / "run" / "truth.json").write_text("{}")
    (figures / "roc.png").symlink_to(outside / "images" / "image-0001.png")
    client = browser(place)
    assert client.get(f"/browse/{spot(place, 'evaluation')}/figures/roc").status_code == 404


def test_a_broken_run_is_told_in_words(client: TestClient, place: Workplace, root: Path) -> None:
    (root / "run").mkdir()
    for name in ("predictions.jsonl", "truth.json", "metrics.json"):
        (root / "run" / name).write_text("no json")
    page = f"/browse/{spot(place, 'evaluation')}"
    assert client.get(page).status_code == 200
    post(client, f"{page}/look", page)
    run_jobs(place)
    assert "could not be read" in client.get(page).text


def test_without_roots_there_is_nothing(tmp_path: Path) -> None:
    bare = workplace(tmp_path / "bare")
    assert spots(bare) == []
    assert "--root" in browser(bare).get("/browse").text


@pytest.mark.parametrize("role", ["viewer", "annotator", "reader"])
def test_only_administrators_browse(tmp_path: Path, root: Path, role: str) -> None:
    dataset(root, 1)
    place = workplace(tmp_path / "login", login=True, roots=(str(root),))
    account(place, "Ada", "administrator")
    account(place, "Bo", role)  # type: ignore[arg-type]
    client, found = signed_in(place, "Bo"), spot(place, "dataset")
    for path in ("/browse", f"/browse/{found}", f"/browse/{found}/progress", "/browse/pictures/" + "0" * 64):
        assert client.get(path).status_code == 403
    assert client.post(f"/browse/{found}/look", headers=api(client)).status_code == 403
    assert signed_in(place, "Ada").get(f"/browse/{found}").status_code == 200


def test_names_are_text(client: TestClient, place: Workplace, root: Path) -> None:
    names = ["<script>alert(1)<!--.png", "b.png"]
    folder = dataset(root, 2, name="<img src=x>", names=names)
    (folder / "images" / names[1]).write_bytes((folder / "images" / names[0]).read_bytes())
    page = f"/browse/{spot(place, 'dataset')}"
    post(client, f"{page}/look", page)
    run_jobs(place)
    for path in ("/browse", page, "/annotate"):
        text: Any = client.get(path).text
        assert "<script>alert" not in text
        assert "<img src=x>" not in text
