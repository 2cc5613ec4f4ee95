from __future__ import annotations

import json
import re
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from usnet.errors import ConfigError, DataError
from usnet.statistics.check_paper import check_paper, examples, read_paper
from usnet.statistics.findings import Finding
from usnet.statistics.groups import mann_whitney
from usnet.statistics.published import (
    binormal_auc,
    error_sums,
    f1_of,
    half_unit,
    implied_prevalence,
    implied_prevalence_from_precision,
    is_count,
    kappa_from_accuracy,
    mann_whitney_p,
    possible_sizes,
    spread,
)
from usnet.statistics.published_matrix import FIGURES, cell_range, fit_matrix, suspects
from usnet.statistics.rates import Counts

D = Decimal


def printed(value: float, decimals: int = 2) -> Decimal:
    return D(f"{100 * value:.{decimals}f}")


def per_class(matrix: np.ndarray, decimals: int = 2) -> dict[str, dict[str, Decimal]]:
    """Printed figures of each class of a matrix of cases."""
    result = {}
    for i, name in enumerate("abc"):
        tp, fn, fp = matrix[i, i], matrix[i].sum() - matrix[i, i], matrix[:, i].sum() - matrix[i, i]
        counts = Counts(tp, fp, fn, matrix.sum() - tp - fn - fp)
        result[name] = {f: printed(counts.rate(f).value, decimals) for f in FIGURES}
    return result


@given(st.integers(1, 900), st.data())
def test_a_real_count_is_found_among_the_possible_ones(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    rate = printed(k / n)
    assert is_count(rate, n) is not None
    assert n in {size for _, size in possible_sizes(rate, n)}


def test_rates_that_no_count_gives() -> None:
    assert next(possible_sizes(D("73.34"))) == (421, 574)
    assert is_count(D("73.34"), 209) is None
    assert is_count(D("98.86"), 174) is None
    assert [n for _, n in possible_sizes(D("84.41"), 300)] == [186, 263, 295]
    assert half_unit(D("88.0")) == pytest.approx(0.05)
    assert half_unit(91) == 0.5


@given(st.integers(1, 80), st.integers(1, 80), st.integers(1, 80), st.integers(1, 80))
def test_the_implied_prevalence_holds_the_true_one(tp: int, fp: int, fn: int, tn: int) -> None:
    counts = Counts(tp, fp, fn, tn)
    accuracy, precision, recall, specificity = (printed(counts.rate(f).value, 3) for f in FIGURES)
    true = counts.prevalence
    for share in (
        implied_prevalence(accuracy, recall, specificity),
        implied_prevalence_from_precision(precision, recall, specificity),
    ):
        apart = abs(float(recall - specificity)) > 1
        if share is not None and apart:
            assert share.low - 1e-9 <= true <= share.high + 1e-9
    f1 = f1_of(precision, recall)
    assert f1.low - 1e-9 <= 100 * counts.rate("f1").value <= f1.high + 1e-9


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=9, max_size=9))
def test_figures_of_a_real_matrix_fit_at_its_own_mix(cells: list[int]) -> None:
    matrix = np.array(cells, float).reshape(3, 3)
    table = per_class(matrix)
    mix = dict(zip("abc", matrix.sum(axis=1), strict=True))
    fit = fit_matrix(table, mix)
    assert fit.miss <= 0.0051
    for name in "abc":
        for figure in FIGURES:
            assert fit.value(name, figure) == pytest.approx(float(table[name][figure]), abs=0.0052)
    sums = error_sums({c: t["recall"] for c, t in table.items()}, {c: t["specificity"] for c, t in table.items()}, mix)
    assert sums.agree


def test_a_wrong_figure_is_the_odd_one_out() -> None:
    matrix = np.array([[80.0, 15, 5], [20, 70, 10], [2, 3, 95]])
    table = per_class(matrix)
    mix = dict.fromkeys("abc", 1)
    assert list(suspects(table, mix)) == []
    table["b"]["specificity"] += D("0.40")
    found = sorted(suspects(table, mix), key=lambda s: s[2].miss)
    assert ("b", "specificity") in [(name, figure) for name, figure, _ in found]
    low, high = cell_range(per_class(matrix), mix, "a", "b", tolerance=0.01)
    assert low <= 15 <= high


@given(st.lists(st.integers(0, 100), min_size=3, max_size=60))
def test_a_real_sd_is_never_called_an_error(values: list[int]) -> None:
    x = np.array(values, float)
    if np.ptp(x) == 0:
        return
    sd = D(f"{x.std(ddof=1):.2f}")
    assert spread(sd, x.size, x.min(), x.max()).verdict in ("SD", "either")
    se = D(f"{x.std(ddof=1) / np.sqrt(x.size):.4f}")
    assert spread(se, x.size, x.min(), x.max()).verdict in ("SE", "either")


@settings(max_examples=60)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=5), st.lists(st.integers(0, 30), min_size=1, max_size=6))
def test_a_real_p_is_never_called_unreachable(x: list[int], y: list[int]) -> None:
    for method in ("exact", "normal", "normal, uncorrected"):
        p = mann_whitney([float(v) for v in x], [float(v) for v in y], method=method).p
        if p is not None:
            found = mann_whitney_p(D(f"{p:.3f}"), len(x), len(y))
            ties = len(set(x + y)) < len(x) + len(y)
            assert found.with_ties if ties else found.reachable


def test_p_values_of_one_against_few() -> None:
    for n in (2, 6):
        result = mann_whitney_p(D("0.951"), 1, n)
        assert not result.reachable
        assert not result.with_ties
    low = mann_whitney_p(D("0.01"), 1, 69)
    assert not low.reachable
    assert [low.least_exact, low.least_normal] == pytest.approx([2 / 70, 0.0877], abs=1e-4)
    with pytest.raises(ValueError, match="no Mann-Whitney"):
        mann_whitney_p(D("1.2"), 1, 2)


def test_small_facts() -> None:
    assert kappa_from_accuracy(D("91")) == pytest.approx(0.82)
    assert binormal_auc(D("73.34"), D("94.87")) == pytest.approx(0.9446, abs=5e-5)
    with pytest.raises(ValueError, match="no standard deviation"):
        spread(D("1"), 1, 0, 1)


@pytest.fixture(scope="module")
def li2020() -> list[Finding]:
    return check_paper("li2020")


def one(findings: list[Finding], check: str, subject: str, verdict: str | None = None) -> Finding:
    found = [f for f in findings if (f.check, f.subject) == (check, subject) and verdict in (None, f.verdict)]
    assert found, f"no finding {check}, {subject}"
    return found[0]


def test_the_shipped_paper_has_one_third_of_every_class(li2020: list[Finding]) -> None:
    assert examples() == ["li2020"]
    for name in ("benign", "malignant", "normal"):
        finding = one(li2020, "implied prevalence", name)
        assert finding.verdict == "does not fit"
        assert "One in 3" in finding.text
        assert list(finding.numbers.values()) == pytest.approx([1 / 3, 1 / 3], abs=0.003)
    assert one(li2020, "sums of errors", "every class weighted alike").verdict == "fits"
    assert one(li2020, "sums of errors", "both test sets").verdict == "does not fit"


def test_the_shipped_papers_malignant_accuracy_is_a_slip(li2020: list[Finding]) -> None:
    finding = one(li2020, "odd one out", "malignant", "does not fit")
    assert finding.text.startswith("accuracy 87.73")
    assert finding.numbers["implied"] == pytest.approx(87.69, abs=0.006)
    assert "printed as precision" in finding.text


def test_the_shipped_papers_counts_specificity_and_kappa(li2020: list[Finding]) -> None:
    assert one(li2020, "counts", "malignant").numbers["smallest n"] == 574
    claim = one(li2020, "specificity of a pair", "malignant v benign")
    assert claim.verdict == "does not fit"
    assert [claim.numbers["low"], claim.numbers["high"]] == pytest.approx([89.7, 90.9], abs=0.05)
    assert "counts normal" in claim.text
    assert "2 x accuracy - 1" in one(li2020, "kappa", "AI").text
    assert "changed places" in one(li2020, "F1", "benign").text
    assert all(f.verdict == "fits" for f in li2020 if f.check == "rates from counts")


def test_the_shipped_papers_spread_and_p_values(li2020: list[Finding]) -> None:
    residents = one(li2020, "plus or minus", "resident physicians")
    assert residents.verdict == "does not fit"
    assert "is a standard error" in residents.text
    assert residents.numbers["least SD"] == pytest.approx(4.77, abs=0.005)
    experts = one(li2020, "p value", "AI against experts")
    assert experts.verdict == "does not fit"
    assert "with or without ties" in experts.text
    assert one(li2020, "same rate twice", "AI sensitivity, reader images against test images").numbers[
        "p"
    ] == pytest.approx(0.0045, abs=5e-5)


def test_a_paper_of_true_figures_has_nothing_against_it(tmp_path: Path) -> None:
    matrix = np.array([[80.0, 15, 5], [20, 70, 10], [2, 3, 95]])
    lines = []
    for name, figures in per_class(matrix).items():
        lines += [f"[per_class.figures.{name}]", *(f"{k} = {v}" for k, v in figures.items())]
    lines += ["[per_class.sizes.test]", *(f"{n} = 100" for n in "abc")]
    lines += [
        "[[two_by_two]]",
        'name = "t"',
        "tp = 8",
        "fp = 1",
        "fn = 2",
        "tn = 9",
        "sensitivity = 80",
        "kappa = 0.70",
    ]
    path = tmp_path / "paper.toml"
    path.write_text("\n".join(lines))
    assert {f.verdict for f in check_paper(path)} <= {"fits", "note"}
    path.write_text(path.read_text().replace("sensitivity = 80", "sensitivity = 81"))
    assert "sensitivity 81 (counts: 80.00)" in one(check_paper(path), "rates from counts", "t").text


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        ("x = [", DataError, "not TOML"),
        ("[oops]\n", ConfigError, "unknown section 'oops'"),
        ("title = 'a'\n", ConfigError, "nothing to check"),
        ("[[group]]\nname = 'a'\n", ConfigError, "group number 1 has no 'n'"),
        ("[[p_value]]\nname = 'a'\np = 0.1\nsizes = [[1]]\n", ConfigError, "pairs of whole numbers"),
        ("[[p_value]]\nname = 'a'\np = 1.5\nsizes = [[1, 2]]\n", ConfigError, "no Mann-Whitney"),
        ("[[two_by_two]]\nname='a'\ntp=1\nfp='x'\nfn=1\ntn=1\n", ConfigError, "expected a number"),
        ("[[two_by_two]]\nname='a'\ntp=1\nfp=nan\nfn=1\ntn=1\n", ConfigError, "expected a number"),
        ("[per_class.figures.a]\nrecall = 120.0\n", ConfigError, "between 0 and 100"),
        ("[per_class.figures.a]\nrecal = 20.0\n", ConfigError, "unknown figure 'recal'"),
        ("[[group]]\nname='a'\nn=1\nplus_minus=1.0\nlow=1\nhigh=2\n", ConfigError, "no standard deviation"),
    ],
)
def test_bad_papers_are_refused_by_name(tmp_path: Path, text: str, error: type[Exception], match: str) -> None:
    path = tmp_path / "paper.toml"
    path.write_text(text)
    with pytest.raises(error, match=re.escape(match)) as caught:
        check_paper(path)
    assert "paper.toml" in str(caught.value)
    with pytest.raises(DataError, match="Shipped examples: li2020"):
        read_paper(tmp_path / "none.toml")


@pytest.mark.reference
def test_the_figures_of_the_shared_tables(shared: Path) -> None:
    expected = json.loads((shared / "stats/paper_tables.json").read_text())
    shipped = read_paper("li2020")
    short = {"acc": "accuracy", "prec": "precision", "rec": "recall", "spec": "specificity"}
    for name, figures in expected["perclass_published"].items():
        for key, value in figures.items():
            assert float(shipped["per_class"]["figures"][name][short[key]]) == value
    names = {"sens": "sensitivity", "spec": "specificity", "ppv": "ppv", "npv": "npv", "acc": "accuracy", "f1": "f1"}
    for table in expected["table2_from_counts"].values():
        counts = Counts(*(table[c] for c in ("tp", "fp", "fn", "tn")))
        for key, name in names.items():
            assert counts.rate(name).value == pytest.approx(table[key], rel=1e-9)
    table = {c: {k: shipped["per_class"]["figures"][c][k] for k in FIGURES} for c in ("benign", "malignant", "normal")}
    fit = fit_matrix(table, dict.fromkeys(table, 1), without=("malignant", "accuracy"))
    want = expected["row_normalised_fit_percent"]
    assert fit.miss <= want["max_residual_pp_over_11"]
    assert fit.value("malignant", "accuracy") == pytest.approx(want["implied_malignant_accuracy"], abs=0.005)
    theirs = np.array(want["matrix"])
    assert np.diag(100 * fit.matrix) == pytest.approx(np.diag(theirs), abs=0.01)
