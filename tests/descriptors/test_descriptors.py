"""Descriptors of drawn nodules: what is drawn round is measured round, what is drawn with a shadow has one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usnet.descriptors import DESCRIPTORS, contour_of_mask, find_contour, measure
from usnet.descriptors.contour import Contour
from usnet.descriptors.measure import NAMES
from usnet.descriptors.reference import PERCENTS, load_reference, reference_of
from usnet.descriptors.rules import Question, Rule, fit_rule
from usnet.descriptors.shape import shape_of
from usnet.errors import DataError
from usnet.values import Box


def _ellipse(a: float, b: float, centre: tuple[float, float] = (100.0, 80.0), turn: float = 0.0) -> Contour:
    t = np.arange(96) * 2 * np.pi / 96
    x, y = a * np.cos(t), b * np.sin(t)
    c, s = math.cos(turn), math.sin(turn)
    return Contour(np.stack([centre[0] + c * x - s * y, centre[1] + s * x + c * y], axis=1), centre)


def _drawn(a: float = 40, b: float = 25, inside: int = 60, outside: int = 140, below: int | None = None) -> np.ndarray:
    y, x = np.mgrid[:200, :240] + 0.5
    pixels = np.full((200, 240), outside, dtype=np.uint8)
    if below is not None:
        pixels[int(80 + b) :, int(100 - a) : int(100 + a)] = below
    pixels[((x - 100) / a) ** 2 + ((y - 80) / b) ** 2 <= 1] = inside
    return pixels


@pytest.mark.parametrize(
    ("a", "b", "turn", "angle"), [(40, 20, 0.0, 0), (40, 20, math.pi / 2, 90), (40, 20, 0.5, 28.6)]
)
def test_an_ellipse(a: float, b: float, turn: float, angle: float) -> None:
    found = shape_of(_ellipse(a, b, turn=turn), (0.1, 0.1))
    assert found["orientation"] == pytest.approx(angle, abs=0.2)
    assert found["elongation"] == pytest.approx(b / a, abs=0.01)
    assert found["area_mm2"] == pytest.approx(math.pi * a * b * 0.01, rel=0.01)
    assert found["solidity"] == pytest.approx(1, abs=1e-3)
    assert found["irregularity"] < 0.01
    assert found["lobes"] == 0


def test_lobes_and_spicules_are_told_apart() -> None:
    t = np.arange(96) * 2 * np.pi / 96

    def wavy(harmonic: int) -> dict[str, float]:
        r = 40 * (1 + 0.12 * np.cos(harmonic * t))
        return shape_of(Contour(np.stack([r * np.cos(t), r * np.sin(t)], axis=1), (0.0, 0.0)), None)

    lobed, spiky = wavy(5), wavy(16)
    assert lobed["lobes"] == 5
    assert lobed["lobulation"] > 0.08 > lobed["spiculation"]
    assert spiky["spiculation"] > 0.08 > spiky["lobulation"]
    assert spiky["solidity"] < shape_of(_ellipse(40, 40), None)["solidity"]


@settings(max_examples=25)
@given(scale=st.floats(0.3, 4), x=st.floats(-50, 500), y=st.floats(-50, 500))
def test_shape_does_not_depend_on_size_or_place(scale: float, x: float, y: float) -> None:
    t = np.arange(96) * 2 * np.pi / 96
    r = 30 * (1 + 0.1 * np.cos(3 * t) + 0.05 * np.sin(9 * t))
    points = np.stack([1.5 * r * np.cos(t), r * np.sin(t)], axis=1)
    first = shape_of(Contour(points, (0.0, 0.0)), None)
    other = shape_of(Contour(points * scale + [x, y], (x, y)), None)
    for name, value in first.items():
        assert math.isnan(value) or other[name] == pytest.approx(value, abs=1e-6), name


@pytest.mark.parametrize("size", [(40, 25), (20, 33), (12, 9)])
def test_the_contour_of_a_drawn_nodule_is_found(size: tuple[int, int]) -> None:
    a, b = size
    pixels = _drawn(a, b)
    noisy = np.clip(pixels + np.random.default_rng(0).normal(0, 12, pixels.shape), 0, 255).astype(np.uint8)
    box = Box(100 - 1.05 * a, 80 - 1.05 * b, 2.1 * a, 2.1 * b)
    found, truth = find_contour(noisy, box).mask(pixels.shape), pixels == 60
    assert 2 * (found & truth).sum() / (found.sum() + truth.sum()) > 0.93


def test_a_mask_gives_its_own_contour() -> None:
    truth = _drawn() == 60
    again = contour_of_mask(truth).mask(truth.shape)
    assert 2 * (again & truth).sum() / (again.sum() + truth.sum()) > 0.97
    with pytest.raises(ValueError, match="empty"):
        contour_of_mask(np.zeros((5, 5), dtype=bool))


@pytest.mark.parametrize(("below", "sign"), [(40, -1), (230, 1), (None, 0)])
def test_posterior_features(below: int | None, sign: int) -> None:
    found = measure(_drawn(below=below), _ellipse(40, 25))["posterior"]
    assert (abs(found) < 0.05) if sign == 0 else (found * sign > 0.5)


def test_echo_relative_to_what_lies_beside() -> None:
    dark, bright = (measure(_drawn(inside=v), _ellipse(40, 25)) for v in (60, 220))
    assert dark["echo_to_fat"] == pytest.approx(math.log2(61 / 141), abs=0.06)
    assert bright["echo_to_fat"] > 0.5
    assert dark["margin_indistinct"] == 0
    assert measure(_drawn(inside=140), _ellipse(40, 25))["margin_indistinct"] == 1


def test_what_the_frame_does_not_show_is_unknown() -> None:
    pixels = _drawn()[:105, 60:142]  # nothing beside, nothing below
    found = measure(np.ascontiguousarray(pixels), _ellipse(40, 25, centre=(40.0, 80.0)))
    assert math.isnan(found["posterior"])
    assert math.isnan(found["echo_to_fat"])
    assert math.isnan(found["area_mm2"])
    assert tuple(found) == NAMES


def test_a_box_too_small_for_an_outline() -> None:
    with pytest.raises(ValueError, match="too small"):
        find_contour(_drawn(), Box(10, 10, 1, 20))


def test_every_descriptor_has_a_term() -> None:
    assert len(set(NAMES)) == len(DESCRIPTORS)
    assert all(d.term and d.says for d in DESCRIPTORS)


def test_a_rule_finds_the_cut() -> None:
    rng = np.random.default_rng(0)
    value = rng.normal(size=300)
    truth = ["low" if v < -0.5 else "middle" if v < 0.8 else "high" for v in value]
    told: list[str | None] = [None if i % 10 == 0 else t for i, t in enumerate(truth)]
    question = Question("three", ("low", "middle", "high"), ("noise", "value"))
    rule, kappa = fit_rule(question, {"value": value, "noise": rng.normal(size=300)}, told)
    assert rule.descriptor == "value"
    assert rule.cuts == pytest.approx((-0.5, 0.8), abs=0.15)
    assert kappa > 0.9
    assert [rule.word(v) for v in (-2.0, 0.0, 2.0)] == ["low", "middle", "high"]
    assert rule.word(math.nan) is None
    with pytest.raises(ValueError, match="rising"):
        Rule("x", "value", ("a", "b", "c"), (2.0, 1.0))


def test_percentiles_of_the_reference(tmp_path) -> None:  # type: ignore[no-untyped-def]
    values = np.arange(201.0)
    table = dict.fromkeys(NAMES, np.concatenate([values, values + 100]))
    reference = reference_of(table, np.repeat([False, True], 201), "made up")
    assert reference.count == {"benign": 201, "malignant": 201}
    assert reference.percentile("solidity", "benign", 100.0) == pytest.approx(50)
    assert reference.percentile("solidity", "malignant", 100.0) == 0
    assert reference.percentile("solidity", "benign", math.nan) is None
    assert len(reference.quantiles["solidity"]["benign"]) == len(PERCENTS)
    path = tmp_path / "reference.json"
    path.write_text(reference.model_dump_json())
    assert load_reference(path) == reference
    path.write_text("{}")
    with pytest.raises(DataError, match=r"reference\.json"):
        load_reference(path)
