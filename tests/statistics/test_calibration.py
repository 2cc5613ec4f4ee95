from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, logit

from usnet.statistics.calibration import brier, expected_calibration_error, isotonic, platt, reliability


def draw(seed: int, slope: float, intercept: float, n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 2, n)
    return x, rng.random(n) < expit(slope * x + intercept)


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.4, -1.5), (2.5, 1.0)])
def test_platt_finds_the_curve_it_was_drawn_from(slope: float, intercept: float) -> None:
    x, y = draw(1, slope, intercept)
    a, b = platt(x, y)
    assert a == pytest.approx(slope, rel=0.1)
    assert b == pytest.approx(intercept, abs=0.15)


def test_platt_is_the_maximum_likelihood_fit() -> None:
    x, y = draw(2, 0.7, 0.3, 300)
    loss = lambda b: np.logaddexp(0, b[0] * x + b[1]).sum() - (y * (b[0] * x + b[1])).sum()  # noqa: E731
    best = minimize(loss, [0, 0], tol=1e-12).x
    assert platt(x, y, ridge=0, smooth=False) == pytest.approx(best, abs=1e-4)


def test_platt_stays_finite_where_classes_separate() -> None:
    a, b = platt([-3, -2, -1, 1, 2, 3], [False] * 3 + [True] * 3)
    assert 0 < a < 100
    assert abs(b) < 1e-6
    a, b = platt([0.5] * 6, [True, False] * 3)
    assert np.isfinite([a, b]).all()


def test_platt_needs_both_classes_and_finite_values() -> None:
    with pytest.raises(ValueError, match="both classes"):
        platt([1, 2], [True, True])
    with pytest.raises(ValueError, match="finite"):
        platt([1, np.inf], [True, False])


@given(st.floats(0.05, 20), st.floats(-5, 5))
def test_platt_follows_an_affine_change_of_x(scale: float, shift: float) -> None:
    x, y = draw(3, 1.0, 0.0, 200)
    a, b = platt(x, y)
    a2, b2 = platt(scale * x + shift, y)
    assert a2 * (scale * x + shift) + b2 == pytest.approx(a * x + b, abs=1e-5)


def test_brier_and_ece_of_a_known_table() -> None:
    p, y = np.array([0.1, 0.1, 0.9, 0.9]), np.array([0, 1, 1, 1])
    assert brier(p, y)[0] == pytest.approx((0.01 + 0.81 + 0.01 + 0.01) / 4)
    assert expected_calibration_error(p, y)[0] == pytest.approx((2 * 0.4 + 2 * 0.1) / 4)
    bins = reliability(p, y)
    assert [(b.low, b.observed.numerator, b.observed.denominator) for b in bins] == [(0.1, 1, 2), (0.9, 2, 2)]
    weights = np.array([[1, 1, 0, 0], [0, 0, 0, 0]], float)
    assert expected_calibration_error(p, y, weights=weights)[0] == pytest.approx(0.4)
    assert np.isnan(brier(p, y, weights)[1])


def test_honest_probabilities_have_a_small_error_and_overconfident_ones_not() -> None:
    x, y = draw(4, 1.0, 0.0)
    assert expected_calibration_error(expit(x), y)[0] < 0.03
    assert expected_calibration_error(expit(4 * x), y)[0] > 0.08


def test_probabilities_outside_the_unit_interval_are_refused() -> None:
    with pytest.raises(ValueError, match="outside"):
        brier([1.2], [1])


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=60))
def test_isotonic_rises_and_keeps_the_mean(rows: list[tuple[int, bool]]) -> None:
    x, y = np.array([r[0] for r in rows], float), np.array([r[1] for r in rows])
    knots, fitted = isotonic(x, y)
    assert (np.diff(fitted) >= -1e-12).all()
    assert np.interp(x, knots, fitted).mean() == pytest.approx(y.mean())


def test_platt_of_calibrated_logits_is_the_identity() -> None:
    p = np.random.default_rng(5).uniform(0.05, 0.95, 20_000)
    y = np.random.default_rng(6).random(20_000) < p
    assert platt(logit(p), y) == pytest.approx((1, 0), abs=0.06)
