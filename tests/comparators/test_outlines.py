"""Masks that experts drew: found by name, moved with their images, learned, and measured against."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from helpers.tiny_bundle import tiny_bundle
from usnet import images
from usnet.cli.app import app
from usnet.comparators.catalogue import catalogue
from usnet.comparators.method import Budget
from usnet.comparators.outlines import Masks, find_masks, overlap
from usnet.comparators.pool import labelled
from usnet.comparators.running import run
from usnet.datasets.records import Dataset, ImageRecord
from usnet.errors import DataError
from usnet.values import Box

pytestmark = pytest.mark.train


def _draw(path: Path, mask: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((mask * 255).astype(np.uint8)).save(path)


def _ellipses(record: ImageRecord) -> np.ndarray:
    """The ellipse in every box of a record."""
    rows, columns = np.mgrid[: record.height, : record.width] + 0.5
    mask = np.zeros((record.height, record.width), dtype=bool)
    for nodule in record.nodules:
        x0, y0, x1, y1 = nodule.box.corners
        mask |= ((2 * columns - x0 - x1) / (x1 - x0)) ** 2 + ((2 * rows - y0 - y1) / (y1 - y0)) ** 2 <= 1
    return mask


@pytest.fixture(scope="module")
def drawn(phantoms: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mask for every phantom but the last of the training images with a nodule."""
    folder = tmp_path_factory.mktemp("masks")
    spared = [r for r in phantoms.records if r.split == "train" and r.nodules][-1]
    for record in phantoms.records:
        if record is not spared:
            _draw(folder / f"{Path(record.source_name or record.file_name).stem}_mask.png", _ellipses(record))
    return folder


def _record(name: str, nodules: int = 1) -> ImageRecord:
    from usnet.values import Nodule

    boxes = tuple(Nodule(Box(2.0, 2.0 + 3 * k, 4.0, 2.0), "benign") for k in range(nodules))
    return ImageRecord(1, name, 12, 8, "benign", boxes, source_name=name)


def test_masks_are_found_by_the_names_of_three_sets(tmp_path: Path) -> None:
    left, right = np.zeros((2, 8, 12), dtype=bool)
    left[1:3, 1:3], right[4:6, 5:9] = True, True
    _draw(tmp_path / "Masks" / "mask_0001-l.png", left)
    _draw(tmp_path / "busi" / "benign (1)_mask.png", left)
    _draw(tmp_path / "busi" / "benign (1)_mask_1.png", right)
    _draw(tmp_path / "busi" / "benign (1).png", ~left)
    _draw(tmp_path / "breast" / "case001_tumor.png", right)
    masks = find_masks([tmp_path / "Masks", tmp_path / "busi", tmp_path / "breast"])
    expected = {"bus_0001-l.png": left, "benign (1).png": left | right, "case001.png": right}
    for name, mask in expected.items():
        found = masks.read(_record(name))
        assert found is not None
        assert (found == mask).all(), name
    assert masks.read(_record("other.png")) is None
    with pytest.raises(DataError, match=r"mask_X\.png"):
        find_masks([tmp_path / "busi" / "benign (1).png"])


def test_dice_by_hand(tmp_path: Path) -> None:
    a, b = np.zeros((2, 8, 12), dtype=bool)
    a[2:4, 2:6], b[2:4, 4:8] = True, True
    assert overlap(a, b) == pytest.approx(2 * 4 / 16)
    assert overlap(a & b & ~a, a & ~a) == 1
    _draw(tmp_path / "x_mask.png", a)
    masks, frame = find_masks([tmp_path]), images.read(_picture(tmp_path / "frame.png"))
    assert masks.dice(_record("x.png"), frame, b) == pytest.approx(0.5)
    assert masks.dice(_record("x.png"), frame, None) == 0
    assert masks.dice(_record("x.png"), frame, Box(2.0, 2.0, 1.0, 1.0)) == 0
    assert masks.dice(_record("x.png", nodules=2), frame, b) is None
    assert masks.dice(_record("y.png"), frame, b) is None


def _picture(path: Path) -> Path:
    grey = np.full((8, 12), 200, dtype=np.uint8)
    grey[2:4, 2:6] = 20
    Image.fromarray(grey).save(path)
    return path


def test_a_mask_moves_with_its_image() -> None:
    import torch

    from usnet.comparators.loop import moved_masks
    from usnet.training.augment import augment, draw
    from usnet.training.config import AugmentConfig

    config = AugmentConfig(vertical_flip=0.5, rotate90=0.5, gain=0, contrast=0, tgc=0, speckle=0, blur=0, calipers=0)
    draws = [draw(config, 3, 0, k) for k in range(12)]
    masks = torch.zeros(12, 64, 64, dtype=torch.int8)
    masks[:, 20:34, 24:50] = 1
    boxes = torch.tensor([[[24.0, 20.0, 50.0, 34.0]]]).repeat(12, 1, 1)
    pixels, after = augment(masks[:, None].float(), boxes, draws)
    moved = moved_masks(masks, draws)
    assert float(((pixels[:, 0] > 0.5) != (moved > 0)).float().mean()) < 0.01
    for mask, (box,) in zip(moved, after.tolist(), strict=True):
        rows, columns = torch.nonzero(mask, as_tuple=True)
        edges = [int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1]
        assert edges == pytest.approx(box, abs=1.5)


def test_the_painted_truth() -> None:
    import torch

    from usnet.comparators.unet import ellipses, painted_truth

    boxes = torch.tensor([[[10.0, 10.0, 20.0, 20.0]]]).repeat(3, 1, 1)
    classes = torch.tensor([[1], [0], [-1]])
    masks = torch.zeros(3, 32, 32)
    masks[0, 12:18, 10:20], masks[0, 28:, 28:] = 1, 1
    masks[1] = -1
    masks[2, 10:20, 10:20] = 1
    target = painted_truth(boxes, classes, masks)
    assert (target[0] == 2).sum() == 60
    assert (target[0, 28:, 28:] == -1).all()  # a speck in no box
    assert (target[0] == 0).sum() == 32 * 32 - 60 - 16
    assert (target[1] == ellipses(boxes, classes, 32)[1]).all()
    assert set(target[2].unique().tolist()) == {-1, 0}  # its box was pushed out by augmentation


def test_a_unet_learns_masks_and_is_measured_by_its_paint(few: Dataset, drawn: Path, budget: Budget) -> None:
    masks = find_masks([drawn])
    test = labelled(few, "test")
    result = run(catalogue()["unet"], few, test, budget=replace(budget, masks=masks))
    assert set(result.dice) == {r.file_name for r in test if len(r.nodules) == 1}
    assert all(0 <= v <= 1 for v in result.dice.values())
    assert run(catalogue()["unet"], few, test, budget=budget).dice == {}


def test_masks_are_stacked_as_training_sees_the_images(phantoms: Dataset, drawn: Path) -> None:
    records = [r for r in phantoms.records if r.split == "train"]
    masks: Masks = find_masks([drawn])
    stack = masks.stack(records, 48, "letterbox")
    spared = [r.nodules and (s == -1).all() for r, s in zip(records, stack, strict=True)]
    assert sum(map(bool, spared)) == 1
    for record, rows in zip(records, stack, strict=True):
        if not record.nodules:
            assert (rows == 0).all()


def test_the_table_has_dice_only_with_masks(phantoms: Dataset, drawn: Path, tiny_toml: Path, tmp_path: Path) -> None:
    places = {"--data": phantoms.root, "--config": tiny_toml, "--bundle": tiny_bundle(tmp_path / "bundle")}
    words = ["compare-methods", *(str(w) for pair in places.items() for w in pair), "--out", str(tmp_path / "out")]
    words += ["--methods", "prevalence,bayes-given", "--boxes", "both"]
    first = CliRunner().invoke(app, [*words, "--bootstrap", "0"])
    assert first.exit_code == 0, first.output
    assert "Dice" not in (tmp_path / "out" / "compare_methods.txt").read_text()
    again = CliRunner().invoke(app, [*words, "--bootstrap", "50", "--masks", str(drawn), "--resume"])
    assert again.exit_code == 0, again.output
    rows = json.loads((tmp_path / "out" / "compare_methods.json").read_text())["numbers"]["rows"]
    dice = {row["method"]: row["numbers"]["Dice"] for row in rows}
    assert dice["prevalence"]["value"] is None
    assert 0.7 < dice["bayes-given"]["value"] <= 1
