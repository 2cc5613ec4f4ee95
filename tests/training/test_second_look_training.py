"""Training the second look: the moved boxes, the loss, a tiny run on phantoms that ends in a bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning")

from helpers.tiny_bundle import tiny_bundle  # noqa: E402
from usnet.bundles import load as load_bundle  # noqa: E402
from usnet.bundles.fusion import evidence  # noqa: E402
from usnet.bundles.manifest import SecondLook  # noqa: E402
from usnet.datasets.records import Dataset  # noqa: E402
from usnet.diagnosis import Diagnoser  # noqa: E402
from usnet.diagnosis.crops import box_map, crop, window  # noqa: E402
from usnet.errors import BundleError, ConfigError, DataError  # noqa: E402
from usnet.training.augment import draw  # noqa: E402
from usnet.training.config import AugmentConfig, read_config, to_toml  # noqa: E402
from usnet.training.second_look.attach import attach  # noqa: E402
from usnet.training.second_look.cache import build_crops, stored_size  # noqa: E402
from usnet.training.second_look.config import JitterConfig, LookLossConfig, LookRunConfig  # noqa: E402
from usnet.training.second_look.jitter import (  # noqa: E402
    LIMIT,
    box_maps,
    crop_matrices,
    edge_shifts,
    moved_boxes,
    training_crops,
)
from usnet.training.second_look.module import look_loss, mixed  # noqa: E402
from usnet.training.second_look.run import train_look, trained_look  # noqa: E402
from usnet.values import Box  # noqa: E402

pytestmark = pytest.mark.train
CONFIG = Path(__file__).parents[2] / "configs" / "second-look.toml"
TINY = [
    "network.size=32",
    "training.batch_size=4",
    "training.precision='32-true'",
    "training.epochs=2",
    "training.ema_decay=0.5",
]
STILL = AugmentConfig(horizontal_flip=0, vertical_flip=0, rotate90=0, scale=0, shift=0)


@pytest.mark.parametrize(
    ("extent", "shifts", "expected"),
    [
        ((0.5, 0.25), (0, 0, 0, 0), (-0.5, -0.25, 0.5, 0.25)),
        (
            (0.5, 0.25),
            (0.1, 0, 0.1, 0),
            (-0.4, -0.25, 0.6, 0.25),
        ),  # a shift: a tenth of the width is 0.1 of the crop's half
        ((0.5, 0.25), (0, -0.1, 0, 0.1), (-0.5, -0.3, 0.5, 0.3)),  # taller by a fifth
        ((0.5, 0.25), (0.25, 0, -0.25, 0), (-0.25, -0.25, 0.25, 0.25)),  # half as wide
    ],
)
def test_where_a_box_goes(extent: tuple[float, float], shifts: tuple[float, ...], expected: tuple[float, ...]) -> None:
    found = moved_boxes(torch.tensor([extent]), torch.tensor([shifts], dtype=torch.float32))
    assert found[0].tolist() == pytest.approx(list(expected))


def test_shifts_are_bounded_repeatable_and_as_wide_as_asked() -> None:
    config = JitterConfig(edge=0.1)
    found = np.array([edge_shifts(config, 0, 0, position) for position in range(2000)])
    assert np.abs(found).max() <= LIMIT * 0.1
    assert found.std() == pytest.approx(0.096, abs=0.003)  # a normal clipped at two deviations
    assert edge_shifts(config, 0, 0, 7) == edge_shifts(config, 0, 0, 7) != edge_shifts(config, 0, 1, 7)
    assert not any(edge_shifts(JitterConfig(edge=0), 0, 0, 0))


@pytest.mark.parametrize("shifts", [(0, 0, 0, 0), (0.1, -0.05, 0.12, 0.1), (-0.1, 0.1, 0.1, -0.1)])
def test_a_training_crop_is_what_serving_would_cut(shifts: tuple[float, float, float, float]) -> None:
    """The crop by grid from the stored one equals the crop from the frame, and so does the map of the box."""
    rng = np.random.default_rng(0)
    frame = np.kron(rng.integers(40, 216, (12, 14)), np.ones((20, 20))).astype(np.uint8)
    true, size, margin, reach = Box(80, 70, 96, 64), 144, 0.25, 1.5
    stored = window(true, reach * (0.5 + margin) - 0.5)
    pixels = torch.from_numpy(crop(frame, stored, round(size * reach)))[None, None].float() / 255
    extents = torch.tensor([[true.width / stored.width, true.height / stored.height]])
    moved = Box.from_corners(
        true.x + shifts[0] * true.width,
        true.y + shifts[1] * true.height,
        true.x + true.width * (1 + shifts[2]),
        true.y + true.height * (1 + shifts[3]),
    )
    draws = [draw(STILL, 0, 0, 0)]
    found = training_crops(pixels, extents, torch.tensor([shifts], dtype=torch.float32), draws, size, margin)[0]
    square = window(moved, margin)
    assert np.abs(found[1].numpy() - box_map(moved, square, size)).max() < 1e-3
    difference = np.abs(found[0].numpy() * 255 - crop(frame, square, size))
    assert difference.mean() < 3  # resized twice, so edges are softer
    assert np.median(difference) <= 1


def test_a_flip_mirrors_crop_and_map() -> None:
    extents, shifts = torch.tensor([[0.4, 0.2]]), torch.tensor([[0.1, 0.0, 0.0, 0.05]])
    pixels = torch.rand(1, 1, 48, 48)
    plain = training_crops(pixels, extents, shifts, [draw(STILL, 0, 0, 0)], 32, 0.25)
    flip = STILL.model_copy(update={"horizontal_flip": 1.0})
    assert torch.allclose(
        training_crops(pixels, extents, shifts, [draw(flip, 0, 0, 0)], 32, 0.25), plain.flip(-1), atol=1e-4
    )


def test_zoom_changes_the_share_of_the_box() -> None:
    boxes = moved_boxes(torch.tensor([[0.4, 0.4]]), torch.zeros(1, 4))
    zooming = [draw(STILL.model_copy(update={"scale": 0.3}), 0, 0, position) for position in range(5)]
    for one in zooming:
        area = box_maps(boxes, crop_matrices(boxes, 0.25, [one]), 64).sum().item()
        assert area == pytest.approx((64 / 1.5 * one.zoom) ** 2, rel=1e-3)


def test_unknown_birads_costs_nothing() -> None:
    config, unknown = LookLossConfig(birads=1.0), float("nan")
    logits = torch.tensor([[2.0, 5.0, 5.0, 5.0], [-2.0, 5.0, 5.0, 5.0]], requires_grad=True)
    loss = look_loss(logits, torch.tensor([[1.0, unknown, unknown, unknown], [0.0, unknown, unknown, unknown]]), config)
    assert loss.item() == pytest.approx(np.log1p(np.exp(-2)))
    loss.backward()
    assert logits.grad is not None
    assert not logits.grad[:, 1:].any()
    known = look_loss(logits, torch.tensor([[1.0, 1, 1, 0], [0.0, unknown, unknown, unknown]]), config)
    assert known.item() > loss.item()


def test_mixup_blends_inputs_and_targets_alike_and_keeps_unknown_unknown() -> None:
    crops, targets = torch.rand(8, 2, 4, 4), torch.tensor([[0.0, 1.0]] * 7 + [[1.0, float("nan")]])
    found, mixed_targets = mixed(crops, targets, 0.4, [1, 2, 3])
    assert torch.allclose(found.mean(), crops.mean(), atol=1e-6)
    assert mixed_targets[:, 0].sum().item() == pytest.approx(1.0, abs=1e-6)
    assert 1 <= torch.isnan(mixed_targets[:, 1]).sum() <= 2


def test_crops_hold_every_nodule_of_the_split(phantoms: Dataset) -> None:
    config = read_config(LookRunConfig, CONFIG, TINY)
    found = build_crops([phantoms], "train", config)
    nodules = [n for r in phantoms.select("train").records for n in r.nodules]
    assert len(found) == len(nodules)
    assert found.pixels.shape[1:] == (stored_size(config),) * 2
    assert found.extents.max() == pytest.approx(1 / 1.5 / 1.5)  # reach and margin
    assert [t == 1 for t in found.targets[:, 0]] == [n.pathology == "malignant" for n in nodules]
    with pytest.raises(DataError, match="no benign nodule"):
        build_crops([phantoms.with_records(r for r in phantoms.records if r.label == "malignant")], "train", config)


def test_the_configuration_reads_back_and_names_wrong_keys() -> None:
    config = read_config(LookRunConfig, CONFIG, TINY)
    assert "edge" in to_toml(config)
    with pytest.raises(ConfigError, match=r"jitter\.edg'.*'edge'"):
        read_config(LookRunConfig, CONFIG, ["jitter.edg=0.1"])


def test_a_run_in_two_sittings_equals_one_and_ends_in_a_bundle(phantoms: Dataset, tmp_path: Path) -> None:
    config = read_config(LookRunConfig, CONFIG, TINY)
    train_look(config, [phantoms], tmp_path / "straight")
    train_look(config, [phantoms], tmp_path / "halves", stop_after=1)
    with pytest.raises(BundleError, match="no such file"):
        trained_look(tmp_path / "halves")
    train_look(config, [phantoms], tmp_path / "halves", resume=True)
    straight, halves = (trained_look(tmp_path / name)[0].state_dict() for name in ("straight", "halves"))
    for name, tensor in straight.items():
        assert torch.allclose(tensor.float(), halves[name].float(), atol=1e-5), name

    base = load_bundle(tiny_bundle(tmp_path / "base"))
    many = phantoms.with_records(r.__class__(**_fields(r, number)) for number in range(12) for r in phantoms.records)
    place = attach(base, [tmp_path / "straight", tmp_path / "halves"], [many], tmp_path / "bundle")
    manifest = load_bundle(place).manifest
    assert manifest.second_look is not None
    assert manifest.second_look.size == 32
    assert len(manifest.second_look.training["runs"]) == 2
    assert manifest.calibration.nodule == base.manifest.calibration.nodule
    detection = {t.name: t.detection for t in base.manifest.operating_points}
    default = detection[base.manifest.default_operating_point]
    assert all(t.detection == detection.get(t.name, default) for t in manifest.operating_points)
    assert set(load_bundle(place).manifest.files) == {
        "model.onnx",
        "weights.safetensors",
        "second_look.onnx",
    }
    train_look(read_config(LookRunConfig, CONFIG, [*TINY, "network.margin=0.5"]), [phantoms], tmp_path / "wider")
    with pytest.raises(ConfigError, match=r"margin 0\.5.*32 and 0\.25"):
        attach(base, [tmp_path / "straight", tmp_path / "wider"], [many], tmp_path / "mixed")
    said = Diagnoser(place).diagnose(phantoms.path(phantoms.records[0]))
    assert said.p_benign + said.p_malignant + said.p_normal == pytest.approx(1)


def _fields(record: object, number: int) -> dict[str, object]:
    values = {name: getattr(record, name) for name in record.__dataclass_fields__}  # type: ignore[attr-defined]
    return values | {"image_id": values["image_id"] * 100 + number}


def test_fitted_weights_are_never_negative_and_follow_the_better_witness() -> None:
    from usnet.bundles.decode import Candidates
    from usnet.training.second_look.fusing import LookedAt, fit_fusion

    rng = np.random.default_rng(0)
    images = []
    for number in range(200):
        malignant = number % 2 == 1
        ratio, look = -0.5 * malignant + rng.normal(), 3.0 * malignant + rng.normal()
        found = Candidates(np.zeros((1, 4), np.float32), np.array([[0.0, ratio]], np.float32))
        label = "malignant" if malignant else "benign"
        images.append(LookedAt(found, np.array([look], np.float32), np.zeros((0, 4)), label))  # type: ignore[arg-type]
    fitted = fit_fusion(images, SecondLook(), "made up")
    assert fitted.detector == 0
    assert fitted.look > 1
    assert "100 malignant and 100 benign" in fitted.origin
    with pytest.raises(DataError, match=r"4 malignant and 5 benign .* to fuse the second look on"):
        fit_fusion(images[:9], SecondLook(), "made up")
    sure = evidence(np.zeros(1, np.float32), np.array([3.0], np.float32), fitted)
    assert sure[0] > 1
