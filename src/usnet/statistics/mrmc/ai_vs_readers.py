"""One algorithm against a group of readers on the same cases.

The algorithm is fixed: it has no reader variance. The readers' differences to it are analysed as a single modality with readers
random (Hillis, Berbaum and Metz 2005; Hupse et al., Radiology 2013; 266:123; RJafroc's *1T-RRRC* and *1T-RRFC*).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from usnet.errors import DataError
from usnet.statistics.arrays import FloatArray
from usnet.statistics.mrmc.covariance import CovarianceMethod, covariance_of
from usnet.statistics.mrmc.merit import Merit, find_merit
from usnet.statistics.mrmc.results import NOTHING, Estimate, Factor, estimate, interval_text, p_text
from usnet.statistics.mrmc.study import Study, UnbalancedStudy


@dataclass(frozen=True, slots=True, eq=False)
class AiResult:
    """Readers minus algorithm.

    ``difference`` is the mean over readers of (reader - algorithm) with its test against 0; ``readers_mean`` the readers' mean with
    its own interval; ``ai_value`` the algorithm's. ``square`` is the variance over readers of their values, ``error`` and ``cov2``
    the variance and the covariance of the differences that come from cases (``None`` with cases fixed).
    """

    method: str
    merit: str
    modality: str
    readers: tuple[str, ...]
    positives: int
    negatives: int
    ai_value: float
    values: FloatArray
    difference: Estimate
    readers_mean: Estimate
    square: float
    error: float | None
    cov2: float | None

    @property
    def ai_reaches(self) -> int:
        """Readers whose value the algorithm reaches or passes."""
        return int((self.values <= self.ai_value).sum())

    def sentence(self) -> str:
        """Two sentences for a methods and results section."""
        limits = f" ({interval_text(self.difference.interval)})" if self.difference.interval else ""
        df = f", df {self.difference.df:.1f}" if self.difference.df is not None else ""
        return (
            f"The algorithm was compared with {len(self.readers)} readers on the same {self.positives + self.negatives} cases "
            f"({self.positives} with and {self.negatives} without the condition) by {self.method}. {self.merit}: algorithm "
            f"{self.ai_value:.3f}, mean of readers {self.readers_mean.text()}, readers minus algorithm "
            f"{self.difference.value:.3f}{limits}, {p_text(self.difference.p)}{df}."
        )


def ai_against_readers(
    study: Study,
    ai: npt.ArrayLike | Mapping[str, float],
    *,
    modality: str | None = None,
    cases: Factor = "random",
    covariance: CovarianceMethod = "jackknife",
    merit: str | Merit = "auc",
    threshold: float | None = None,
    level: float = 0.95,
) -> AiResult:
    """Compare an algorithm with all readers of one modality.

    With cases random: ``T = mean / sqrt(MS / r + max(Cov2, 0))`` on ``(r - 1) ((MS + r max(Cov2, 0)) / MS)^2`` degrees of freedom,
    where ``MS`` and ``Cov2`` are those of the differences; with cases fixed: ``T = mean / sqrt(MS / r)`` on ``r - 1``.

    Parameters
    ----------
    ai
        The algorithm's score of each case ``[K]`` in the study's order, or by name of the case.
    modality
        Which of the study's modalities; not needed where there is one.

    Raises
    ------
    DataError
        A case has no score of the algorithm or a score is NaN; the study has several modalities and none was named.
    UnbalancedStudy
        Readers read different cases, or there is one reader.
    """
    chosen = find_merit(merit, threshold)
    one = _one_modality(study, modality)
    scores = ai_scores(study, ai)[[study.cases.index(name) for name in one.cases]]
    stacked = np.concatenate([one.scores[0], scores[None]])
    values, matrix = covariance_of(one.truth, stacked, chosen, covariance)
    r = len(one.readers)
    contrast = np.concatenate([np.eye(r), -np.ones((r, 1))], axis=1)
    differences = contrast @ values
    error, cov2 = _variance_and_covariance(contrast @ matrix @ contrast.T)
    method, cov2_own = f"1T-RRRC (Hillis), {covariance} covariance", _variance_and_covariance(matrix[:r, :r])[1]
    if cases == "fixed":
        method, cov2, cov2_own = "1T-RRFC", 0.0, 0.0
    difference = _mean("readers - algorithm", differences, cov2, method, level, null=0.0)
    mean = _mean(one.modalities[0], values[:r], cov2_own, method, level, limits=chosen.limits)
    return AiResult(
        method,
        chosen.name,
        one.modalities[0],
        one.readers,
        one.positives,
        one.negatives,
        float(values[r]),
        values[:r],
        difference,
        mean,
        float(np.var(differences, ddof=1)),
        error if cases == "random" else None,
        cov2 if cases == "random" else None,
    )


def ai_scores(study: Study, ai: npt.ArrayLike | Mapping[str, float]) -> FloatArray:
    """Scores ``[K]`` in the study's order; raises :class:`~usnet.errors.DataError` where one is missing or NaN."""
    if isinstance(ai, Mapping):
        missing = [case for case in study.cases if case not in ai]
        if missing:
            raise DataError(
                f"the algorithm has no score of case {missing[0]!r} ({len(missing)} missing)", source=study.source
            )
        ai = [ai[case] for case in study.cases]
    scores = np.asarray(ai, dtype=np.float64)
    if scores.shape != (len(study.cases),):
        raise DataError(f"{scores.size} scores of the algorithm", source=study.source, expected=f"{len(study.cases)}")
    if np.isnan(scores).any():
        raise DataError(
            f"the algorithm's score of case {study.cases[int(np.isnan(scores).argmax())]!r} is NaN", source=study.source
        )
    return scores


def _one_modality(study: Study, modality: str | None) -> Study:
    if modality is None and len(study.modalities) > 1:
        raise DataError(
            f"{len(study.modalities)} modalities",
            source=study.source,
            expected=f"one of {', '.join(study.modalities)} named",
        )
    one = study.select(modalities=[modality or study.modalities[0]])
    if len(one.readers) < 2:
        raise UnbalancedStudy("one reader", source=study.source, expected="two, for a variance between readers")
    if not one.read.all():
        raise UnbalancedStudy(
            f"{int((~one.read).sum())} of {one.read.size} readings are missing in {one.modalities[0]!r}",
            source=study.source,
            expected="every reader to read every case",
            hint="Take study.complete(), or the readers who read all",
        )
    return one


def _variance_and_covariance(matrix: FloatArray) -> tuple[float, float]:
    r = matrix.shape[0]
    return float(np.trace(matrix) / r), float((matrix.sum() - np.trace(matrix)) / (r * (r - 1)))


def _mean(
    label: str,
    values: FloatArray,
    cov2: float,
    method: str,
    level: float,
    null: float | None = None,
    limits: tuple[float, float] | None = None,
) -> Estimate:
    r, extra = values.size, max(cov2, 0.0)
    square = float(np.var(values, ddof=1))
    df = (r - 1) * ((square + r * extra) / square) ** 2 if square > NOTHING else None
    variance = square / r + extra
    return estimate(label, float(values.mean()), variance, df, method, level=level, null=null, limits=limits)
