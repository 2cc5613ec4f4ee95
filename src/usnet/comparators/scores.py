"""The numbers of the table: measures with intervals, and differences from USNet, paired by image and clustered by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from usnet.comparators.method import Method
from usnet.comparators.running import Cost, Result
from usnet.datasets.records import Dataset
from usnet.errors import DataError
from usnet.evaluation.compare import compare
from usnet.evaluation.detections import detections, marks_at, weighted_aps, weighted_marks
from usnet.evaluation.differences import Difference
from usnet.evaluation.subgroups import found_at_point, small
from usnet.evaluation.truth import MALIGNANT, Cases, FloatArray, join
from usnet.statistics.bootstrap import Bootstrap, Resampler, weighted_mean
from usnet.statistics.clustered import clustered_auc
from usnet.statistics.groups_pairs import holm
from usnet.statistics.intervals import Interval
from usnet.statistics.operating import weighted_sensitivity_at
from usnet.values import Diagnosis

SPECIFICITY = 0.949
"""The paper's (Li et al. 2020, Table 2, malignant)."""
MEASURES = ("AUC", "AP50", "AP11", "sensitivity", "wrong boxes a normal image", "small nodules found", "Dice")
LOWER_IS_BETTER = ("wrong boxes a normal image",)
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Number:
    """A value with its interval; ``None`` where it cannot be had."""

    value: float | None = None
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Against:
    """A rival minus USNet on the images that both have an opinion on. ``p`` is raw, ``adjusted`` by Holm for the rivals."""

    difference: float | None = None
    interval: Interval | None = None
    p: float | None = None
    adjusted: float | None = None

    def better(self, measure: str) -> bool:
        """Whether the rival wins on this measure after adjustment."""
        if self.difference is None or self.adjusted is None or self.adjusted >= ALPHA:
            return False
        return (self.difference < 0) == (measure in LOWER_IS_BETTER)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    method: Method
    images: int
    numbers: dict[str, Number]
    milliseconds: Number
    cost: Cost
    against: dict[str, Against] = field(default_factory=dict)

    @property
    def wins(self) -> tuple[str, ...]:
        """Measures on which this rival is better than USNet."""
        return tuple(m for m in MEASURES if m in self.against and self.against[m].better(m))


def table(dataset: Dataset, results: Sequence[Result], *, bootstrap: int = 2000, seed: int = 0) -> list[Row]:
    """Rows, rivals that win first, then by falling AUC; the first of ``results`` is USNet, the one compared with.

    Parameters
    ----------
    dataset
        The test images.

    Raises
    ------
    DataError
        A method has an opinion on no image.
    """
    reference = results[0]
    rows = [_row(dataset, r, bootstrap, seed) for r in results]
    for index, result in enumerate(results[1:], 1):
        rows[index] = replace(rows[index], against=_against(dataset, result, reference, bootstrap, seed))
    rows = [rows[0], *_adjusted(rows[1:])]
    return sorted(rows, key=lambda r: (not r.wins, -(r.numbers["AUC"].value or 0.0)))


def _opinions(result: Result) -> list[Diagnosis]:
    return [d for d in result.results if isinstance(d, Diagnosis)]


def _cases(dataset: Dataset, result: Result, names: set[str] | None = None) -> Cases:
    """Cases of a method, on ``names`` only where given."""
    said = [d for d in _opinions(result) if names is None or d.image_id in names]
    if not said:
        raise DataError(f"{result.method.name} has an opinion on no test image", source=dataset.root)
    kept = {d.image_id for d in said}
    return join(dataset.with_records(r for r in dataset.records if r.file_name in kept), said)


def _boxes_count(method: Method) -> bool:
    """Whether the method looks for nodules itself: otherwise AP and wrong boxes would only praise the truth."""
    return not method.told and method.kind != "trivial"


def _row(dataset: Dataset, result: Result, bootstrap: int, seed: int) -> Row:
    cases = _cases(dataset, result)
    resampler = Resampler(cases.group, bootstrap, seed)
    truth, score, mask = cases.truth == MALIGNANT, cases.probability[:, MALIGNANT], cases.nodule
    auc = clustered_auc(truth[mask], score[mask], cases.group[mask], scale="logit")
    numbers = {name: Number() for name in MEASURES}
    numbers["AUC"] = Number(auc.value, auc.interval)
    both = truth[mask].any() and not truth[mask].all()
    if both:
        numbers["sensitivity"] = _sensitivity(cases, resampler)
    if _boxes_count(result.method):
        numbers |= _detection(cases, resampler)
    for name, values in _by_image(cases, result).items():
        numbers[name] = _number(float(np.nanmean(values)), resampler.run(weighted_mean(values)), 0)
    times = np.array([1000 * d.seconds for d in cases.diagnoses])
    return Row(result.method, cases.size, numbers, _median(times, resampler), result.cost)


def _sensitivity(cases: Cases, resampler: Resampler) -> Number:
    mask = cases.nodule
    truth, score = (cases.truth == MALIGNANT)[mask], cases.probability[mask, MALIGNANT]

    def statistic(w: FloatArray) -> FloatArray:
        return weighted_sensitivity_at(truth, score, SPECIFICITY, w[:, mask])

    return _number(float(statistic(np.ones((1, cases.size)))[0]), resampler.run(statistic), 0)


def _detection(cases: Cases, resampler: Resampler) -> dict[str, Number]:
    found = detections(cases)
    marks = marks_at(found, cases.operating_point.detection)

    def statistic(w: FloatArray) -> FloatArray:
        boxed = w[:, cases.boxed]
        aps = [weighted_aps(found, boxed, p)[:, 3] for p in ("all", "11")]
        return np.stack([*aps, weighted_marks(found, marks, boxed)[:, 2]], axis=1)

    value, boot = statistic(np.ones((1, cases.size)))[0], resampler.run(statistic)
    names = ("AP50", "AP11", "wrong boxes a normal image")
    return {name: _number(float(value[i]), boot, i) for i, name in enumerate(names)}


def _by_image(cases: Cases, result: Result) -> dict[str, FloatArray]:
    """Measures that are means over images ``[N]``; NaN where an image says nothing. Those that no image speaks of are left out."""
    found = {"Dice": np.array([result.dice.get(r.file_name, np.nan) for r in cases.records])}
    if _boxes_count(result.method):
        hits, nodules = found_at_point(cases, detections(cases))
        speaks = np.array([small(r) for r in cases.records]) & (nodules > 0)
        found["small nodules found"] = np.where(speaks, hits / np.maximum(nodules, 1), np.nan)
    return {name: values for name, values in found.items() if not np.isnan(values).all()}


def _median(values: FloatArray, resampler: Resampler) -> Number:
    """Median with the bootstrap's limits; times are not weighted, so groups are repeated."""
    if not resampler.counts.shape[0]:
        return Number(float(np.median(values)))
    draws = [np.median(np.repeat(values, row.astype(int))) for w in resampler.weights() for row in w[:, : values.size]]
    return _number(float(np.median(values)), resampler.summarise(np.array(draws)[:, None]), 0)


def _number(value: float, boot: Bootstrap, index: int) -> Number:
    return Number() if np.isnan(value) else Number(value, boot.interval(index))


def _against(dataset: Dataset, rival: Result, reference: Result, bootstrap: int, seed: int) -> dict[str, Against]:
    shared = {d.image_id for d in _opinions(rival)} & {d.image_id for d in _opinions(reference)}
    mine, theirs = _cases(dataset, rival, shared), _cases(dataset, reference, shared)
    found = compare(mine, theirs, names=(rival.method.name, "usnet"), bootstrap=bootstrap, seed=seed)
    rows = {"AUC": found.get("AUC", "malignant v benign", "image")}
    if _boxes_count(rival.method):
        rows |= {name: found.get(name, "mean of benign and malignant") for name in ("AP50", "AP11")}
        rows["wrong boxes a normal image"] = found.get("wrong boxes an image", "normal image")
    against = {name: _of(d) for name, d in rows.items() if d is not None}
    resampler, order = Resampler(mine.group, bootstrap, seed), _order(mine, theirs)
    own, others = _by_image(mine, rival), _by_image(theirs, reference)
    for name in own.keys() & others.keys():
        change = own[name] - others[name][order]
        if not np.isnan(change).all():
            boot = resampler.run(weighted_mean(change))
            against[name] = Against(float(np.nanmean(change)), boot.interval(), boot.p_value())
    return against | _paired_sensitivity(mine, theirs, order, resampler)


def _order(mine: Cases, theirs: Cases) -> list[int]:
    """Where the images of ``mine`` stand in ``theirs``."""
    places = {r.file_name: i for i, r in enumerate(theirs.records)}
    return [places[r.file_name] for r in mine.records]


def _of(d: Difference) -> Against:
    return Against(d.difference, d.interval, d.p)


def _paired_sensitivity(mine: Cases, theirs: Cases, order: list[int], resampler: Resampler) -> dict[str, Against]:
    mask = mine.nodule
    truth = (mine.truth == MALIGNANT)[mask]
    if truth.all() or not truth.any():
        return {}
    scores = [mine.probability[mask, MALIGNANT], theirs.probability[order][mask, MALIGNANT]]

    def statistic(w: FloatArray) -> FloatArray:
        a, b = (weighted_sensitivity_at(truth, s, SPECIFICITY, w[:, mask]) for s in scores)
        return np.asarray(a - b)

    boot = resampler.run(statistic)
    value = float(statistic(np.ones((1, mine.size)))[0])
    return {"sensitivity": Against(value, boot.interval(), boot.p_value())}


def _adjusted(rows: list[Row]) -> list[Row]:
    """Holm's adjustment of every measure over the rivals; a rival without p counts too, as the worst."""
    adjusted = [dict(r.against) for r in rows]
    for measure in MEASURES:
        having = [i for i, r in enumerate(rows) if measure in r.against]
        raw = [rows[i].against[measure].p for i in having]
        values = holm([1.0 if p is None else p for p in raw] + [1.0] * (len(rows) - len(having)))
        for place, index in enumerate(having):
            p = None if raw[place] is None else float(values[place])
            adjusted[index][measure] = replace(adjusted[index][measure], adjusted=p)
    return [replace(row, against=a) for row, a in zip(rows, adjusted, strict=True)]
