"""U-statistics for reader studies of any design, with missing readings (Gallas).

Gallas, Acad Radiol 2006; 13:353 (one-shot estimate); Gallas and Brown, Neural Netw 2008; 21:387 (any design); Gallas, Bandos,
Samuelson and Wagner, Commun Stat Theory Methods 2009; 38:2586 (components and degrees of freedom). The AUC of a modality is the
share of ordered pairs over all pairs that some reader read, so a reader who read more weighs more.

The unbiased variance changes when a constant is added to all success scores, unless the design is balanced. Where readings are
missing at random it is therefore noisy, and a variance of a difference below 0 is not rare; ``centre`` removes most of it.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from usnet.errors import ConfigError
from usnet.statistics.arrays import FloatArray
from usnet.statistics.mrmc.moments import Moments, Pair, pair_moments
from usnet.statistics.mrmc.study import MissingClass, Study, UnbalancedStudy
from usnet.statistics.mrmc.uresults import UEstimate, UResult, u_estimate


def ustatistics(
    study: Study, *, merit: str = "auc", threshold: float | None = None, centre: bool = False, level: float = 0.95
) -> UResult:
    """Analyse a study of any design, readers and cases random.

    Parameters
    ----------
    merit
        ``auc``, or ``sensitivity`` and ``specificity`` of binary decisions: positive at a rating ``>= threshold``.
    centre
        Take each modality's AUC off its success scores before the moments are formed. It changes nothing where every reader read
        every case; with missing readings the variance is steadier and seldom negative, but it is no longer what iMRMC gives.

    Returns
    -------
    UResult
        Per modality and per pair of modalities the estimate with its unbiased variance, BDG degrees of freedom, p and interval
        (t on the whole number of degrees of freedom below; normal above 50), beside the maximum-likelihood (V-statistic)
        variance, which is biased upwards but never negative. Where the unbiased variance is negative, p and interval are
        ``None``: not estimable.

    Raises
    ------
    UnbalancedStudy
        A modality has one reader.
    MissingClass
        A modality has too few pairs of a case with and a case without the condition that two readers read.
    ConfigError
        The merit is unknown or lacks its threshold.
    """
    scores = _as_comparisons(study, merit, threshold)
    per_modality = [pair_moments(study.truth, block, block) for block in scores]
    _refuse_too_few(study, per_modality)
    shifts = [pair.total.first if centre else 0.0 for pair in per_modality]
    if centre:
        per_modality = [
            pair_moments(study.truth, block, block, (c, c)) for block, c in zip(scores, shifts, strict=True)
        ]
    null = 0.5 if merit == "auc" else None
    means = tuple(
        u_estimate(name, pair.total.first, (pair.total,), _sizes(study, [i]), level=level, null=null)
        for i, (name, pair) in enumerate(zip(study.modalities, per_modality, strict=True))
    )
    differences, by_reader = [], []
    for i, j in combinations(range(len(scores)), 2):
        cross = pair_moments(study.truth, scores[i], scores[j], (shifts[i], shifts[j]))
        label = f"{study.modalities[i]} - {study.modalities[j]}"
        first, second = per_modality[i], per_modality[j]
        differences.append(_difference(label, (first.total, second.total, cross.total), _sizes(study, [i, j]), level))
        by_reader.append(first.reader_variances + second.reader_variances - 2 * cross.reader_variances)
    values = np.stack([pair.reader_values for pair in per_modality])
    variances = np.stack([pair.reader_variances for pair in per_modality])
    name = "AUC" if merit == "auc" else f"{merit} at rating >= {threshold:g}"
    shape = (len(differences), len(study.readers))
    return UResult(
        name,
        study.design,
        study.readers,
        study.modalities,
        study.positives,
        study.negatives,
        int((~study.read).sum()),
        means,
        tuple(differences),
        values,
        variances,
        np.array(by_reader).reshape(shape),
        centre,
    )


def _refuse_too_few(study: Study, pairs: list[Pair]) -> None:
    for name, pair in zip(study.modalities, pairs, strict=True):
        if np.isfinite(pair.reader_values).sum() < 2:
            raise UnbalancedStudy(
                f"one reader, or none, read both classes in {name!r}", source=study.source, expected="two"
            )
        if not pair.total.estimable:
            raise MissingClass(
                f"too few readings in {name!r}",
                source=study.source,
                expected="two readers with two cases with and two without the condition",
            )


def _difference(
    label: str, parts: tuple[Moments, Moments, Moments], sizes: tuple[int, int, int], level: float
) -> UEstimate:
    return u_estimate(label, parts[0].first - parts[1].first, parts, sizes, level=level, null=0.0)


def _sizes(study: Study, modalities: list[int]) -> tuple[int, int, int]:
    """Readers, positive and negative cases that took part."""
    read = study.read[modalities]
    cases = read.any(axis=(0, 1))
    return int(read.any(axis=(0, 2)).sum()), int((cases & study.truth).sum()), int((cases & ~study.truth).sum())


def _as_comparisons(study: Study, merit: str, threshold: float | None) -> FloatArray:
    """Scores whose AUC is the merit: for a sensitivity every negative case scores one half and a positive case 1 or 0."""
    if merit == "auc":
        return np.asarray(study.scores)
    if merit not in ("sensitivity", "specificity"):
        raise ConfigError(f"unknown figure of merit {merit!r}", expected="auc, sensitivity or specificity")
    if threshold is None:
        raise ConfigError(f"{merit} needs a threshold", hint="Give the lowest rating that counts as positive")
    decided = (study.scores >= threshold).astype(np.float64)
    counts = study.truth if merit == "sensitivity" else ~study.truth
    return np.where(study.read, np.where(counts, decided, 0.5), np.nan)
