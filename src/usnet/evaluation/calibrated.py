"""Do the system's probabilities mean what they say on these images?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from usnet.evaluation.discrimination import given_nodule
from usnet.evaluation.metric import Metric, known
from usnet.evaluation.truth import MALIGNANT, NORMAL, Cases, FloatArray
from usnet.statistics.bootstrap import Resampler
from usnet.statistics.calibration import ReliabilityBin, brier, calibration_gaps, reliability
from usnet.statistics.calibration_interval import calibration_error_interval

BINS = 10
BoolArray = npt.NDArray[np.bool_]


def calibration_metrics(
    cases: Cases, resampler: Resampler
) -> tuple[list[Metric], dict[str, tuple[ReliabilityBin, ...]]]:
    """Brier score and ECE with bootstrap intervals, and the reliability curve, for each probability."""
    rows: list[Metric] = []
    curves: dict[str, tuple[ReliabilityBin, ...]] = {}
    for subject, probability, truth, mask in _probabilities(cases):
        if not mask.any():
            continue
        curves[subject] = reliability(probability[mask], truth[mask], BINS, groups=cases.group[mask])
        rows += _scores(subject, probability[mask], truth[mask], mask, resampler)
    return rows, curves


def _probabilities(cases: Cases) -> Iterator[tuple[str, FloatArray, BoolArray, BoolArray]]:
    everything = np.ones(cases.size, dtype=bool)
    malignant = cases.truth == MALIGNANT
    yield "p_malignant, all images", cases.probability[:, MALIGNANT], malignant, everything
    yield "malignancy given a nodule, nodule images", given_nodule(cases), malignant, cases.nodule
    normal = cases.truth == NORMAL
    if normal.any():
        yield "p_normal, all images", cases.probability[:, NORMAL], normal, everything


def _scores(subject: str, p: FloatArray, truth: BoolArray, mask: BoolArray, resampler: Resampler) -> list[Metric]:
    boot = resampler.run(lambda w: brier(p, truth, w[:, mask]))
    gaps = calibration_gaps(p, truth, BINS)[0]
    drawn = resampler.draw(lambda w: calibration_gaps(p, truth, BINS, w[:, mask]))
    share = float(truth.mean())
    counts = {"positives": int(truth.sum()), "negatives": int((~truth).sum()), "prevalence": share}
    constant = f"a constant guess at the prevalence scores {share * (1 - share):.4f}"
    return [
        Metric("brier", subject, float(brier(p, truth)[0]), intervals=known(boot.interval(0)), note=constant, **counts),  # type: ignore[arg-type]
        Metric(
            "ece",
            subject,
            float(np.abs(gaps).sum()),
            intervals=known(calibration_error_interval(gaps, drawn)),
            note=f"{BINS} bins of equal width; biased upwards where bins hold few images",
            **counts,  # type: ignore[arg-type]
        ),
    ]
