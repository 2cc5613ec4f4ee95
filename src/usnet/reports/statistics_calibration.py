"""``usnet stats calibration``: do probabilities mean what they say, and is acting on them worth it?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from usnet.errors import ConfigError
from usnet.reports.statistics import Cell, Grid, Outcome, interval_text
from usnet.reports.statistics_calibration_figure import decision_figure, reliability_figure
from usnet.reports.statistics_roc import TRUTH_NAMES, size_text
from usnet.statistics.arrays import BoolArray, FloatArray
from usnet.statistics.bootstrap import Bootstrap, Resampler, weighted_mean
from usnet.statistics.calibration import ReliabilityBin, brier, calibration_gaps, isotonic, platt, reliability
from usnet.statistics.calibration_interval import calibration_error_interval
from usnet.statistics.calibration_line import CLIP, CalibrationLine, calibration_line
from usnet.statistics.clustered import FEW_CLUSTERS
from usnet.statistics.decision_curve import decision_curve, net_benefit
from usnet.statistics.tables import choose, read_table

PROBABILITY_NAMES = ("probability", "score", "p_malignant")
THRESHOLDS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5)


@dataclass(frozen=True, slots=True)
class _Data:
    p: FloatArray
    y: BoolArray
    groups: np.ndarray
    resampler: Resampler
    level: float
    bins: int

    @property
    def ci(self) -> str:
        return f"{100 * self.level:g} % CI"


def calibration_outcome(
    path: Path,
    probability: str | None = None,
    *,
    truth: str | None = None,
    positive: str | None = None,
    cluster: str | None = None,
    bins: int = 10,
    thresholds: Sequence[float] | None = None,
    prevalence: float | None = None,
    bootstrap: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> Outcome:
    """Brier score, calibration error, slope and intercept, reliability, and net benefit of one column of probabilities.

    Raises
    ------
    DataError
        The file or a cell is not as it should be; a value is no probability.
    ConfigError
        A threshold is outside (0, 1), or the prevalence is.
    """
    chosen = tuple(thresholds or THRESHOLDS)
    if any(not 0 < t < 1 for t in chosen) or (prevalence is not None and not 0 < prevalence < 1):
        raise ConfigError("a threshold or prevalence outside 0 to 1", expected="numbers between 0 and 1, as 0.05,0.1")
    table = read_table(path)
    labels = table.truth(choose(table, truth, TRUTH_NAMES, "truth"), positive)
    name = choose(table, probability, PROBABILITY_NAMES, "probability")
    values = table.probabilities(name)
    groups = np.array(table.text(cluster)) if cluster else np.arange(labels.size).astype(str)
    data = _Data(values, labels, groups, Resampler(groups, bootstrap, seed), level, bins)
    line = calibration_line(values, labels, groups, level)
    points = reliability(values, labels, bins, groups=groups, level=level)
    measured, score = _measures(data, line)
    curve = decision_curve(values, labels, prevalence=prevalence)
    draws = f"{bootstrap} draws of {data.resampler.clusters} {'clusters' if cluster else 'cases'}, seed {seed}"
    method = (
        f"percentile bootstrap ({draws}), calibration error by test inversion; slope and intercept: logistic regression, sandwich "
        "variance; bins: Wilson"
    )
    size = size_text(labels, groups.tolist() if cluster else None)
    knots, fitted = isotonic(values, labels)
    return Outcome(
        "calibration",
        method,
        size,
        cluster or "case",
        (measured, _bins(points, data), _decision(data, chosen, prevalence)),
        (_sentence(name, score, line, data, size),),
        _notes(data, line, cluster, prevalence),
        {
            "line": line,
            "reliability": points,
            "decision_curve": curve,
            "platt": _platt(data),
            "isotonic": {"probability": knots, "fitted": fitted},
        },
        {"reliability": reliability_figure(points, name), "decision": decision_figure(curve, name)},
        f"Calibration of {name}",
    )


def _measures(data: _Data, line: CalibrationLine) -> tuple[Grid, str]:
    """The table, and the Brier score in words."""

    def draw(w: FloatArray) -> FloatArray:
        large = weighted_mean(data.y.astype(np.float64) - data.p)(w)
        gaps = calibration_gaps(data.p, data.y, data.bins, w)
        return np.column_stack([brier(data.p, data.y, w), np.abs(gaps).sum(axis=1), large, gaps])

    value, boot = draw(np.ones((1, data.y.size)))[0], data.resampler.run(draw, data.level)
    error = calibration_error_interval(value[3:], boot.draws[:, 3:], data.level)
    limits = (boot.interval(0), error, boot.interval(2))
    share = float(data.y.mean())
    meaning = (
        f"0 is best; a constant guess at the prevalence scores {share * (1 - share):.4f}",
        f"{data.bins} bins of equal width; biased upwards where bins hold few cases",
        "0 is best; above 0: more cases are positive than predicted",
    )
    names = ("Brier score", "expected calibration error", "observed minus predicted share")
    rows: list[tuple[Cell, ...]] = [
        (name, float(value[i]), interval_text(limits[i], 4), meaning[i]) for i, name in enumerate(names)
    ]
    note = line.note or ""
    rows.append(
        ("slope", line.slope, interval_text(line.slope_interval, 4), note or "1 is best; below 1: too near 0 and 1")
    )
    rows.append(("intercept", line.intercept, interval_text(line.intercept_interval, 4), note or "0 is best"))
    title = "Calibration"
    return Grid(title, ("measure", "value", data.ci, "meaning"), tuple(rows), 4), _brier_text(
        float(value[0]), boot, data
    )


def _brier_text(value: float, boot: Bootstrap, data: _Data) -> str:
    return f"{value:.3f} ({data.ci} {interval_text(boot.interval(0))})"


def _bins(points: Sequence[ReliabilityBin], data: _Data) -> Grid:
    rows = tuple(
        (
            f"{b.low:g} to {b.high:g}",
            int(b.observed.denominator),
            b.predicted,
            b.observed.value,
            interval_text(b.observed.interval),
        )
        for b in points
    )
    return Grid("Reliability", ("predicted", "cases", "mean predicted", "observed share", data.ci), rows)


def _decision(data: _Data, thresholds: Sequence[float], prevalence: float | None) -> Grid:
    """Net benefit of the model, of acting on all, and the gain over the better of acting on all and on none."""
    t = np.array(thresholds)

    def draw(w: FloatArray) -> FloatArray:
        model = net_benefit(data.p, data.y, t, w, prevalence=prevalence)
        everyone = net_benefit(np.ones(data.y.size), data.y, t, w, prevalence=prevalence)
        return np.concatenate([model, everyone, model - np.maximum(everyone, 0)], axis=1)

    value, boot = draw(np.ones((1, data.y.size)))[0], data.resampler.run(draw, data.level)
    k = t.size
    rows = tuple(
        (
            f"{t[i]:g}",
            float(value[i]),
            interval_text(boot.interval(i)),
            float(value[k + i]),
            float(value[2 * k + i]),
            interval_text(boot.interval(2 * k + i)),
        )
        for i in range(k)
    )
    at = "of these cases" if prevalence is None else f"{prevalence:g}"
    headings = ("threshold", "model", data.ci, "act on all", "gain over the better default", data.ci)
    return Grid(f"Decision curve: net benefit for each case, prevalence {at}", headings, rows)


def _platt(data: _Data) -> dict[str, float]:
    slope, intercept = platt(np.log(np.clip(data.p, CLIP, 1 - CLIP) / np.clip(1 - data.p, CLIP, 1)), data.y)
    return {"slope": slope, "intercept": intercept}


def _notes(data: _Data, line: CalibrationLine, cluster: str | None, prevalence: float | None) -> tuple[str, ...]:
    found = []
    if cluster is None:
        found.append("Cases are taken as independent; name the cluster (patient) where several belong together.")
    elif data.resampler.clusters < FEW_CLUSTERS:
        found.append(f"Only {data.resampler.clusters} clusters: intervals are unstable below {FEW_CLUSTERS}.")
    if prevalence is None:
        found.append(
            "Net benefit and calibration hold at the prevalence of these cases; --prevalence changes the first."
        )
    if line.clipped:
        found.append(
            f"{line.clipped} probabilities nearer than {CLIP:g} to 0 or 1 were moved there for slope and intercept."
        )
    found.append("Platt's and the isotonic fit are in the JSON: they are fitted on these cases, so use them on others.")
    return tuple(found)


def _sentence(name: str, score: str, line: CalibrationLine, data: _Data, size: str) -> str:
    slope = "not estimable"
    if line.slope is not None:
        slope = f"{line.slope:.2f} ({data.ci} {interval_text(line.slope_interval, 2)})"
    return f"The Brier score of {name} was {score} and its calibration slope {slope}; {size}."
