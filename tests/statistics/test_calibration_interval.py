from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from usnet.statistics.bootstrap import Resampler
from usnet.statistics.calibration import calibration_gaps, expected_calibration_error
from usnet.statistics.calibration_interval import calibration_error_interval
from usnet.statistics.intervals import Interval


def _interval(p: np.ndarray, y: np.ndarray, groups: np.ndarray, draws: int = 200) -> Interval | None:
    drawn = Resampler(groups, draws, seed=1).draw(lambda w: calibration_gaps(p, y, weights=w))
    return calibration_error_interval(calibration_gaps(p, y)[0], drawn)


def _sample(seed: int, n: int, slope: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = 1.5 * rng.standard_normal(n)
    return expit(slope * x), rng.random(n) < expit(x)


def test_right_probabilities_have_an_interval_from_zero() -> None:
    """The percentile bootstrap never does: the error is biased upwards, and that of its draws once more."""
    held = percentile = 0
    for seed in range(100):
        p, y = _sample(seed, 200, 1.0)
        found = _interval(p, y, np.arange(200))
        assert found is not None
        held += found.low == 0
        draws = Resampler(np.arange(200), 200, seed=1).draw(
            lambda w, p=p, y=y: expected_calibration_error(p, y, weights=w)
        )
        percentile += float(np.quantile(draws, 0.025)) <= 0.01
    assert held >= 88
    assert percentile == 0


def test_wrong_probabilities_have_not() -> None:
    p, y = _sample(1, 2000, 4.0)
    found = _interval(p, y, np.arange(2000))
    assert found is not None
    assert found.low > 0.1
    assert found.high < 0.25


@given(st.integers(0, 10_000), st.integers(2, 80), st.sampled_from([0.5, 1.0, 3.0]))
def test_the_interval_holds_the_estimate(seed: int, n: int, slope: float) -> None:
    p, y = _sample(seed, n, slope)
    value, found = float(expected_calibration_error(p, y)[0]), _interval(p, y, np.arange(n), 50)
    if found is not None:
        assert 0 <= found.low <= value + 1e-12
        assert value - 1e-12 <= found.high <= 1


def test_images_of_a_patient_count_once() -> None:
    p, y = _sample(3, 60, 2.0)
    once = _interval(p, y, np.arange(60))
    four = _interval(np.repeat(p, 4), np.repeat(y, 4), np.repeat(np.arange(60), 4))
    assert once is not None
    assert four is not None
    assert (four.low, four.high) == pytest.approx((once.low, once.high))


def test_nothing_to_go_by() -> None:
    y = np.array([True, False] * 10)
    assert _interval(y.astype(float), y, np.arange(20)) is None  # no gap in any draw
    gaps = np.array([0.1, -0.05])
    assert calibration_error_interval(gaps, np.zeros((0, 1))) is None  # of a resampler without draws
    drawn = np.where(np.arange(10)[:, None] < 2, np.nan, 0.1)
    assert calibration_error_interval(gaps, np.broadcast_to(drawn, (10, 2))) is None
    with pytest.raises(ValueError, match="bins"):
        calibration_error_interval(gaps, np.zeros((5, 3)))
