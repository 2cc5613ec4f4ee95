from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usnet.statistics.operating import sensitivity_at, weighted_sensitivity_at
from usnet.statistics.roc import auc, roc_curve, weighted_curve
from usnet.statistics.roc_partial import partial_auc, weighted_partial_auc


def _cases(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, tied scores, and whole weights for two draws."""
    rng = np.random.default_rng(seed)
    truth = np.arange(40) % 3 == 0
    return truth, rng.integers(0, 12, 40) + 3.0 * truth, rng.integers(0, 4, (2, 40)).astype(float)


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.5, 0.8, 0.9, 1.0]))
def test_weights_are_repetitions(seed: int, target: float) -> None:
    truth, scores, weights = _cases(seed)
    found = weighted_sensitivity_at(truth, scores, target, weights)
    areas = weighted_partial_auc(truth, scores, weights, 0.8, 1.0)
    others = weighted_partial_auc(truth, scores, weights, 0.3, 0.7, axis="sensitivity")
    for row, sensitivity, area, other in zip(weights, found, areas, others, strict=True):
        times = row.astype(int)
        labels, values = np.repeat(truth, times), np.repeat(scores, times)
        assert sensitivity == pytest.approx(sensitivity_at(labels, values, target).sensitivity.value)
        assert area == pytest.approx(partial_auc(labels, values, 0.8, 1.0).value)
        assert other == pytest.approx(partial_auc(labels, values, 0.3, 0.7, axis="sensitivity").value)


def test_weights_of_one_give_the_curve_and_the_whole_area_the_auc() -> None:
    truth, scores, _ = _cases(3)
    sensitivity, specificity = weighted_curve(truth, scores, np.ones((1, 40)))
    curve = roc_curve(truth, scores)
    assert sensitivity[0] == pytest.approx(curve.sensitivity)
    assert specificity[0] == pytest.approx(curve.specificity)
    assert weighted_partial_auc(truth, scores, np.ones((1, 40)), 0, 1)[0] == pytest.approx(auc(truth, scores).value)


def test_a_class_without_weight_gives_nan() -> None:
    truth, scores, weights = _cases(4)
    weights[1, truth] = 0
    assert np.isnan(weighted_sensitivity_at(truth, scores, 0.9, weights)).tolist() == [False, True]
    assert np.isnan(weighted_partial_auc(truth, scores, weights)).tolist() == [False, True]
    weights[1, ~truth] = 0
    assert np.isnan(weighted_sensitivity_at(truth, scores, 0.9, weights)).tolist() == [False, True]
