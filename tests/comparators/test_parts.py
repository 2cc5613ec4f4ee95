"""Pieces of the rivals, each against cases worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from usnet import images
from usnet.comparators.bundle import External
from usnet.comparators.features import FEATURES, features
from usnet.comparators.method import Budget
from usnet.comparators.overlap import one_box_a_nodule
from usnet.comparators.pool import pooled
from usnet.datasets.records import Dataset
from usnet.errors import DataError
from usnet.values import Box

pytestmark = pytest.mark.train


def test_one_box_a_nodule() -> None:
    boxes = np.array([[10, 10, 50, 50], [12, 10, 50, 50], [100, 100, 140, 130], [0, 0, 5, 5]])
    found = one_box_a_nodule(boxes, np.array([0, 1, 1, 0]), np.array([0.6, 0.8, 0.5, 0.001]))
    assert found.boxes.tolist() == [[12, 10, 50, 50], [100, 100, 140, 130]]
    assert found.class_scores[0] == pytest.approx([0.6, 0.8], abs=1e-5)
    assert found.class_scores[1] == pytest.approx([1e-4, 0.5], abs=1e-5)


def test_a_suppressed_neighbour_does_not_outshout_the_box_it_overlaps() -> None:
    """The second box is suppressed by the first, and overlaps the third, which is kept."""
    boxes = np.array([[0, 0, 100, 10], [40, 0, 140, 10], [72, 0, 172, 10]])
    found = one_box_a_nodule(boxes, np.array([0, 0, 1]), np.array([0.9, 0.8, 0.3]))
    assert found.boxes.tolist() == [[0, 0, 100, 10], [72, 0, 172, 10]]
    assert found.class_scores[1] == pytest.approx([0.3, 0.3], abs=1e-5)


def test_no_box_is_no_candidate() -> None:
    found = one_box_a_nodule(np.zeros((0, 4)), np.zeros(0, dtype=int), np.zeros(0))
    assert found.boxes.shape == (0, 4)
    assert found.logits.shape == (0, 2)


def test_pooled_datasets_stay_apart(phantoms: Dataset) -> None:
    from dataclasses import replace

    other = replace(phantoms, name="other")
    both = pooled([phantoms, other])
    assert len({r.image_id for r in both.records}) == 2 * len(phantoms.records)
    assert not {r.group for r in both.records[: len(phantoms.records)]} & {
        r.group for r in both.records[len(phantoms.records) :]
    }
    assert both.path(both.records[-1]) == other.path(other.records[-1]).resolve()
    with pytest.raises(DataError, match="different name"):
        pooled([phantoms, phantoms])


def _coco(dataset: Dataset, path: Path) -> Path:
    """The truth as another detector's results."""
    kinds = {"benign": 1, "malignant": 2}
    rows = [
        {"image_id": r.image_id, "category_id": kinds[str(n.pathology)], "bbox": n.box.as_list(), "score": 0.9}
        for r in dataset.records
        for n in r.nodules
    ]
    path.write_text(json.dumps(rows))
    return path


def test_external_results_come_back(phantoms: Dataset, budget: Budget, tmp_path: Path) -> None:
    method = External("other", "", "external", "", _coco(phantoms, tmp_path / "other.json"))
    fitted = method.fit(phantoms, budget=budget)
    assert not method.trains
    for record in phantoms.records:
        said = fitted.diagnose(images.read(phantoms.path(record)), record)
        assert len(said.candidates) == len(record.nodules)
        for finding, nodule in zip(said.candidates, record.nodules, strict=True):
            assert finding.box.iou(nodule.box) > 0.99
            assert (finding.class_scores[1] > finding.class_scores[0]) == (nodule.pathology == "malignant")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"image_id": 1, "category_id": 3, "bbox": [0, 0, 5, 5], "score": 0.5}, "category_id 3"),
        ({"image_id": 1, "category_id": 1, "bbox": [0, 0, 5, 5], "score": 1.5}, "score 1.5"),
        ({"image_id": 10**6, "category_id": 1, "bbox": [0, 0, 5, 5], "score": 0.5}, "image_id 1000000"),
        ({"image_id": 1, "category_id": 1, "bbox": [0, 0, -5, 5], "score": 0.5}, "negative"),
        ({"image_id": 1, "category_id": 1, "score": 0.5}, "bbox"),
        ("words", "TypeError"),
    ],
)
def test_bad_external_results(row: object, said: str, phantoms: Dataset, budget: Budget, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps([row]))
    with pytest.raises(DataError, match=rf"row 1.*{said}"):
        External("bad", "", "external", "", path).fit(phantoms, budget=budget)


@pytest.mark.parametrize("text", ["no json", "{}"])
def test_external_results_are_a_list(text: str, phantoms: Dataset, budget: Budget, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(DataError, match="COCO results"):
        External("bad", "", "external", "", path).fit(phantoms, budget=budget)


def test_features_have_names_and_survive_tiny_boxes() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120)).astype(np.uint8)
    assert np.isfinite(features(pixels, Box(30, 20, 40, 30), (0.1, 0.1))).sum() >= len(FEATURES) - 2
    assert np.isnan(features(pixels, Box(30, 20, 2, 2), None)).all()
    assert np.isnan(features(pixels, Box(-50, -50, 20, 20), None)).all()


def test_a_grid_owner_has_the_centre_in_its_cell_and_the_best_shape() -> None:
    import torch

    from usnet.comparators.yolo_grid import SHAPES, STRIDES, GridTask, grid
    from usnet.models.config import NetworkConfig
    from usnet.training.config import RunConfig

    network = NetworkConfig(backbone="resnet18", last_stage="dropped", pyramid_channels=16, head_channels=16)
    task = GridTask(RunConfig(network=network))
    wanted = (1, 2)
    width, height = (256 * v for v in SHAPES[wanted[0]][wanted[1]])
    truth = torch.tensor([[100 - width / 2, 70 - height / 2, 100 + width / 2, 70 + height / 2]])
    owner = int(task.owners(truth)[0])
    cells, shapes = grid(256)
    stride = STRIDES[wanted[0]]
    assert cells[owner].tolist() == [100 // stride * stride, 70 // stride * stride, stride]
    assert shapes[owner].tolist() == pytest.approx([width, height])
    raw = torch.zeros(1, len(cells), 7)
    assert task.decode(raw)[0, owner].tolist() == pytest.approx(
        [96 + 8 - width / 2, 64 + 8 - height / 2, 96 + 8 + width / 2, 64 + 8 + height / 2]
    )


def test_a_grid_without_nodules_has_a_finite_loss() -> None:
    import torch

    from usnet.comparators.yolo_grid import GridTask
    from usnet.training.config import RunConfig, changed

    small = ["network.backbone='resnet18'", "network.last_stage='dropped'", "network.anchors.image_size=64"]
    task = GridTask(changed(RunConfig(), small))
    losses = task.losses(torch.zeros(2, 1, 64, 64), torch.zeros(2, 1, 4), torch.full((2, 1), -1))
    assert float(losses["box"]) == 0
    assert 0 < float(losses["object"]) < 50


def test_paint_becomes_boxes() -> None:
    import torch

    from usnet.comparators.unet import ellipses, painted

    boxes = torch.tensor([[[10.0, 20.0, 40.0, 36.0], [50.0, 50.0, 60.0, 60.0]]])
    target = ellipses(boxes, torch.tensor([[1, -1]]), 64)
    assert int((target == 2).sum()) == pytest.approx(np.pi * 15 * 8, rel=0.05)
    assert int((target == 1).sum()) == 0
    paint = torch.nn.functional.one_hot(target[0], 3).permute(2, 0, 1).float().numpy()
    found = painted(paint)
    assert found.boxes.tolist() == [[10, 20, 40, 36]]
    assert found.log_ratio[0] > 5
    assert painted(np.stack([np.ones((64, 64)), *np.zeros((2, 64, 64))]).astype(np.float32)).boxes.shape == (0, 4)
