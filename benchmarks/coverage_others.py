"""Coverage of intervals of detection, agreement, calibration, measurement and groups."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial

import numpy as np
from benchmarks.coverage_base import Trial, bootstrap
from scipy.special import expit, ndtri

from usnet.statistics.agreement import cohen_kappa, kappa_of_table, limits_of_agreement
from usnet.statistics.agreement_many import fleiss_kappa, gwet_ac
from usnet.statistics.arrays import FloatArray
from usnet.statistics.calibration import brier, calibration_gaps
from usnet.statistics.calibration_interval import calibration_error_interval
from usnet.statistics.calibration_line import calibration_line
from usnet.statistics.detection import Matches, average_precision, ranked, weighted_average_precision
from usnet.statistics.froc import weighted_sensitivity
from usnet.statistics.groups import describe, welch_t
from usnet.statistics.groups_pairs import Pair, games_howell
from usnet.statistics.intervals import Interval

MANY = 400_000
"""Cases from which a true value is taken where there is no formula."""
FALSE_MARKS = (0.5,)
CUTS = ndtri(np.array([0.4, 0.7, 0.9]))


def boxes(rng: np.random.Generator, n: int) -> Iterator[Trial]:
    """AP and FROC sensitivity over ``n`` images, two a patient; three images in four hold a nodule."""
    found, patient = _marks(rng, n)
    ones = np.ones((1, n))
    for points in ("11", "all"):
        statistic = partial(weighted_average_precision, found, points=points)
        say = partial(Trial, f"AP, {points} points, 2 images a patient")
        true, value = _true_boxes()[points], average_precision(found, points)  # type: ignore[arg-type]
        yield say("cluster bootstrap", true, value, bootstrap(statistic, patient, rng).interval())
        yield say("wrong: bootstrap of images", true, value, bootstrap(statistic, np.arange(n), rng).interval())
    statistic = partial(weighted_sensitivity, found, levels=FALSE_MARKS)
    value = float(statistic(ones)[0, 0])
    yield Trial(
        "FROC sensitivity at 0.5 false marks an image, 2 images a patient",
        "cluster bootstrap",
        _true_boxes()["froc"],
        value,
        bootstrap(statistic, patient, rng).interval(),
    )


def _marks(rng: np.random.Generator, n: int) -> tuple[Matches, np.ndarray]:
    """Nodules are marked with probability .95, so that recall ends between two of the 11 points; scores of a patient's nodules are
    alike; one false mark an image on average."""
    patient = np.arange(n) // 2
    truths = (rng.random(n) < 0.75).astype(np.intp)
    ease = np.sqrt(0.7) * rng.standard_normal(int(patient.max()) + 1)[patient]
    marked = np.flatnonzero((truths > 0) & (rng.random(n) < 0.95))
    score = 1.5 + ease[marked] + np.sqrt(0.3) * rng.standard_normal(marked.size)
    false = np.repeat(np.arange(n), rng.poisson(1.0, n))
    image = np.concatenate([marked, false])
    hit = np.arange(image.size) < marked.size
    return ranked(image, np.concatenate([score, rng.standard_normal(false.size)]), hit, truths), patient


@lru_cache
def _true_boxes() -> dict[str, float]:
    found, _ = _marks(np.random.default_rng(1), MANY)
    ones = np.ones((1, MANY))
    values = {p: float(weighted_average_precision(found, ones, p)[0]) for p in ("11", "all")}  # type: ignore[arg-type]
    return values | {"froc": float(weighted_sensitivity(found, ones, FALSE_MARKS)[0, 0])}


def agreement(rng: np.random.Generator, n: int) -> Iterator[Trial]:
    """Two and five readers with four ordered categories, and with a finding that one case in twenty has."""
    for where, rate in (("four categories", _four), ("a finding of 1 in 20", _rare)):
        pair, panel = rate(rng, n, 2), rate(rng, n, 5)
        true = _true_agreement(where)
        for weights in ("none", "linear", "quadratic") if where == "four categories" else ("none",):
            one = cohen_kappa(pair[0], pair[1], weights=weights, categories=range(4))  # type: ignore[arg-type]
            yield Trial(f"agreement, {where}", f"Cohen, weights {weights}", true[weights], one.value, one.interval)
        counts = _counts(panel)
        for name, many in (("Fleiss", fleiss_kappa(counts)), ("Gwet AC1", gwet_ac(counts))):
            yield Trial(f"agreement, {where}, five readers", name, true[name], many.value, many.interval)
        if where == "four categories":
            many = gwet_ac(counts, weights="quadratic")
            yield Trial(f"agreement, {where}, five readers", "Gwet AC2", true["Gwet AC2"], many.value, many.interval)


def _four(rng: np.random.Generator, n: int, readers: int) -> np.ndarray:
    shared = np.sqrt(0.8) * rng.standard_normal(n)
    return np.searchsorted(CUTS, shared + np.sqrt(0.2) * rng.standard_normal((readers, n)))


def _rare(rng: np.random.Generator, n: int, readers: int) -> np.ndarray:
    there = rng.random(n) < 0.05
    return (rng.random((readers, n)) < np.where(there, 0.8, 0.02)).astype(np.intp)


def _counts(panel: np.ndarray) -> FloatArray:
    """``[N, K]`` of the categories that occur: the readers' scale is that of four steps only where four were used."""
    return np.stack([(panel == k).sum(axis=0) for k in range(4 if panel.max() > 1 else 2)], axis=1).astype(np.float64)


@lru_cache
def _true_agreement(where: str) -> dict[str, float]:
    rng = np.random.default_rng(2)
    rate = _four if where == "four categories" else _rare
    pair, panel = rate(rng, MANY, 2), rate(rng, MANY, 5)
    table = np.zeros((4, 4))
    np.add.at(table, (pair[0], pair[1]), 1)
    table = table if where == "four categories" else table[:2, :2]
    found = {w: kappa_of_table(table, weights=w).value for w in ("none", "linear", "quadratic")}  # type: ignore[arg-type]
    counts = _counts(panel)
    found |= {"Fleiss": fleiss_kappa(counts).value, "Gwet AC1": gwet_ac(counts).value}
    found["Gwet AC2"] = gwet_ac(counts, weights="quadratic").value
    return {name: float(value or 0.0) for name, value in found.items()}


def calibration(rng: np.random.Generator, n: int) -> Iterator[Trial]:
    """Probabilities that are right, and probabilities that are too extreme; ten bins."""
    for where, slope in (("probabilities right", 1.0), ("probabilities too extreme", 2.0)):
        p, y = _probabilities(rng, n, slope)
        true_brier, true_ece = _true_calibration(slope)
        say = partial(Trial, f"calibration, {where}")
        boot = bootstrap(partial(_brier_and_gaps, p, y), np.arange(n), rng)
        gaps = calibration_gaps(p, y)[0]
        ece, errors = float(np.abs(gaps).sum()), np.abs(boot.draws[:, 1:]).sum(axis=1)
        yield say("Brier, bootstrap", true_brier, float(brier(p, y)[0]), boot.interval(0))
        yield say("ECE, test inversion", true_ece, ece, calibration_error_interval(gaps, boot.draws[:, 1:]))
        low, high = np.quantile(errors, (0.025, 0.975)).tolist()
        percentile = Interval(low, high, "percentile")
        yield say("wrong: ECE, percentile bootstrap", true_ece, ece, percentile)
        line = calibration_line(p, y)
        yield say("slope, sandwich", 1 / slope, line.slope, line.slope_interval)
        yield say("intercept, sandwich", 0.0, line.intercept, line.intercept_interval)


def _brier_and_gaps(p: FloatArray, y: np.ndarray, w: FloatArray) -> FloatArray:
    return np.column_stack([brier(p, y, w), calibration_gaps(p, y, weights=w)])


def _probabilities(rng: np.random.Generator, n: int, slope: float) -> tuple[FloatArray, np.ndarray]:
    x = 1.5 * rng.standard_normal(n)
    return np.asarray(expit(slope * x)), rng.random(n) < expit(x)


@lru_cache
def _true_calibration(slope: float) -> tuple[float, float]:
    """Brier score and ECE of the law itself, not of a sample; right probabilities have an ECE of 0."""
    x = 1.5 * np.random.default_rng(3).standard_normal(MANY)
    p, chance = expit(slope * x), expit(x)
    place = np.minimum((p * 10).astype(int), 9)
    gap = np.abs(np.bincount(place, weights=p - chance, minlength=10)).sum() / MANY
    return float(((p - chance) ** 2 + chance * (1 - chance)).mean()), float(gap)


def measurements(rng: np.random.Generator, n: int) -> Iterator[Trial]:
    """Limits of agreement of two measurements (normal, and with heavy tails), and means of groups (normal, and skewed)."""
    for law, d, width in (
        ("normal", rng.standard_normal(n), 1.0),
        ("t with 5 df", rng.standard_t(5, n), np.sqrt(5 / 3)),
    ):
        found = limits_of_agreement(d + 0.3, np.zeros(n))
        say = partial(Trial, f"limits of agreement, {law} differences")
        yield say("bias, t", 0.3, found.bias, found.bias_interval)
        yield say("upper limit, Bland and Altman", 0.3 + 1.959964 * width, found.high, found.high_interval)
    first, second = rng.standard_normal(n), 2 * rng.standard_normal(n // 2)
    skewed = np.exp(rng.standard_normal(n))
    mean = describe(skewed)
    yield Trial("mean of a skewed quantity (lognormal)", "t", float(np.exp(0.5)), mean.mean, mean.interval)
    say = partial(Trial, "difference of means, SD 1 and 2, n and n/2")
    welch = welch_t(first + 0.5, second)
    yield say("Welch t", 0.5, welch.effect, welch.interval)


def families(rng: np.random.Generator, n: int) -> Iterator[Trial]:
    """All pairs of three groups at once: the interval holds 0 where those of all pairs hold their true difference."""
    shifts = {"a": 0.5, "b": 0.0, "c": 0.0}
    groups = {
        name: shift + sd * rng.standard_normal(size)
        for (name, shift), sd, size in zip(shifts.items(), (1, 2, 1), (n, n // 2, n), strict=True)
    }
    limits = _together(games_howell(groups), shifts)
    yield Trial("all pairs of three groups, SD 1, 2, 1", "Games-Howell", 0.0, None, limits)


def _together(pairs: list[Pair], true: dict[str, float]) -> Interval | None:
    """The part of the line on which all pairs' intervals, each less its true difference, overlap."""
    gaps = [(pair.interval, true[pair.first] - true[pair.second]) for pair in pairs]
    low = max(one.low - gap for one, gap in gaps if one)
    high = min(one.high - gap for one, gap in gaps if one)
    return Interval(low, high, "family")
