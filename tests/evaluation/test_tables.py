from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.opinions import POINT
from usnet.evaluation.metric import Metric
from usnet.evaluation.tables import Calls, balanced, cells, class_table, confusion
from usnet.statistics.bootstrap import Resampler

PRINTED = {  # Li et al. 2020, in per cent; malignant accuracy as statistics.md 4.3 corrects it (87.73 is a copying slip)
    "benign v rest": {"accuracy": 86.82, "precision": 77.89, "recall": 84.41, "specificity": 88.02, "f1": 81.02},
    "malignant v rest": {"accuracy": 87.69, "precision": 87.73, "recall": 73.34, "specificity": 94.87, "f1": 79.89},
    "normal v rest": {"accuracy": 96.58, "precision": 91.55, "recall": 98.86, "specificity": 95.43, "f1": 95.06},
}
MATRIX = [[84.42, 9.24, 6.35], [23.86, 73.35, 2.79], [0.11, 1.03, 98.87]]


def labels_of(counts: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    rows = [(t, c) for t in range(3) for c in range(3) for _ in range(counts[t][c])]
    return np.array([r[0] for r in rows], np.intp), np.array([r[1] for r in rows], np.intp)


def table(counts: list[list[int]], draws: int = 0) -> dict[tuple[str, str, str], Metric]:
    truth, called = labels_of(counts)
    rows = class_table(Calls(truth, called, Resampler(np.arange(truth.size), draws), POINT))
    return {(m.averaging, m.subject, m.name): m for m in rows}


@pytest.mark.parametrize("sizes", [(10_000, 10_000, 10_000), (30_900, 20_900, 17_400)])
def test_the_papers_table_is_the_class_balanced_one(sizes: tuple[int, int, int]) -> None:
    counts = [[round(v * n / 100) for v in row] for row, n in zip(MATRIX, sizes, strict=True)]
    found = table(counts)
    for subject, rates in PRINTED.items():
        for name, value in rates.items():
            assert 100 * found["balanced", subject, name].value == pytest.approx(value, abs=0.05)
    raw = 100 * found["raw", "benign v rest", "precision"].value
    assert (raw == pytest.approx(77.89, abs=0.05)) == (len(set(sizes)) == 1)


@pytest.mark.reference
def test_the_row_normalised_matrix_is_the_one_of_the_recheck(shared: Path) -> None:
    document = json.loads((shared / "stats/paper_tables.json").read_text())
    assert document["row_normalised_fit_percent"]["matrix"] == MATRIX
    for kind, rates in document["perclass_published"].items():
        for short, name in {"prec": "precision", "rec": "recall", "spec": "specificity"}.items():
            assert PRINTED[f"{kind} v rest"][name] == rates[short]


def test_table_2_of_the_paper() -> None:
    found = table([[45, 5, 0], [4, 46, 0], [0, 0, 0]])
    sensitivity = found["raw", "malignant v benign", "sensitivity"]
    assert (sensitivity.numerator, sensitivity.denominator, sensitivity.value) == (46, 50, 0.92)
    assert (sensitivity.interval.low, sensitivity.interval.high) == pytest.approx((0.8116175, 0.9684505), abs=1e-7)
    assert found["raw", "malignant v benign", "precision"].value == pytest.approx(46 / 51)
    assert found["raw", "malignant v benign", "npv"].value == pytest.approx(45 / 49)
    assert found["raw", "three classes", "accuracy"].value == 0.91


def test_a_missed_cancer_is_wrong_in_malignant_v_benign() -> None:
    found = table([[8, 1, 1], [1, 6, 3], [0, 0, 5]])
    assert found["raw", "malignant v benign", "sensitivity"].numerator == 6
    assert found["raw", "malignant v benign", "specificity"].numerator == 9
    assert found["raw", "malignant v rest", "specificity"].denominator == 15


def test_a_class_without_images_is_not_estimable_and_says_so() -> None:
    found = table([[8, 1, 1], [1, 6, 3], [0, 0, 0]], draws=20)
    for averaging in ("raw", "balanced"):
        row = found[averaging, "normal v rest", "specificity"]
        assert row.value is None
        assert row.note == "not estimable: no normal images"
        assert row.intervals == ()
    assert found["balanced", "three classes", "accuracy"].value == pytest.approx((0.8 + 0.6) / 2)


def test_counts_and_intervals_stand_beside_each_rate() -> None:
    found = table([[30, 5, 2], [6, 25, 3], [1, 1, 20]], draws=200)
    for (averaging, _, name), metric in found.items():
        assert metric.intervals, (averaging, name)
        assert metric.interval.low <= metric.value <= metric.interval.high
        methods = [i.method.split(",")[0] for i in metric.intervals]
        if averaging == "raw":
            assert methods == (["cluster bootstrap"] if name == "f1" else ["wilson", "cluster bootstrap"])


@given(st.lists(st.lists(st.integers(0, 30), min_size=3, max_size=3), min_size=3, max_size=3))
def test_cells_add_up_and_errors_agree_between_classes(counts: list[list[int]]) -> None:
    truth, called = labels_of(counts)
    matrix = confusion(truth, called)
    assert matrix.astype(int).tolist() == counts
    for weighted in (matrix, balanced(matrix)):
        parts = [cells(weighted, f"{k} v rest") for k in ("benign", "malignant", "normal")]
        for p in parts:
            assert sum(p) == pytest.approx(weighted.sum())
        assert sum(p[1] for p in parts) == pytest.approx(sum(p[2] for p in parts))
    weights = np.ones((2, truth.size))
    assert (confusion(truth, called, weights) == matrix).all()
