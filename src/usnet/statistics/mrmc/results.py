"""What an analysis of variance of a reader study returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import chdtrc, fdtrc, ndtr, ndtri, stdtr, stdtrit

from usnet.statistics.arrays import FloatArray
from usnet.statistics.intervals import Interval
from usnet.statistics.mrmc.study import Design

Factor = Literal["random", "fixed"]

COVARIANCE_NAMES = {"delong": "DeLong", "jackknife": "jackknife", "unbiased": "unbiased"}

NOTHING = 1e-13
"""A variance below this (standard error below 3e-7) is rounding: nothing can be tested against it."""


@dataclass(frozen=True, slots=True)
class Components:
    """Variance components of the Obuchowski-Rockette model, as estimated: negative ones are shown, not clipped.

    ``reader`` and ``modality_reader`` are ``None`` where the design does not tell them apart, a covariance where no pair of
    cells shares cases in that way. ``error`` is the variance of a cell due to its cases; ``cov1`` same reader, other modality;
    ``cov2`` same modality, other reader; ``cov3`` both differ.
    """

    reader: float | None
    modality_reader: float | None
    error: float | None
    cov1: float | None
    cov2: float | None
    cov3: float | None

    def negative(self) -> tuple[str, ...]:
        """Names of components below 0."""
        names = ("reader", "modality_reader", "error", "cov1", "cov2", "cov3")
        return tuple(name for name in names if (value := getattr(self, name)) is not None and value < -NOTHING)


@dataclass(frozen=True, slots=True)
class EqualityTest:
    """Test that all modalities are equal: ``F`` on (``df1``, ``df2``) or ``chi2`` on ``df1``."""

    name: Literal["F", "chi2"]
    statistic: float
    df1: float
    df2: float | None
    p: float
    denominator: float
    mean_square: float

    def text(self) -> str:
        """For a sentence: ``F(1, 15.26) = 4.46, p = .052``."""
        inside = f"{self.df1:.4g}" if self.df2 is None else f"{self.df1:.4g}, {self.df2:.4g}"
        name = "chi-square" if self.name == "chi2" else self.name
        return f"{name}({inside}) = {self.statistic:.3g}, {p_text(self.p)}"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean or a difference with its interval.

    ``statistic`` (t, or z where ``df`` is ``None``) and ``p`` test it against ``null``. ``interval``, ``statistic`` and ``p`` are
    ``None`` where the variance is 0, negative or unknown: *not estimable*. ``other`` names the reader of a reader's own
    difference.
    """

    label: str
    value: float
    standard_error: float | None
    df: float | None
    interval: Interval | None
    statistic: float | None = None
    p: float | None = None
    null: float | None = None
    other: str | None = None

    @property
    def estimable(self) -> bool:
        """Whether there is an interval."""
        return self.interval is not None

    def text(self) -> str:
        """For a sentence: ``0.897 (95 % CI 0.825 to 0.969)``."""
        if self.interval is None:
            return f"{self.value:.3f} (interval not estimable)"
        return f"{self.value:.3f} ({interval_text(self.interval)})"


def estimate(
    label: str,
    value: float,
    variance: float,
    df: float | None,
    method: str,
    *,
    level: float = 0.95,
    null: float | None = None,
    limits: tuple[float, float] | None = None,
    other: str | None = None,
) -> Estimate:
    """Estimate with its interval by Student's t (normal where ``df`` is ``None``), clipped to ``limits``; not estimable where
    ``variance`` is 0, negative or NaN."""
    if not variance > NOTHING:
        return Estimate(label, value, 0.0 if abs(variance) <= NOTHING else None, df, None, null=null, other=other)
    error = float(np.sqrt(variance))
    half = float(ndtri(0.5 + level / 2) if df is None else stdtrit(df, 0.5 + level / 2)) * error
    low, high = value - half, value + half
    if limits is not None:
        low, high = max(low, limits[0]), min(high, limits[1])
    interval = Interval(low, high, method, level)
    if null is None:
        return Estimate(label, value, error, df, interval, other=other)
    statistic = (value - null) / error
    p = float(2 * (ndtr(-abs(statistic)) if df is None else stdtr(df, -abs(statistic))))
    return Estimate(label, value, error, df, interval, statistic, p, null, other)


def f_test(mean_square: float, denominator: float, df1: float, df2: float) -> EqualityTest | None:
    """F test; ``None`` where the denominator is 0."""
    if not denominator > NOTHING:
        return None
    value = mean_square / denominator
    return EqualityTest("F", value, df1, df2, float(fdtrc(df1, df2, value)), denominator, mean_square)


def chi2_test(mean_square: float, denominator: float, df: float) -> EqualityTest | None:
    """Chi-square test; ``None`` where the denominator is 0 or negative."""
    if not denominator > NOTHING:
        return None
    value = df * mean_square / denominator
    return EqualityTest("chi2", value, df, None, float(chdtrc(df, value)), denominator, mean_square)


@dataclass(frozen=True, slots=True, eq=False)
class MrmcResult:
    """Obuchowski-Rockette (or DBM) analysis of one study.

    ``values [M, R]`` (NaN where a reader did not work in a modality) and ``covariance [M * R, M * R]`` (modality by modality) are
    what the tests rest on. ``differences`` are first minus second of each pair of modalities, ``by_reader`` the same within each
    reader (only where readers are fixed). ``test`` is ``None`` with one modality or where nothing varies. ``notes`` says what a
    reader of the numbers must know: truncations, negative components, perfect readers.
    """

    method: str
    merit: str
    design: Design
    covariance_method: str
    random_readers: bool
    random_cases: bool
    readers: tuple[str, ...]
    modalities: tuple[str, ...]
    positives: int
    negatives: int
    values: FloatArray
    covariance: FloatArray
    components: Components
    means: tuple[Estimate, ...]
    differences: tuple[Estimate, ...]
    by_reader: tuple[Estimate, ...]
    test: EqualityTest | None
    notes: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Two or three sentences for a methods and results section."""
        scope = " and ".join(
            f"{name} {'random' if random else 'fixed'}"
            for name, random in (("readers", self.random_readers), ("cases", self.random_cases))
        )
        error = (
            f" and {COVARIANCE_NAMES.get(self.covariance_method, self.covariance_method)} covariance"
            if self.random_cases
            else ""
        )
        head = (
            f"{len(self.readers)} readers and {self.positives + self.negatives} cases ({self.positives} with and "
            f"{self.negatives} without the condition), {self.design} design, were analysed by the {self.method} method{error}, "
            f"{scope}."
        )
        means = "; ".join(f"{m.label}: {m.text()}" for m in self.means)
        parts = [head, f"Mean {self.merit}: {means}."]
        if len(self.differences) == 1:
            parts.append(f"Difference ({self.differences[0].label}): {self.differences[0].text()}.")
        if self.test is not None:
            parts.append(f"Test of equality: {self.test.text()}.")
        elif len(self.modalities) > 1:
            parts.append("Test of equality: not estimable.")
        return " ".join(parts)


def p_text(p: float | None) -> str:
    """``p = .052``, ``p < .001`` or ``p not estimable``."""
    if p is None:
        return "p not estimable"
    if p < 0.001:
        return "p < .001"
    return f"p = {p:.3f}".replace("0.", ".", 1)


def interval_text(interval: Interval) -> str:
    """``95 % CI 0.825 to 0.969``."""
    return f"{100 * interval.level:g} % CI {interval.low:.3f} to {interval.high:.3f}"
