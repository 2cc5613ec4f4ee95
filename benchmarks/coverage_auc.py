"""Coverage of intervals of the ROC curve: areas, differences, parts, points; cases independent or in clusters."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from benchmarks.coverage_base import Trial, bootstrap
from scipy.integrate import quad
from scipy.special import ndtr, ndtri

from usnet.statistics.arrays import BoolArray, FloatArray
from usnet.statistics.clustered import clustered_auc, clustered_paired_test
from usnet.statistics.intervals import Interval
from usnet.statistics.operating import sensitivity_at, weighted_sensitivity_at, youden
from usnet.statistics.roc import auc, paired_test, weighted_auc
from usnet.statistics.roc_independent import hanley_mcneil_error, unpaired_test
from usnet.statistics.roc_partial import partial_auc, weighted_partial_auc

FIXED = 0.9
"""Specificity at which the sensitivity is asked for, and where the partial area begins."""
LIKENESS = 0.7
"""Correlation of the scores of two images of a patient, beyond their class."""


def separation(area: float) -> float:
    """Distance of two normal laws with variance 1 that gives an AUC."""
    return float(np.sqrt(2) * ndtri(area))


def areas(rng: np.random.Generator, n: int) -> Iterator[Trial]:
    """One AUC, half of the cases positive, and a fifth."""
    for area, share in ((0.75, 0.5), (0.9, 0.5), (0.97, 0.5), (0.9, 0.2)):
        truth = np.arange(n) < share * n
        scores = rng.standard_normal(n) + separation(area) * truth
        where = f"AUC {area:g}, {100 * share:g} % positive"
        found = auc(truth, scores)
        assert found.value is not None  # noqa: S101
        say = partial(Trial, where)
        yield say("DeLong", area, found.value, found.interval)
        yield say("DeLong, logit", area, found.value, auc(truth, scores, scale="logit").interval)
        yield say("Hanley-McNeil", area, found.value, _hanley_mcneil(found.value, truth))
        boot = bootstrap(partial(weighted_auc, truth, scores), np.arange(n), rng)
        yield say("bootstrap", area, found.value, boot.interval())


def _hanley_mcneil(value: float, truth: BoolArray) -> Interval | None:
    half = 1.959964 * hanley_mcneil_error(value, int(truth.sum()), int((~truth).sum()))
    return Interval(value - half, min(value + half, 1.0), "Hanley-McNeil") if half else None


def pairs(rng: np.random.Generator, n: int) -> Iterator[Trial]:
    """AUC .90 against .80: two scores of the same cases with correlation one half; and of different cases."""
    truth, true = np.arange(n) % 2 == 0, 0.1
    shared = np.sqrt(0.5) * rng.standard_normal(n)
    scores = [shared + np.sqrt(0.5) * rng.standard_normal(n) + separation(a) * truth for a in (0.9, 0.8)]
    found = paired_test(truth, *scores)
    say = partial(Trial, "AUC .90 - .80, same cases")
    yield say("DeLong, paired", true, found.difference, found.interval)
    boot = bootstrap(lambda w: weighted_auc(truth, scores[0], w) - weighted_auc(truth, scores[1], w), np.arange(n), rng)
    yield say("bootstrap", true, found.difference, boot.interval())
    other = rng.standard_normal(n) + separation(0.8) * truth
    apart = unpaired_test(truth, scores[0], truth, other)
    yield Trial("AUC .90 - .80, n cases each", "DeLong, unpaired", true, apart.difference, apart.interval)
    wrong = unpaired_test(truth, scores[0], truth, scores[1])
    yield say("wrong: DeLong, unpaired", true, wrong.difference, wrong.interval)


def parts(rng: np.random.Generator, n: int) -> Iterator[Trial]:
    """Partial area over specificity .9 to 1, sensitivity at specificity .9, Youden's point; AUC .85."""
    shift = separation(0.85)
    truth = np.arange(n) % 2 == 0
    scores = rng.standard_normal(n) + shift * truth
    everyone = np.arange(n)
    area = quad(lambda x: ndtr(shift + ndtri(x)), 0, 1 - FIXED)[0]
    boot = bootstrap(partial(weighted_partial_auc, truth, scores, low=FIXED), everyone, rng)
    yield Trial(
        "partial AUC, specificity .9 to 1", "bootstrap", area, partial_auc(truth, scores, FIXED).value, boot.interval()
    )
    point, best = sensitivity_at(truth, scores, FIXED), youden(truth, scores)
    assert point is not None  # noqa: S101
    assert best is not None  # noqa: S101
    at_score = float(ndtr(shift + ndtri(1 - FIXED)))
    say = partial(Trial, "sensitivity at specificity .9 of the score")
    yield say("wilson (threshold taken as given)", at_score, point.sensitivity.value, point.sensitivity.interval)
    boot = bootstrap(partial(weighted_sensitivity_at, truth, scores, FIXED), everyone, rng)
    yield say("bootstrap", at_score, point.sensitivity.value, boot.interval())
    say = partial(Trial, "sensitivity of the threshold read off the same cases")
    for name, chosen in (("specificity .9", point), ("Youden", best)):
        true = float(ndtr(shift - chosen.threshold))
        yield say(f"wilson, {name}", true, chosen.sensitivity.value, chosen.sensitivity.interval)


def clustered(rng: np.random.Generator, n: int) -> Iterator[Trial]:
    """``n`` images, two or five a patient; patients of one class, and patients with images of both classes."""
    for images, mixed in ((2, False), (5, False), (5, True)):
        patient, truth = _patients(n, images, mixed)
        scores = _alike(rng, patient) + separation(0.85) * truth
        where = f"AUC .85, {images} images a patient" + (", both classes in each" if mixed else "")
        say = partial(Trial, where)
        plain, right = auc(truth, scores), clustered_auc(truth, scores, patient)
        yield say("wrong: DeLong on images", 0.85, plain.value, plain.interval)
        yield say("Obuchowski", 0.85, plain.value, right.interval)
        yield say("Obuchowski, logit", 0.85, plain.value, clustered_auc(truth, scores, patient, scale="logit").interval)
        boot = bootstrap(partial(weighted_auc, truth, scores), patient, rng)
        yield say("cluster bootstrap", 0.85, plain.value, boot.interval())
        boot = bootstrap(partial(weighted_auc, truth, scores), np.arange(n), rng)
        yield say("wrong: bootstrap of images", 0.85, plain.value, boot.interval())


def clustered_pairs(rng: np.random.Generator, n: int) -> Iterator[Trial]:
    """Two scores of ``n`` images, five a patient: AUC .90 and .80."""
    patient, truth = _patients(n, 5, mixed=False)
    shared = _alike(rng, patient)
    scores = [np.sqrt(0.5) * (shared + _alike(rng, patient)) + separation(a) * truth for a in (0.9, 0.8)]
    say = partial(Trial, "AUC .90 - .80, 5 images a patient")
    plain, right = paired_test(truth, *scores), clustered_paired_test(truth, scores[0], scores[1], patient)
    yield say("wrong: DeLong on images, paired", 0.1, plain.difference, plain.interval)
    yield say("Obuchowski, paired", 0.1, right.difference, right.interval)
    boot = bootstrap(lambda w: weighted_auc(truth, scores[0], w) - weighted_auc(truth, scores[1], w), patient, rng)
    yield say("cluster bootstrap", 0.1, plain.difference, boot.interval())


def _patients(n: int, images: int, mixed: bool) -> tuple[np.ndarray, BoolArray]:
    patient = np.arange(n) // images
    return patient, (np.arange(n) % 2 == 0) if mixed else (patient % 2 == 0)


def _alike(rng: np.random.Generator, patient: np.ndarray) -> FloatArray:
    """Scores with variance 1, correlated within patients."""
    own = np.sqrt(1 - LIKENESS) * rng.standard_normal(patient.size)
    return np.asarray(np.sqrt(LIKENESS) * rng.standard_normal(int(patient.max()) + 1)[patient] + own)
