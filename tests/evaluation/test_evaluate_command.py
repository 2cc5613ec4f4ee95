"""The command from images to report, with the tiny bundle on drawn spots."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from helpers.tiny_bundle import dark_spots, tiny_bundle
from usnet.cli.app import app
from usnet.datasets.records import Dataset, ImageRecord, save
from usnet.errors import UsnetError
from usnet.values import Box, Nodule

pytest.importorskip("matplotlib", reason="figures need the evaluate extra")
pytest.importorskip("onnx", reason="the tiny bundle is built with onnx")


@pytest.fixture
def spots(tmp_path: Path) -> Path:
    """Twelve images: dark spots are malignant, grey ones benign, empty ones normal; two belong to another split."""
    root = tmp_path / "data"
    (root / "images").mkdir(parents=True)
    records = []
    rng = np.random.default_rng(0)
    for number in range(12):
        label = ("malignant", "benign", "normal")[number % 3]
        x, y = (int(v) * 8 + 4 for v in rng.integers(6, 24, 2))
        spots = [] if label == "normal" else [(x, y)]
        pixels = dark_spots(spots, [5 if label == "malignant" else 70] * len(spots))
        Image.fromarray(pixels).save(root / "images" / f"{number}.png")
        nodules = tuple(Nodule(Box(x - 24, y - 24, 48, 48), label) for x, y in spots)  # type: ignore[arg-type]
        split = "train" if number >= 10 else "test"
        records.append(
            ImageRecord(number, f"{number}.png", 256, 256, label, nodules, patient_id=f"p{number}", split=split)  # type: ignore[arg-type]
        )
    save(Dataset(root, "spots", tuple(records)))
    return root


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_images_to_report_and_again_from_predictions(spots: Path, tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "bundle")
    output = run(bundle, "--data", spots, "--out", tmp_path / "one", "--bootstrap", 20)
    assert "malignant v benign" in output
    assert "mAP (11 points, IoU 0.5)" in output
    first = json.loads((tmp_path / "one/metrics.json").read_text())
    assert first["counts"]["images"] == 10
    assert first["operating_point"]["name"] == "balanced"
    found = {(m["name"], m["subject"]): m["value"] for m in first["metrics"] if m["averaging"] == "raw"}
    assert found["sensitivity", "normal v rest"] == 1
    assert found["localisation", "nodule"] == 1
    for path in (spots / "images").glob("*.png"):
        path.unlink()  # a second evaluation reads no image
    stored = tmp_path / "one/predictions.jsonl"
    run(bundle, "--data", spots, "--out", tmp_path / "two", "--bootstrap", 20, "--predictions", stored)
    assert json.loads((tmp_path / "two/metrics.json").read_text()) == first


def test_failures_are_drawn_worst_first(spots: Path, tmp_path: Path) -> None:
    from usnet.cli.evaluate import select
    from usnet.datasets.records import load
    from usnet.reports.evaluation_predictions import read_predictions
    from usnet.reports.figures.failures import failures_figure

    bundle, out = tiny_bundle(tmp_path / "bundle"), tmp_path / "out"
    run(bundle, "--data", spots, "--out", out, "--bootstrap", 0)
    arguments = [str(spots), str(out / "predictions.jsonl"), "-o", str(tmp_path / "worst.png"), "--count", "3"]
    drawn = CliRunner().invoke(app, ["figure", "failures", *arguments])
    assert drawn.exit_code == 0, drawn.output
    assert Image.open(tmp_path / "worst.png").width == 1800
    chosen = select(load(spots), "test")
    figure = failures_figure(chosen, read_predictions(out / "predictions.jsonl", chosen), count=9, columns=3)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    given = [float(title.split("given ")[1].split(";")[0]) for title in titles if title]
    assert len(given) == 9
    assert given == sorted(given)
    dashed = [p.get_linestyle() for axes in figure.axes for p in axes.patches]
    assert set(dashed) == {"-", "--"}


def test_another_operating_point_and_split(spots: Path, tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "bundle")
    out = tmp_path / "out"
    run(bundle, "--data", spots, "--out", out, "--split", "all", "--operating-point", "deaf", "--bootstrap", 0)
    document = json.loads((out / "metrics.json").read_text())
    assert document["counts"]["images"] == 12
    found = {(m["name"], m["subject"]): m["value"] for m in document["metrics"]}
    assert found["sensitivity", "nodule found"] == 0
    with pytest.raises(UsnetError, match="operating point 'deaf'"):
        run(bundle, "--data", spots, "--out", out, "--split", "all", "--predictions", out / "predictions.jsonl")
    with pytest.raises(UsnetError, match="no image in split 'val'"):
        run(bundle, "--data", spots, "--out", out, "--split", "val")
    with pytest.raises(UsnetError, match="--split 'holdout'"):
        run(bundle, "--data", spots, "--out", out, "--split", "holdout")


def test_a_broken_image_is_named_and_the_rest_measured(spots: Path, tmp_path: Path) -> None:
    (spots / "images/0.png").write_bytes(b"")
    arguments = [tiny_bundle(tmp_path / "bundle"), "--data", spots, "--out", tmp_path / "out", "--bootstrap", 0]
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)])
    assert result.exit_code == 5
    assert "not diagnosed" in result.output
    document = json.loads((tmp_path / "out/metrics.json").read_text())
    assert document["counts"]["images"] == 9
    assert document["left_out"]["undiagnosed"] == ["0.png"]
