"""The paper's table: equations 2 to 5 for benign, malignant and normal, one class against the rest, raw and class-balanced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from usnet.evaluation.metric import Averaging, Metric, Unit, from_events, known
from usnet.evaluation.truth import BENIGN, MALIGNANT, NORMAL, FloatArray
from usnet.statistics.arrays import ratio
from usnet.statistics.bootstrap import Bootstrap, Resampler
from usnet.statistics.rates import RATE_NAMES, Counts, fraction
from usnet.values import LABELS, OperatingPoint

IntArray = npt.NDArray[np.intp]
BoolArray = npt.NDArray[np.bool_]
AVERAGINGS: tuple[Averaging, ...] = ("raw", "balanced")
VERSUS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "benign v rest": ((BENIGN,), (MALIGNANT, NORMAL)),
    "malignant v rest": ((MALIGNANT,), (BENIGN, NORMAL)),
    "normal v rest": ((NORMAL,), (BENIGN, MALIGNANT)),
    "malignant v benign": ((MALIGNANT,), (BENIGN,)),
}
"""Subject: true classes that are positive, and those that are negative. A case is called positive where it is called that class."""


def confusion(truth: IntArray, called: IntArray, weights: FloatArray | None = None) -> FloatArray:
    """``[3, 3]`` counts, rows truth and columns call; ``[B, 3, 3]`` under ``weights [B, N]``."""
    member = (3 * truth + called)[:, None] == np.arange(9)
    w = np.ones((1, truth.size)) if weights is None else weights
    matrix: FloatArray = (w @ member.astype(np.float64)).reshape(-1, 3, 3)
    return np.asarray(matrix[0] if weights is None else matrix)


def balanced(matrix: FloatArray) -> FloatArray:
    """Every true class that has cases weighted alike: rows divided by their sum (rows without cases stay 0)."""
    return np.nan_to_num(ratio(matrix, matrix.sum(axis=-1, keepdims=True)))


def cells(matrix: FloatArray, subject: str) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """True positives, false positives, false negatives and true negatives of ``[..., 3, 3]`` matrices."""
    positive, negative = VERSUS[subject]
    column = positive[0]
    tp = matrix[..., list(positive), column].sum(axis=-1)
    fp = matrix[..., list(negative), column].sum(axis=-1)
    total = matrix.sum(axis=-1)
    return tp, fp, total[..., list(positive)].sum(axis=-1) - tp, total[..., list(negative)].sum(axis=-1) - fp


@dataclass(frozen=True, slots=True)
class Calls:
    """Truth and call of each case ``[N]``, where the calls come from, what a case is, and how to resample cases."""

    truth: IntArray
    called: IntArray
    resampler: Resampler
    point: OperatingPoint
    unit: Unit = "image"

    @property
    def threshold(self) -> str:
        """How the calls were made."""
        return call_text(self.point)


def class_table(calls: Calls, subjects: tuple[str, ...] = tuple(VERSUS)) -> list[Metric]:
    """Rates of every subject, raw (Wilson's interval for clustered cases first, then the bootstrap's) and balanced (bootstrap)."""
    draws = calls.resampler.draw(lambda w: confusion(calls.truth, calls.called, w))
    matrices = draws.reshape(-1, 3, 3) if draws.size else np.zeros((0, 3, 3))
    rows: list[Metric] = []
    for averaging in AVERAGINGS:
        drawn = _weigh(matrices, averaging)
        for subject in subjects:
            rows += _one_versus(calls, subject, averaging, drawn)
        rows.append(_overall(calls, averaging, drawn))
    return rows


def call_text(point: OperatingPoint) -> str:
    """How a call is made at an operating point."""
    return f"{point.name}: detection >= {point.detection:.4g}, malignancy >= {point.malignancy:.4g}"


def _weigh(matrix: FloatArray, averaging: Averaging) -> FloatArray:
    return balanced(matrix) if averaging == "balanced" else matrix


def _one_versus(calls: Calls, subject: str, averaging: Averaging, drawn: FloatArray) -> list[Metric]:
    matrix = confusion(calls.truth, calls.called)
    raw = Counts(*(float(v) for v in cells(matrix, subject)))
    common: dict[str, Any] = {
        "unit": calls.unit,
        "averaging": averaging,
        "positives": int(raw.positives),
        "negatives": int(raw.negatives),
    }
    if raw.positives == 0:
        note = f"not estimable: no {LABELS[VERSUS[subject][0][0]]} {calls.unit}s"
        return [Metric(name, subject, None, note=note, **common) for name in RATE_NAMES]
    counts = Counts(*(float(v) for v in cells(_weigh(matrix, averaging), subject)))

    parts = cells(drawn, subject)
    boot = calls.resampler.summarise(np.stack([ratio(*fraction(name, *parts)) for name in RATE_NAMES], axis=1))
    common |= {"prevalence": counts.prevalence, "threshold": calls.threshold}
    return [_row(calls, counts, name, subject, boot, common) for name in RATE_NAMES]


def events(calls: Calls, name: str, subject: str) -> tuple[FloatArray, BoolArray]:
    """Whether each case counts as a success of a rate ``[N]``, and which cases the rate is over ``[N]``; not for F1."""
    positive, negative = VERSUS[subject]
    has, lacks = np.isin(calls.truth, positive), np.isin(calls.truth, negative)
    called, member = calls.called == positive[0], has | lacks
    success, among = {
        "accuracy": (called == has, member),
        "precision": (has, called & member),
        "recall": (called, has),
        "specificity": (~called, lacks),
        "npv": (lacks, ~called & member),
    }[{"sensitivity": "recall", "ppv": "precision"}.get(name, name)]
    return success.astype(np.float64), among


def _row(calls: Calls, weighted: Counts, name: str, subject: str, boot: Bootstrap, common: dict[str, Any]) -> Metric:
    """A rate over one true class does not change when classes are weighted, so it keeps its counts and Wilson's interval."""
    index = RATE_NAMES.index(name)
    one_class = name in ("recall", "sensitivity") or (name == "specificity" and len(VERSUS[subject][1]) == 1)
    note = None
    value = weighted.rate(name, None).value
    if value is None:
        note = "not estimable: no negative cases" if name == "specificity" else "not estimable: nothing was called so"
        return Metric(name, subject, None, note=note, **common)
    if common["negatives"] == 0:
        note = "there are no negative cases"
    interval = known(boot.interval(index))
    if name == "f1" and common["averaging"] == "raw":
        top, bottom = weighted.fraction(name)
        common = common | {"numerator": top, "denominator": bottom}
    elif one_class or common["averaging"] == "raw":
        success, among = events(calls, name, subject)
        groups = calls.resampler.codes[among]
        return from_events(name, subject, success[among], groups, intervals=interval, note=note, **common)
    return Metric(name, subject, value, intervals=interval, note=note or boot.problem(index), **common)


def _overall(calls: Calls, averaging: Averaging, drawn: FloatArray) -> Metric:
    """Share of cases called as they are; balanced it is the mean recall over the classes present."""
    table = _weigh(confusion(calls.truth, calls.called), averaging)
    boot = calls.resampler.summarise(ratio(np.trace(drawn, axis1=1, axis2=2), drawn.sum(axis=(1, 2)))[:, None])
    more: dict[str, Any] = {"unit": calls.unit, "averaging": averaging, "threshold": calls.threshold}
    more["intervals"] = known(boot.interval())
    if averaging == "raw":
        right = calls.truth == calls.called
        return from_events("accuracy", "three classes", right, calls.resampler.codes, **more)
    value = float(np.trace(table) / table.sum())
    return Metric("accuracy", "three classes", value, note="mean recall of the classes present", **more)
