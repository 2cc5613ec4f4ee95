from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from speckled import SIZE, dataset, record, speckle
from typer.testing import CliRunner

from usnet.anchors import AnchorSpec, anchor_boxes, best_iou
from usnet.boxes import iou_matrix
from usnet.cli.app import app
from usnet.datasets.check import check_dataset
from usnet.datasets.check.context import Context, ImageFacts, Item
from usnet.datasets.check.marks import check_marks
from usnet.datasets.records import Dataset, load
from usnet.values import Box, Flag, Nodule

RUNNER = CliRunner()
OLD = AnchorSpec(sizes=(16.0, 32.0, 64.0))


@pytest.mark.parametrize("spec", [AnchorSpec(), OLD, AnchorSpec(image_size=130, strides=(8, 16), sizes=(20.0, 60.0))])
def test_best_iou_is_that_of_a_search_over_all_anchors(spec: AnchorSpec) -> None:
    generator = np.random.default_rng(0)
    centre = generator.uniform(-10, spec.image_size + 10, (60, 2))
    extent = generator.uniform(1, spec.image_size, (60, 2))
    boxes = np.concatenate([centre - extent / 2, centre + extent / 2], axis=1)
    every = iou_matrix(boxes, anchor_boxes(spec).astype(np.float64)).max(axis=1)
    np.testing.assert_allclose(best_iou(boxes, spec), every, atol=1e-6)
    assert best_iou(np.zeros((0, 4)), spec).shape == (0,)


def test_boxes_without_anchor_are_counted_by_class(tmp_path: Path) -> None:
    big = Nodule(Box(5, 5, 220, 180), "malignant")
    records = [record(n) for n in range(1, 4)] + [record(n, label="malignant", nodules=(big,)) for n in (4, 5, 6)]
    dataset(tmp_path, records)
    assert [c.uncovered for c in check_dataset(tmp_path).coverage] == [0, 0]
    report = check_dataset(tmp_path, anchors=OLD)
    assert [(c.pathology, c.boxes, c.uncovered, c.share) for c in report.coverage] == [
        ("benign", 3, 0, 0.0),
        ("malignant", 3, 3, 1.0),
    ]
    assert [(p.severity, p.kind, p.row) for p in report.problems] == [
        ("error", "anchors", None),
        *(("note", "box-without-anchor", row) for row in (4, 5, 6)),
    ]
    assert RUNNER.invoke(app, ["data", "check", str(tmp_path)]).exit_code == 0
    assert RUNNER.invoke(app, ["data", "check", str(tmp_path), "--anchor-sizes", "16,32,64"]).exit_code == 1


@pytest.mark.parametrize("sizes", ["16,32", "a,b,c", "16,32,-1", ""])
def test_anchor_sizes_must_be_three_numbers(tmp_path: Path, sizes: str) -> None:
    result = RUNNER.invoke(app, ["data", "check", str(tmp_path), "--anchor-sizes", sizes])
    assert result.exit_code != 0
    assert "expected three sizes" in str(result.exception)


def test_the_image_is_letterboxed_first(tmp_path: Path) -> None:
    """A box of 16 x 16 network pixels is 64 x 64 in an image of 1024 pixels."""
    wide = np.asarray(Image.fromarray(speckle(1)).resize((1024, 512)))
    dataset(
        tmp_path,
        [record(1, width=1024, height=512, nodules=(Nodule(Box(100, 100, 64, 64), "benign"),))],
        {"1.png": wide},
    )
    fitting = AnchorSpec(sizes=(16.0, 200.0, 220.0))
    missing = AnchorSpec(sizes=(64.0, 200.0, 220.0))
    assert check_dataset(tmp_path, anchors=fitting).coverage[0].uncovered == 0
    assert check_dataset(tmp_path, anchors=missing).coverage[0].uncovered == 1


def marked(flags: list[set[Flag]], labels: list[str]) -> Context:
    items = tuple(
        Item(n, record(n, label=label), ImageFacts(None, *SIZE, frozenset(f)))
        for n, (f, label) in enumerate(zip(flags, labels, strict=True), 1)
    )
    return Context(Dataset(Path("x"), "x", ()), items, (), AnchorSpec())


def test_marks_are_notes_colour_is_a_warning() -> None:
    problems = list(check_marks(marked([{"calipers"}, {"text", "colour"}, set()], ["benign"] * 3)))
    assert [(p.severity, p.kind, p.row) for p in problems] == [
        ("warning", "colour-frame", 2),
        ("note", "calipers", 1),
        ("note", "burned-in-text", 2),
    ]


@pytest.mark.parametrize(("marked_malignant", "told"), [(20, True), (12, True), (6, False)])
def test_marks_that_tell_the_class(marked_malignant: int, told: bool) -> None:
    flags: list[set[Flag]] = [{"calipers"} if n % 4 == 0 else set() for n in range(40)]
    flags += [{"calipers"} if n < marked_malignant else set() for n in range(20)]
    problems = list(check_marks(marked(flags, ["benign"] * 40 + ["malignant"] * 20)))
    shortcut = [p for p in problems if p.kind == "marks-tell-class"]
    assert [p.severity for p in shortcut] == ["warning"] * told
    assert all("25% of benign" in p.message for p in shortcut)


def test_marks_are_seen_in_files(tmp_path: Path) -> None:
    picture = Image.fromarray(speckle(2)).convert("RGB")
    ImageDraw.Draw(picture).ellipse((100, 60, 150, 110), fill=(200, 30, 20))
    dataset(tmp_path, [record(1), record(2)])
    picture.save(tmp_path / "images" / "2.png")
    assert {(p.kind, p.row) for p in check_dataset(tmp_path).problems if p.severity == "warning"} == {
        ("colour-frame", 2)
    }


@pytest.mark.reference
def test_anchors_on_busi(shared: Path, tmp_path: Path) -> None:
    """The levels of 4 x stride leave 15.6 % of the malignant boxes without anchor, the default ones none."""
    from usnet.datasets.check.anchors import anchor_coverage
    from usnet.datasets.importers import import_busi

    import_busi(shared / "data" / "Dataset_BUSI_with_GT", tmp_path / "busi", link=True)
    made = load(tmp_path / "busi")
    items = tuple(Item(n, r, ImageFacts("not read")) for n, r in enumerate(made.records, 1))
    default = anchor_coverage(Context(made, items, (), AnchorSpec()))
    old = anchor_coverage(Context(made, items, (), OLD))
    assert default[0].share < 0.01
    assert default[1].share == 0
    assert old[1].share == pytest.approx(0.156, abs=0.01)
