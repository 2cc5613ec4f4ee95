from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from helpers.opinions import opinion, record, study
from usnet.datasets.records import Dataset
from usnet.errors import DataError
from usnet.evaluation import Evaluation, evaluate
from usnet.evaluation.summary import finding_text, paper_table
from usnet.reports.evaluation_predictions import read_predictions, write_predictions
from usnet.values import Failure

pytest.importorskip("matplotlib", reason="figures need the evaluate extra")
from usnet.evaluation.figures import draw, svg
from usnet.reports.evaluation import page, write_evaluation


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Evaluation, Path]:
    out = tmp_path_factory.mktemp("evaluation")
    evaluation = evaluate(*study(160, seed=4), bootstrap=60)
    write_evaluation(evaluation, out)
    return evaluation, out


def test_json_and_csv_hold_every_number(written: tuple[Evaluation, Path]) -> None:
    evaluation, out = written
    document = json.loads((out / "metrics.json").read_text())
    assert len(document["metrics"]) == len(evaluation.metrics)
    assert document["metrics"][0]["intervals"][0]["method"].endswith("trials in 80 clusters")
    assert document["confusion"]["rows_truth_columns_call"] == [list(r) for r in evaluation.confusion]
    with (out / "metrics.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == sum(max(1, len(m.intervals)) for m in evaluation.metrics)
    recall = next(r for r in rows if r["metric"] == "recall" and r["subject"] == "malignant v rest")
    metric = evaluation.metric("recall", "malignant v rest")
    assert float(recall["value"]) == metric.value
    assert (float(recall["numerator"]), float(recall["low"])) == (metric.numerator, metric.interval.low)


def test_curves_can_be_drawn_again(written: tuple[Evaluation, Path]) -> None:
    evaluation, out = written
    curves = json.loads((out / "curves.json").read_text())
    roc = curves["roc"]["malignant v benign"]
    assert roc["thresholds"][0] is None
    area = sum(
        (b - a) * (y + z) / 2
        for a, b, y, z in zip(
            [1 - s for s in roc["specificity"]],
            [1 - s for s in roc["specificity"][1:]],
            roc["sensitivity"],
            roc["sensitivity"][1:],
            strict=False,
        )
    )
    assert area == pytest.approx(evaluation.metric("auc", "malignant v benign").value)


def test_figures_are_vector_and_raster(written: tuple[Evaluation, Path]) -> None:
    _, out = written
    names = {p.stem for p in (out / "figures").glob("*.svg")}
    assert names == {"roc", "precision_recall", "froc", "reliability", "confusion"}
    for name in names:
        root = ElementTree.parse(out / "figures" / f"{name}.svg").getroot()
        assert root.tag.endswith("svg")
        assert (out / "figures" / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    assert "malignant v benign: AUC" in (out / "figures/roc.svg").read_text()


def test_the_page_stands_alone(written: tuple[Evaluation, Path]) -> None:
    evaluation, out = written
    content = (out / "report.html").read_text()
    assert content.count("<svg") == 5
    outside = re.findall(r'(?:src|href)="(?!#)([^"]*)"', content)
    assert not [link for link in outside if not link.startswith("data:")]
    assert "<script" not in content
    for row in paper_table(evaluation, "raw"):
        for cell in row.cells:
            assert cell in content
    assert "Not a medical device" in content
    assert evaluation.operating_point.origin in content


def test_the_same_evaluation_gives_the_same_figures(written: tuple[Evaluation, Path], tmp_path: Path) -> None:
    evaluation, out = written
    write_evaluation(evaluation, tmp_path)
    assert (tmp_path / "figures/roc.svg").read_text() == (out / "figures/roc.svg").read_text()
    assert (tmp_path / "metrics.json").read_text() == (out / "metrics.json").read_text()


@pytest.mark.parametrize("kind", ["no normals", "only normals", "nothing found"])
def test_odd_datasets_still_give_a_report(kind: str) -> None:
    if kind == "only normals":
        records = [record(i, "normal") for i in range(12)]
        data, opinions = Dataset(Path("x"), "odd", tuple(records)), [opinion(r, []) for r in records]
    else:
        data, opinions = study(40, seed=2, shares=(0.6, 0.4, 0.0))
        if kind == "nothing found":
            opinions = [opinion(r, []) for r in data.records]
    evaluation = evaluate(data, opinions, bootstrap=10)
    content = page(evaluation, [(name, svg(figure, name), "") for name, figure in draw(evaluation).items()])
    assert "not estimable" in content
    assert "confusion" in content
    assert finding_text(evaluation)
    assert not re.search(r"\bnan\b", content, re.IGNORECASE)


def test_text_from_outside_is_escaped() -> None:
    data, opinions = study(20, seed=1)
    hostile = Dataset(data.root, "<script>alert(1)</script>", data.records)
    content = page(evaluate(hostile, opinions, bootstrap=0), [])
    assert "alert(1)" in content
    assert "<script>" not in content


def test_predictions_come_back_without_loss(tmp_path: Path) -> None:
    data, opinions = study(12, seed=1)
    results = [*opinions[:-1], Failure("made_0011.png", "truncated")]
    path = write_predictions(tmp_path / "predictions.jsonl", data, results)
    assert read_predictions(path, data) == results


def test_predictions_of_other_data_are_refused(tmp_path: Path) -> None:
    data, opinions = study(12, seed=1)
    path = write_predictions(tmp_path / "predictions.jsonl", data, opinions)
    with pytest.raises(DataError, match="its records have changed"):
        read_predictions(path, data.with_records(data.records[1:]))
    path.write_text(path.read_text() + "{broken\n")
    with pytest.raises(DataError, match="row 14: not a JSON object"):
        read_predictions(path, data)
    path.write_text("{}\n")
    with pytest.raises(DataError, match="not a predictions file"):
        read_predictions(path, data)
    with pytest.raises(DataError, match="cannot be read"):
        read_predictions(tmp_path / "none.jsonl", data)
