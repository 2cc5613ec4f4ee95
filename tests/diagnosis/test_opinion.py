"""From candidates to probabilities and a call."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.tiny_bundle import manifest
from usnet.bundles.decode import Candidates
from usnet.bundles.manifest import BoxCalibration, Calibration, Logistic
from usnet.diagnosis.opinion import logistic, opinion
from usnet.images.letterbox import plan
from usnet.values import OperatingPoint

LOGITS = st.floats(-80, 80, width=32)
SLOPES = st.floats(0.01, 20)
INTERCEPTS = st.floats(-20, 20)
UNIT = st.floats(0, 1)
SQUARE = plan(256, 256)


def made(logits: list[tuple[float, float]], boxes: list[tuple[float, ...]] | None = None) -> Candidates:
    """Candidates by falling score."""
    rows = sorted(logits, key=lambda pair: -max(pair))
    places = boxes or [(10.0, 20.0, 50.0, 80.0)] * len(rows)
    return Candidates(
        np.array(places, dtype=np.float32).reshape(-1, 4), np.array(rows, dtype=np.float32).reshape(-1, 2)
    )


def calibrated(nodule: Logistic, malignancy: Logistic) -> Calibration:
    return Calibration(nodule=nodule, malignancy=malignancy, origin="made up")


@given(st.lists(st.tuples(LOGITS, LOGITS), max_size=6), SLOPES, INTERCEPTS, SLOPES, INTERCEPTS, UNIT, UNIT)
def test_probabilities_add_up_and_the_label_follows_from_the_findings(
    logits: list[tuple[float, float]], s1: float, i1: float, s2: float, i2: float, detection: float, malignancy: float
) -> None:
    calibration = calibrated(Logistic(slope=s1, intercept=i1), Logistic(slope=s2, intercept=i2))
    point = OperatingPoint("p", detection, malignancy, "")
    said = opinion(made(logits), manifest(calibration=calibration), point, SQUARE)
    probabilities = (said.p_benign, said.p_malignant, said.p_normal)
    assert math.fsum(probabilities) == pytest.approx(1, abs=1e-12)
    assert all(0 <= p <= 1 for p in probabilities)
    assert said.findings == tuple(f for f in said.candidates if f.score >= detection)
    assert [f.score for f in said.candidates] == sorted((f.score for f in said.candidates), reverse=True)
    calls = {f.label for f in said.findings}
    assert said.label == ("malignant" if "malignant" in calls else "benign" if calls else "normal")
    assert all((f.label == "malignant") == (f.probability >= malignancy) for f in said.candidates)


def test_the_formula() -> None:
    calibration = calibrated(Logistic(slope=2, intercept=1), Logistic(slope=0.5, intercept=-1))
    point = OperatingPoint("p", 0.6, 0.5, "")
    said = opinion(made([(2.0, -1.0), (0.5, 1.5)]), manifest(calibration=calibration), point, SQUARE)
    p_nodule = 1 / (1 + math.exp(-(2 * 2.0 + 1)))
    q = 1 / (1 + math.exp(-(0.5 * 1.0 - 1)))  # of the second box, the more malignant of two findings
    assert said.p_normal == pytest.approx(1 - p_nodule)
    assert said.p_malignant == pytest.approx(p_nodule * q)
    assert said.findings[1].probability == pytest.approx(q)
    assert said.label == "benign"


def test_below_the_operating_point_the_strongest_candidate_speaks() -> None:
    point = OperatingPoint("p", 0.99, 0.5, "")
    said = opinion(made([(0.5, 0.0), (-3.0, 0.2)]), manifest(calibration=Calibration()), point, SQUARE)
    assert said.label == "normal"
    assert said.findings == ()
    assert said.p_malignant / (1 - said.p_normal) == pytest.approx(1 / (1 + math.exp(0.5)))


def test_no_candidates_is_no_surer_than_the_weakest_candidate() -> None:
    settings = manifest()
    nothing = opinion(made([]), settings, settings.operating_point(), SQUARE)
    assert (nothing.label, nothing.findings, nothing.candidates) == ("normal", (), ())
    floor = settings.postprocessing.min_score
    weakest = math.log(floor / (1 - floor))
    weak = opinion(made([(weakest, weakest)]), settings, settings.operating_point(), SQUARE)
    assert nothing.p_normal == pytest.approx(weak.p_normal)
    assert nothing.p_malignant == pytest.approx(weak.p_malignant)
    assert 0.9 < nothing.p_normal < 1


def test_sizes_are_width_by_column_and_height_by_row_spacing() -> None:
    settings = manifest()
    said = opinion(made([(3.0, 0.0)]), settings, settings.operating_point(), SQUARE, (0.5, 0.1))
    assert said.findings[0].size_mm == pytest.approx((40 * 0.1, 60 * 0.5))
    assert opinion(made([(3.0, 0.0)]), settings, settings.operating_point(), SQUARE).findings[0].size_mm is None


def test_boxes_are_cut_to_the_frame_and_those_in_the_margin_left_out() -> None:
    wide = plan(256, 128)  # margin above 64 and below 192
    boxes = [(0.0, 0.0, 40.0, 60.0), (100.0, 50.0, 150.0, 100.0)]
    settings = manifest()
    said = opinion(made([(5.0, 0.0), (1.0, 0.0)], boxes), settings, settings.operating_point(), wide)
    assert [f.box.as_list() for f in said.candidates] == [[100.0, 0.0, 50.0, 36.0]]
    only = opinion(made([(1.0, 0.0)], boxes[1:]), settings, settings.operating_point(), wide)
    assert said == only


@given(st.floats(-1e6, 1e6), SLOPES, INTERCEPTS)
def test_logistic_is_a_probability_everywhere(x: float, slope: float, intercept: float) -> None:
    assert 0 <= logistic(x, Logistic(slope=slope, intercept=intercept)) <= 1


@given(st.lists(st.tuples(LOGITS, LOGITS), max_size=6), st.floats(0, 9), st.floats(0, 9), INTERCEPTS)
def test_class_scores_share_out_the_probability_of_a_box(
    logits: list[tuple[float, float]], slope: float, below: float, intercept: float
) -> None:
    box = BoxCalibration(slope=slope, below=below, intercept=intercept, origin="made up")
    said = opinion(made(logits), manifest(calibration=Calibration(box=box)), OperatingPoint("p", 0.5, 0.5, ""), SQUARE)
    sums = [sum(f.class_scores) for f in said.candidates]
    assert sums == pytest.approx(sorted(sums, reverse=True), abs=1e-12), "boxes keep their order"
    for finding, total in zip(said.candidates, sums, strict=True):
        assert finding.class_scores[1] == pytest.approx(total * finding.probability, abs=1e-9)


def test_a_box_beside_a_louder_one_is_worth_less_than_alone() -> None:
    calibration = Calibration(box=BoxCalibration(slope=2, below=1, intercept=0.5, origin="made up"))
    point = OperatingPoint("p", 0.5, 0.5, "")
    here, there = (10.0, 20.0, 50.0, 80.0), (100.0, 120.0, 150.0, 180.0)
    two = opinion(made([(3.0, 0.0), (1.0, 0.0)], [here, there]), manifest(calibration=calibration), point, SQUARE)
    alone = opinion(made([(1.0, 0.0)], [there]), manifest(calibration=calibration), point, SQUARE)
    p = [1 / (1 + math.exp(-x)) for x in (2 * 3.0 + 0.5, 2 * 1.0 + 1 * (1.0 - 3.0) + 0.5, 2 * 1.0 + 0.5)]
    assert [sum(f.class_scores) for f in (*two.candidates, *alone.candidates)] == pytest.approx(p, abs=1e-6)
