"""Two models on the same images: every difference paired, with an interval and a p value that know of the clusters.

AUC by DeLong (one image a group) or Obuchowski 1997; calls by McNemar (one image a group) or the cluster bootstrap; AP, boxes and
calibration by the cluster bootstrap, whose draws are the same for both models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from usnet.evaluation.detections import Detections, detections, localised, marks_at, weighted_aps, weighted_marks
from usnet.evaluation.differences import Difference, RunComparison
from usnet.evaluation.discrimination import BoolArray, Question, given_nodule, questions
from usnet.evaluation.metric import Unit
from usnet.evaluation.same_truth import aligned
from usnet.evaluation.scores import fold_patients
from usnet.evaluation.tables import VERSUS
from usnet.evaluation.truth import MALIGNANT, NORMAL, Cases, FloatArray
from usnet.statistics.bootstrap import Bootstrap, Resampler, weighted_mean
from usnet.statistics.calibration import brier
from usnet.statistics.clustered import FEW_CLUSTERS, clustered_paired_test
from usnet.statistics.clustered_rates import paired_rates
from usnet.statistics.detection import Points
from usnet.values import PATHOLOGIES

RATES = (
    ("sensitivity", "malignant v rest"),
    ("specificity", "malignant v rest"),
    ("specificity", "malignant v benign"),
    ("sensitivity", "normal v rest"),
    ("specificity", "normal v rest"),
)
"""Sensitivity of malignant v benign is that of malignant v rest."""
AP_NAMES: dict[Points, str] = {"11": "AP11", "all": "AP50"}
"""Eleven points (VOC 2007), and all points, both at IoU 0.5."""


def compare(
    first: Cases,
    second: Cases,
    *,
    names: tuple[str, str] = ("the first", "the second"),
    bootstrap: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> RunComparison:
    """Compare two models, each at its own operating point, on images with the same truth (see :mod:`usnet.evaluation.same_truth`).

    Parameters
    ----------
    bootstrap, seed
        Draws of whole groups, the same for both models; 0 leaves measures that need them without interval and p.

    Raises
    ------
    DataError
        An image has an opinion in one run only.
    """
    second = aligned(first, second, names)
    pair = _Pair(first, second, Resampler(first.group, bootstrap, seed), level)
    rows = [*_aucs(pair), *_patient_aucs(pair), *_detection(pair), *_rates(pair), *_brier(pair)]
    asked = next(q for q in questions(first) if q.subject == "malignant v benign")
    other = next(q for q in questions(second) if q.subject == "malignant v benign")
    mask = asked.mask
    return RunComparison(
        (first.model, second.model),
        (first.operating_point, second.operating_point),
        first.size,
        len({r.patient_id for r in first.records if r.patient_id is not None}),
        pair.resampler.clusters,
        bootstrap,
        seed,
        level,
        tuple(rows),
        (asked.subject, asked.positive[mask], asked.score[mask], other.score[mask]),
        tuple(_warnings(pair)),
    )


@dataclass(frozen=True, slots=True)
class _Pair:
    first: Cases
    second: Cases
    resampler: Resampler
    level: float

    @property
    def both(self) -> tuple[Cases, Cases]:
        return self.first, self.second

    def clustered(self, mask: BoolArray) -> bool:
        return np.unique(self.first.group[mask]).size < int(mask.sum())

    def bootstrap(self, statistic: Callable[[FloatArray, int], FloatArray]) -> tuple[FloatArray, FloatArray, Bootstrap]:
        """Values of both models ``[K]`` and the drawn differences of ``statistic(weights, model)``."""
        ones = np.ones((1, self.first.size))
        values = [np.asarray(statistic(ones, i), dtype=np.float64).reshape(-1) for i in (0, 1)]
        boot = self.resampler.run(lambda w: statistic(w, 0) - statistic(w, 1), self.level)
        return values[0], values[1], boot


def _aucs(pair: _Pair) -> Iterator[Difference]:
    for a, b in zip(questions(pair.first), questions(pair.second), strict=True):
        yield _auc(a, b, pair.first.group, pair.level, "image")


def _patient_aucs(pair: _Pair) -> Iterator[Difference]:
    folded = [fold_patients(c) for c in pair.both]
    if folded[0] is None or folded[1] is None:
        return
    truth = folded[0].truth
    for subject, mask in (("malignant v rest", np.ones(truth.size, bool)), ("malignant v benign", truth != NORMAL)):
        asked = [Question(subject, truth == MALIGNANT, f.p_malignant, mask, "max p_malignant") for f in folded if f]
        yield _auc(asked[0], asked[1], folded[0].group, level=pair.level, unit="patient")


def _auc(a: Question, b: Question, group: np.ndarray, level: float, unit: Unit) -> Difference:
    mask = a.mask
    truth = a.positive[mask]
    empty = Difference(
        "AUC", a.subject, unit, f"{int(truth.sum())} v {int((~truth).sum())}", None, None, None, None, "none"
    )
    try:
        test = clustered_paired_test(truth, a.score[mask], b.score[mask], group[mask], level=level)
    except ValueError as error:
        return replace(empty, note=f"not testable: {error}")
    found = replace(empty, first=test.first, second=test.second, method=test.method)
    if test.standard_error <= 0:
        return replace(found, note="no interval: the difference has no variance on these cases")
    return replace(found, interval=test.interval, p=test.p)


def _detection(pair: _Pair) -> Iterator[Difference]:
    found = [detections(c) for c in pair.both]
    boxed = pair.first.boxed
    totals = [int(m.truths.sum()) for m in (*found[0].classes, found[0].nodules)]
    for points, name in AP_NAMES.items():
        a, b, boot = pair.bootstrap(lambda w, i, p=points: weighted_aps(found[i], w[:, boxed], p))  # type: ignore[misc]
        subjects = (*PATHOLOGIES, "any nodule", "mean of benign and malignant")
        for index, subject in enumerate(subjects):
            n = f"{totals[min(index, 2)]} nodules on {int(boxed.sum())} images"
            yield _drawn((name, subject, "nodule"), n, (a[index], b[index]), boot, index)
    yield from _marks(pair, found)


def _marks(pair: _Pair, found: list[Detections]) -> Iterator[Difference]:
    boxed = pair.first.boxed
    marks = [marks_at(f, c.operating_point.detection) for f, c in zip(found, pair.both, strict=True)]
    a, b, boot = pair.bootstrap(lambda w, i: weighted_marks(found[i], marks[i], w[:, boxed]))
    rows: tuple[tuple[str, str, Unit, int], ...] = (
        ("sensitivity", "nodule found", "nodule", int(found[0].nodules.truths.sum())),
        ("wrong boxes an image", "any image", "image", int(boxed.sum())),
        ("wrong boxes an image", "normal image", "image", int(found[0].normal.sum())),
    )
    for index, (name, subject, unit, count) in enumerate(rows):
        if count:
            yield _drawn((name, subject, unit), str(count), (a[index], b[index]), boot, index)
    hit = [localised(c) for c in pair.both]
    count = int((~np.isnan(hit[0])).sum())
    if count:
        a, b, boot = pair.bootstrap(lambda w, i: weighted_mean(hit[i])(w))
        yield _drawn(("localisation", "strongest box", "image"), str(count), (a[0], b[0]), boot, 0)


def _rates(pair: _Pair) -> Iterator[Difference]:
    for name, subject in RATES:
        positive, negative = VERSUS[subject]
        among = np.isin(pair.first.truth, positive if name == "sensitivity" else negative)
        right = [(c.called == positive[0]) == (name == "sensitivity") for c in pair.both]
        if among.any():
            yield _rate(pair, (name, subject), among, right)


def _rate(pair: _Pair, names: tuple[str, str], among: BoolArray, right: list[BoolArray]) -> Difference:
    n = str(int(among.sum()))
    if pair.clustered(among):
        event = [np.where(among, r, np.nan) for r in right]
        a, b, boot = pair.bootstrap(lambda w, i: weighted_mean(event[i])(w))
        return _drawn((*names, "image"), n, (a[0], b[0]), boot, 0)
    test = paired_rates(right[0][among], right[1][among], pair.level)
    note = "no p: both models call every case alike" if test.p is None else None
    return Difference(*names, "image", n, test.first, test.second, test.interval, test.p, test.method, note)


def _brier(pair: _Pair) -> Iterator[Difference]:
    truth, everything = pair.first.truth == MALIGNANT, np.ones(pair.first.size, bool)
    asked = (
        ("p_malignant, all images", everything, [c.probability[:, MALIGNANT] for c in pair.both]),
        ("malignancy given a nodule", pair.first.nodule, [given_nodule(c) for c in pair.both]),
    )
    for subject, mask, p in asked:
        if mask.any():
            score = pair.bootstrap(lambda w, i, m=mask, q=p: brier(q[i][m], truth[m], w[:, m]))  # type: ignore[misc]
            yield _drawn(
                ("Brier score", subject, "image"), str(int(mask.sum())), (score[0][0], score[1][0]), score[2], 0
            )


def _drawn(
    names: tuple[str, str, Unit], n: str, values: tuple[float, float], boot: Bootstrap, index: int
) -> Difference:
    first, second = (None if np.isnan(v) else float(v) for v in values)
    draws = boot.draws.shape[0]
    method = f"cluster bootstrap, {draws} draws of {boot.clusters} groups" if draws else "none"
    if first is None or second is None:
        return Difference(*names, n, first, second, None, None, method, "not estimable: nothing to measure on")
    note = boot.problem(index) if draws else "no bootstrap draws were asked for"
    if draws and not boot.draws[:, index].any():
        note = "no interval: the models do not differ in any draw"
    return Difference(*names, n, first, second, boot.interval(index), boot.p_value(index), method, note)


def _warnings(pair: _Pair) -> Iterator[str]:
    cases, groups = pair.first, pair.resampler.clusters
    if groups < FEW_CLUSTERS:
        yield f"only {groups} groups: intervals and p values are unstable below about {FEW_CLUSTERS}"
    if not cases.boxed.all():
        yield f"{int((~cases.boxed).sum())} images have no known boxes and take no part in detection"
    without = sum(r.patient_id is None for r in cases.records)
    if without:
        yield f"{without} images have no patient id: each is a group of its own unless a group is known"
    if cases.left_out.undiagnosed:
        yield f"{len(cases.left_out.undiagnosed)} labelled images have no prediction in either run and are left out"
    yield "p values are not adjusted for the number of rows: name the one that counts before you look"
