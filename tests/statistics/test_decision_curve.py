from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usnet.statistics.decision_curve import decision_curve, net_benefit


def sample(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % 4 == 0
    return np.clip(rng.integers(0, 11, n) / 10 * 0.7 + 0.3 * truth, 0, 1), truth


@given(st.integers(0, 10_000), st.sampled_from([0.05, 0.1, 0.3, 0.5, 0.9]))
def test_net_benefit_is_counted(seed: int, threshold: float) -> None:
    probability, truth = sample(seed)
    tp, fp = ((probability >= threshold) & truth).sum(), ((probability >= threshold) & ~truth).sum()
    curve = decision_curve(probability, truth, [threshold])
    assert curve.model[0] == pytest.approx((tp - fp * threshold / (1 - threshold)) / truth.size)
    assert curve.model[0] <= curve.prevalence + 1e-12


def test_ends_of_the_curve() -> None:
    probability, truth = sample(1)
    curve = decision_curve(probability, truth, [0.0])
    assert curve.model[0] == pytest.approx(curve.everyone[0]) == pytest.approx(truth.mean())
    perfect = decision_curve(truth.astype(float), truth)
    assert perfect.model == pytest.approx(np.full(99, truth.mean()))
    assert decision_curve(probability, truth, [truth.mean()]).everyone[0] == pytest.approx(0, abs=1e-12)


def test_the_sample_prevalence_changes_nothing_and_another_is_a_reweighting() -> None:
    probability, truth = sample(2)
    same = decision_curve(probability, truth, prevalence=float(truth.mean()))
    assert same.model == pytest.approx(decision_curve(probability, truth).model)
    weights = np.where(truth, 0.1 / truth.mean(), 0.9 / (1 - truth.mean()))
    rare = decision_curve(probability, truth, prevalence=0.1)
    assert rare.model == pytest.approx(net_benefit(probability, truth, rare.thresholds, weights[None])[0])


def test_repeated_cases_are_weights() -> None:
    probability, truth = sample(3)
    times = np.random.default_rng(3).integers(0, 3, truth.size)
    again = decision_curve(np.repeat(probability, times), np.repeat(truth, times), [0.2, 0.6])
    assert net_benefit(probability, truth, [0.2, 0.6], times[None].astype(float))[0] == pytest.approx(again.model)


def test_one_class_with_a_prevalence_is_undefined_and_bad_input_is_refused() -> None:
    assert np.isnan(decision_curve([0.2, 0.4], [True, True], [0.3], prevalence=0.2).model).all()
    for arguments, text in (
        (([1.2], [True]), "probability"),
        (([np.nan], [True]), "probability"),
        (([0.2], [True, False]), "shape"),
        (([0.2], [True], [1.0]), "threshold"),
    ):
        with pytest.raises(ValueError, match=text):
            decision_curve(*arguments)
    with pytest.raises(ValueError, match="prevalence"):
        decision_curve([0.2], [True], prevalence=1.0)
