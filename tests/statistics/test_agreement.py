from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from usnet.statistics.agreement import cohen_kappa, cross_table, intra_reader, kappa_of_table, limits_of_agreement
from usnet.statistics.agreement_many import fleiss_kappa, gwet_ac, rating_counts

N = None
FOUR_RATERS = list(  # Krippendorff's example: 4 readers, 12 units, ratings missing
    zip(
        [1, 2, 3, 3, 2, 1, 4, 1, 2, N, N, N],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, N, 3],
        [N, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, N],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, N],
        strict=True,
    )
)


def pairs(seed: int, n: int = 40, k: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    first = rng.integers(0, k, n)
    return first, np.where(rng.random(n) < 0.6, first, rng.integers(0, k, n))


@given(st.integers(0, 10_000))
def test_kappa_is_symmetric_and_blind_to_names_and_order(seed: int) -> None:
    first, second = pairs(seed)
    for weights in ("none", "linear", "quadratic"):
        here = cohen_kappa(first, second, weights=weights)
        assert cohen_kappa(second, first, weights=weights).value == pytest.approx(here.value, abs=1e-12)
        order = np.random.default_rng(0).permutation(first.size)
        assert cohen_kappa(first[order], second[order], weights=weights).value == pytest.approx(here.value, abs=1e-12)
        backwards = cohen_kappa(9 - first, 9 - second, weights=weights)
        assert backwards.value == pytest.approx(here.value, abs=1e-12)
        assert backwards.standard_error == pytest.approx(here.standard_error, abs=1e-12)
    renamed = np.array(["d", "a", "c", "b"])
    assert cohen_kappa(renamed[first], renamed[second]).value == pytest.approx(
        cohen_kappa(first, second).value, abs=1e-12
    )


@given(st.integers(0, 10_000))
def test_weights_do_nothing_with_two_categories(seed: int) -> None:
    first, second = pairs(seed, k=2)
    plain = cohen_kappa(first, second, categories=[0, 1])
    for weights in ("linear", "quadratic"):
        assert cohen_kappa(first, second, weights=weights, categories=[0, 1]).value == pytest.approx(plain.value)


@given(st.integers(1, 60), st.integers(1, 60))
def test_kappa_against_a_balanced_truth_is_twice_the_accuracy_minus_one(tp: int, tn: int) -> None:
    result = kappa_of_table([[tp, 60 - tp], [60 - tn, tn]])
    assert result.value == pytest.approx(2 * (tp + tn) / 120 - 1)


def test_the_variance_agrees_with_the_spread_of_simulated_kappas() -> None:
    rng = np.random.default_rng(5)
    p = np.array([[0.3, 0.1, 0.02], [0.05, 0.25, 0.05], [0.01, 0.06, 0.16]])
    draws = rng.multinomial(400, p.ravel(), size=3000).reshape(-1, 3, 3)
    for weights in ("none", "quadratic"):
        values = [kappa_of_table(t, weights=weights).value for t in draws]
        error = kappa_of_table(p * 400, weights=weights).standard_error
        assert np.std(values) == pytest.approx(error, rel=0.05)


def test_complete_agreement_and_one_category() -> None:
    perfect = cohen_kappa([1, 2, 3], [1, 2, 3])
    assert perfect.value == 1
    assert perfect.interval is None
    constant = cohen_kappa([1, 1], [1, 1])
    assert constant.value is None
    assert "one category" in constant.note
    assert fleiss_kappa([[3], [3]]).value is None
    assert gwet_ac([[3, 0], [3, 0]]).value == 1  # a constant is agreement for AC1, and undefined for kappa
    assert fleiss_kappa([[3, 0], [3, 0]]).value is None


def test_an_unused_category_counts_as_a_step() -> None:
    narrow = cohen_kappa([1, 1, 3, 3, 1], [1, 3, 3, 3, 1], weights="linear").value
    wide = cohen_kappa([1, 1, 3, 3, 1], [1, 3, 3, 3, 1], weights="linear", categories=[1, 2, 3]).value
    assert narrow == pytest.approx(wide)  # two categories, or three of which the middle is empty
    assert cross_table(["b"], ["a"], categories=["b", "a"])[0].tolist() == [[0, 1], [0, 0]]


def test_bad_ratings_are_refused() -> None:
    with pytest.raises(ValueError, match="do not make pairs"):
        cohen_kappa([1, 2], [1])
    with pytest.raises(ValueError, match="none of the categories"):
        cohen_kappa([1, 7], [1, 2], categories=[1, 2])
    with pytest.raises(ValueError, match="none of the categories"):
        rating_counts([[1, 9]], [1, 2])
    with pytest.raises(ValueError, match="square"):
        kappa_of_table([[1, 2]])
    with pytest.raises(ValueError, match="two units"):
        fleiss_kappa([[1, 0], [0, 1]])


def test_fleiss_1971() -> None:
    counts = [[0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1]]
    counts += [[7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]]
    assert fleiss_kappa(counts).value == pytest.approx(0.210, abs=5e-4)


def test_missing_ratings_as_in_gwets_program() -> None:
    counts, order = rating_counts(FOUR_RATERS)
    assert order == [1, 2, 3, 4, 5]
    fleiss, ac1 = fleiss_kappa(counts), gwet_ac(counts)  # values of irrCAC, five decimals
    assert [fleiss.value, fleiss.standard_error] == pytest.approx([0.76117, 0.15302], abs=5e-6)
    assert [ac1.value, ac1.standard_error] == pytest.approx([0.77544, 0.14295], abs=5e-6)


@given(st.integers(0, 10_000))
def test_order_of_readers_and_units_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ratings = rng.integers(0, 3, (20, 4))
    shuffled = rng.permuted(ratings, axis=1)[rng.permutation(20)]
    for coefficient in (fleiss_kappa, gwet_ac):
        for weights in ("none", "linear", "quadratic"):
            here = coefficient(rating_counts(ratings.tolist(), [0, 1, 2])[0], weights=weights)
            there = coefficient(rating_counts(shuffled.tolist(), [0, 1, 2])[0], weights=weights)
            assert here.value == pytest.approx(there.value, abs=1e-12)
            assert here.standard_error == pytest.approx(there.standard_error, abs=1e-12)


def test_intra_reader_measures_all_readers_on_one_scale() -> None:
    results = intra_reader({"a": ([1, 2, 1], [1, 2, 2]), "b": ([1, 4, 4], [1, 4, 1])}, weights="linear")
    assert results["a"].value == pytest.approx(
        cohen_kappa([1, 2, 1], [1, 2, 2], weights="linear", categories=[1, 2, 4]).value
    )
    assert results["b"].n == 3


def test_limits_of_agreement_cover_the_right_share() -> None:
    rng = np.random.default_rng(2)
    first = rng.normal(50, 10, 4000)
    second = first + rng.normal(3, 2, 4000)
    result = limits_of_agreement(first, second)
    assert result.bias == pytest.approx(-3, abs=0.1)
    assert ((first - second > result.low) & (first - second < result.high)).mean() == pytest.approx(0.95, abs=0.01)
    swapped = limits_of_agreement(second, first)
    assert swapped.low == pytest.approx(-result.high)
    for bad in (([1.0], [2.0]), ([1.0, np.nan], [1.0, 2.0]), ([1.0, 2.0], [1.0])):
        with pytest.raises(ValueError, match=r"pairs|finite"):
            limits_of_agreement(*bad)


@pytest.mark.reference
def test_kappas_of_r(shared: Path) -> None:
    expected = json.loads((shared / "stats/basic/expected_basic_R.json").read_text())
    pair = expected["birads_pair"]
    want = {"none": [pair["kappa"], pair["kappa_ase"]], "linear": pair["linear"], "quadratic": pair["quadratic"]}
    for weights, values in want.items():
        result = cohen_kappa(pair["r1"], pair["r2"], weights=weights)
        assert [result.value, result.standard_error] == pytest.approx(values, rel=1e-9)
    for table in expected["table2"].values():
        c = table["counts"]
        result = kappa_of_table([[c["tp"], c["fn"]], [c["fp"], c["tn"]]])
        assert result.value == pytest.approx(table["kappa"], rel=1e-9)
        assert result.standard_error == pytest.approx(table["kappa_ase_vcd"], rel=1e-9)
        assert result.standard_error**2 == pytest.approx(table["kappa_var_psych"], rel=1e-9)
        assert [result.interval.low, result.interval.high] == pytest.approx(table["kappa_ci_psych"], abs=1e-8)
