"""What the U-statistic analysis returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usnet.statistics.arrays import FloatArray
from usnet.statistics.intervals import Interval
from usnet.statistics.mrmc.moments import Moments
from usnet.statistics.mrmc.results import Estimate, estimate, interval_text, p_text
from usnet.statistics.mrmc.study import Design

NORMAL_ABOVE = 50
"""Degrees of freedom above which the normal law is used, as iMRMC does."""


@dataclass(frozen=True, slots=True, eq=False)
class UEstimate:
    """A reader-averaged AUC or difference.

    ``variance`` is unbiased and may be negative: then ``bdg`` and ``normal`` have neither interval nor p. ``mle`` rests on
    ``variance_mle``. ``df`` and ``df_mle`` are the BDG degrees of freedom (Gallas 2009), ``None`` with a negative variance.
    ``parts`` are the moments of the first, the second and both modalities (of one only, for a mean).
    """

    label: str
    value: float
    readers: int
    positives: int
    negatives: int
    variance: float
    variance_mle: float
    df: float | None
    df_mle: float | None
    bdg: Estimate
    normal: Estimate
    mle: Estimate
    mle_normal: Estimate
    parts: tuple[Moments, ...]

    @property
    def estimable(self) -> bool:
        """Whether the unbiased variance is positive."""
        return self.bdg.interval is not None

    @property
    def interval(self) -> Interval | None:
        """The BDG interval."""
        return self.bdg.interval

    @property
    def p(self) -> float | None:
        """The BDG p value."""
        return self.bdg.p

    def text(self) -> str:
        """For a sentence; falls back on the maximum-likelihood interval and says so."""
        if self.bdg.interval is not None:
            end = f", {p_text(self.p)}" if self.bdg.null == 0 else ""
            return f"{self.value:.3f} ({interval_text(self.bdg.interval)}{end})"
        if self.mle.interval is not None:
            return (
                f"{self.value:.3f} (unbiased variance not positive, interval not estimable; "
                f"maximum likelihood {interval_text(self.mle.interval)})"
            )
        return f"{self.value:.3f} (interval not estimable)"


@dataclass(frozen=True, slots=True, eq=False)
class UResult:
    """U-statistic analysis of one study.

    ``values`` and ``variances [M, R]`` are each reader's AUC with its unbiased variance, ``difference_variances [D, R]`` that of
    each pair of modalities within a reader; NaN where too little was read. ``missing`` counts readings that a factorial study
    would have had.
    """

    merit: str
    design: Design
    readers: tuple[str, ...]
    modalities: tuple[str, ...]
    positives: int
    negatives: int
    missing: int
    means: tuple[UEstimate, ...]
    differences: tuple[UEstimate, ...]
    values: FloatArray
    variances: FloatArray
    difference_variances: FloatArray
    centred: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the numbers must know."""
        found = [
            f"{one.label}: the unbiased variance is {one.variance:.3g}, so p and interval are not estimable"
            for one in (*self.means, *self.differences)
            if not one.estimable
        ]
        if found and self.missing and not self.centred:
            found.append("centring the success scores (centre=True) steadies the variance where readings are missing")
        if self.missing:
            found.append(f"{self.missing} readings are missing; readers weigh by the pairs of cases they read")
        return tuple(found)

    def sentence(self) -> str:
        """Two or three sentences for a methods and results section."""
        how = ", success scores centred" if self.centred else ""
        gaps = f", {self.missing} readings missing" if self.missing else ""
        head = (
            f"{len(self.readers)} readers and {self.positives + self.negatives} cases ({self.positives} with and "
            f"{self.negatives} without the condition) were analysed by U-statistics (Gallas; readers and cases random, BDG "
            f"degrees of freedom{how}){gaps}."
        )
        means = "; ".join(f"{one.label}: {one.text()}" for one in self.means)
        parts = [head, f"Mean {self.merit}: {means}."]
        parts.extend(f"Difference ({one.label}): {one.text()}." for one in self.differences)
        return " ".join(parts)


def u_estimate(
    label: str,
    value: float,
    parts: tuple[Moments, ...],
    sizes: tuple[int, int, int],
    *,
    level: float = 0.95,
    null: float | None = None,
) -> UEstimate:
    """Estimate from the moments of one modality, or of two and their cross moments."""
    signs = np.array([1.0]) if len(parts) == 1 else np.array([1.0, 1.0, -2.0])
    variance = float(sum(s * p.covariance for s, p in zip(signs, parts, strict=True)))
    mle = float(sum(s * p.covariance_mle for s, p in zip(signs, parts, strict=True)))
    spread = np.array(sum(s * p.biased_components for s, p in zip(signs, parts, strict=True)))
    degrees = np.minimum.reduce([p.degrees for p in parts[:2]])
    limits = (0.0, 1.0) if len(parts) == 1 else None
    df, df_mle = (_bdg_df(one, spread, degrees) for one in (variance, mle))

    def make(one: float, degree: float | None, method: str) -> Estimate:
        whole = None if degree is None or degree > NORMAL_ABOVE else float(np.floor(degree))
        return estimate(label, value, one, whole, method, level=level, null=null, limits=limits)

    return UEstimate(
        label,
        value,
        *sizes,
        variance,
        mle,
        df,
        df_mle,
        make(variance, df, "U-statistic, BDG degrees of freedom"),
        make(variance, None, "U-statistic, normal"),
        make(mle, df_mle, "V-statistic (maximum likelihood), BDG degrees of freedom"),
        make(mle, None, "V-statistic (maximum likelihood), normal"),
        parts,
    )


def _bdg_df(variance: float, components: FloatArray, degrees: FloatArray) -> float | None:
    """Satterthwaite degrees of freedom of the three sources, at least those of the smallest (Gaylor and Hopper 1969)."""
    if not variance > 0:
        return None
    usable = degrees > 0
    spread = float((components[usable] ** 2 / degrees[usable] ** 3).sum())
    least = float(degrees[usable].min(initial=np.inf))
    return max(variance**2 / spread, least) if spread > 0 else np.inf
