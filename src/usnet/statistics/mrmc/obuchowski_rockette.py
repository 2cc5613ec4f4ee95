"""Obuchowski-Rockette analysis of variance with Hillis' degrees of freedom.

Model: ``theta_ij = mu + tau_i + R_j + (tau R)_ij + e_ij`` for modality ``i`` of ``t`` and reader ``j`` of ``r``, with errors that
correlate because cells share cases. Obuchowski and Rockette, Commun Stat Simul 1995; 24:285; Hillis, Stat Med 2007; 26:596; for
the nested designs Hillis, Stat Med 2014; 33:330. Everything works on ``values [M, R]`` and their covariance, so any figure of
merit will do, free-response ones too.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from usnet.errors import ConfigError
from usnet.statistics.arrays import FloatArray
from usnet.statistics.mrmc.results import (
    NOTHING,
    Components,
    EqualityTest,
    Estimate,
    Factor,
    MrmcResult,
    chi2_test,
    estimate,
    f_test,
)
from usnet.statistics.mrmc.study import Design, UnbalancedStudy


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Figures of merit of all cells with names and design: ``values [M, R]`` (NaN: reader not in that modality) and
    ``covariance [M * R, M * R]``, row ``i * R + j`` for modality ``i`` and reader ``j``."""

    values: FloatArray
    covariance: FloatArray
    readers: tuple[str, ...]
    modalities: tuple[str, ...]
    design: Design = "factorial"
    limits: tuple[float, float] | None = (0.0, 1.0)
    positives: int = 0
    negatives: int = 0
    merit: str = "AUC"
    covariance_method: str = "jackknife"

    @property
    def nested_readers(self) -> bool:
        """Whether each reader works in one modality only."""
        return self.design == "readers nested in modality"


@dataclass(frozen=True, slots=True)
class Squares:
    """Mean squares: modality, reader, modality x reader (in the nested design: reader within modality); with sizes.

    ``readers`` is the number of readers a modality (the harmonic mean where it differs), ``df`` that of ``error``.
    """

    modality: float
    reader: float | None
    error: float | None
    readers: float
    df: float


def obuchowski_rockette(
    cells: Cells, *, readers: Factor = "random", cases: Factor = "random", level: float = 0.95
) -> MrmcResult:
    """Analyse figures of merit.

    ``Cov2 - Cov3`` and ``Cov2`` are taken as 0 in a denominator where they are negative (the components show the estimates). With
    readers random and cases random: ``F = MS(T) / (MS(TR) + r max(Cov2 - Cov3, 0))``, denominator degrees of freedom
    ``denominator^2 / (MS(TR)^2 / ((t - 1)(r - 1)))``; readers fixed: chi-square against
    ``Var - Cov1 + (r - 1) max(Cov2 - Cov3, 0)``; cases fixed: ``F = MS(T) / MS(TR)``. Readers nested in modality: ``MS(R(T))``
    takes the place of ``MS(TR)``, with ``t (r - 1)`` degrees of freedom, and Cov2 that of Cov1.

    Raises
    ------
    ConfigError
        Neither readers nor cases are random.
    UnbalancedStudy
        The design is unbalanced, or readers are random and a modality has one reader.
    """
    if readers == "fixed" and cases == "fixed":
        raise ConfigError("readers and cases are both fixed: nothing is left to chance", hint="Make one of them random")
    if cells.design == "unbalanced":
        raise UnbalancedStudy(
            "readings are missing so that no balanced design is left",
            expected="a factorial or a nested design",
            hint="Use the U-statistics (method 'ustat'), or only the cases that all readers read",
        )
    if readers == "random" and (~np.isnan(cells.values)).sum(axis=1).min() < 2:
        raise UnbalancedStudy("a modality has one reader", expected="two, or readers fixed")
    squares = mean_squares(cells)
    components = components_of(cells, squares)
    gap = components.cov2_gap
    denominator, df = _denominator(squares, components, gap, readers, cases)
    test = _test(len(cells.modalities), squares, denominator, df)
    means = tuple(_mean(cells, index, readers, cases, level) for index in range(len(cells.modalities)))
    return MrmcResult(
        "Obuchowski-Rockette",
        cells.merit,
        cells.design,
        cells.covariance_method,
        readers == "random",
        cases == "random",
        cells.readers,
        cells.modalities,
        cells.positives,
        cells.negatives,
        cells.values,
        cells.covariance,
        components.shown,
        means,
        _differences(cells, squares, denominator, df, level),
        _by_reader(cells, level) if readers == "fixed" else (),
        test,
        _notes(cells, components, cases, means),
    )


def mean_squares(cells: Cells) -> Squares:
    """Mean squares of ``values``, every modality weighing the same."""
    values = cells.values
    t = values.shape[0]
    means = np.nanmean(values, axis=1)
    counts = (~np.isnan(values)).sum(axis=1)
    r = float(t / (1 / counts).sum())
    modality = r * float(np.var(means, ddof=1)) if t > 1 else 0.0
    if cells.nested_readers:
        df = float((counts - 1).sum())
        within = float(np.nansum((values - means[:, None]) ** 2))
        return Squares(modality, None, within / df if df else None, r, df)
    by_reader = values.mean(axis=0)
    reader = t * float(np.var(by_reader, ddof=1)) if r > 1 else None
    df = float((t - 1) * (counts[0] - 1))
    residual = float(((values - means[:, None] - by_reader + values.mean()) ** 2).sum())
    return Squares(modality, reader, residual / df if df else None, r, df)


@dataclass(frozen=True, slots=True)
class _Errors:
    shown: Components
    error: float
    cov1: float
    cov2: float
    cov3: float

    @property
    def cov2_gap(self) -> float:
        return self.cov2 - self.cov3


def components_of(cells: Cells, squares: Squares) -> _Errors:
    """Error variance and covariances averaged over pairs of cells, and the reader components that follow."""
    t, r = cells.values.shape
    there = ~np.isnan(cells.values).reshape(-1)
    modality, reader = np.divmod(np.arange(t * r), r)
    both = np.outer(there, there)
    same_modality, same_reader = np.equal.outer(modality, modality), np.equal.outer(reader, reader)
    masks = [same_modality & same_reader, ~same_modality & same_reader, same_modality & ~same_reader]
    masks.append(~same_modality & ~same_reader)
    gone = {"cases nested in reader": (2, 3), "cases nested in modality": (1, 3)}.get(cells.design, ())
    found: list[float | None] = []
    for index, mask in enumerate(masks):
        picked = cells.covariance[mask & both]
        found.append(None if index in gone or not picked.size else float(picked.mean()))
    error, cov1, cov2, cov3 = (0.0 if value is None else value for value in found)
    between = inner = None
    if squares.error is not None and squares.reader is not None:
        between = (squares.reader - squares.error) / t - cov1 + cov3
        inner = squares.error - error + cov1 + cov2 - cov3
    elif squares.error is not None:
        inner = squares.error - error + cov2
    return _Errors(Components(between, inner, *found), error, cov1, cov2, cov3)


def _denominator(
    squares: Squares, errors: _Errors, gap: float, readers: Factor, cases: Factor
) -> tuple[float, float | None]:
    """Denominator of the test, with its degrees of freedom (``None``: chi-square)."""
    r = squares.readers
    if readers == "fixed":
        own = errors.error - (errors.cov2 if squares.reader is None and r > 1 else errors.cov1)
        weight = r if squares.reader is None and r > 1 else r - 1
        return own + weight * max(gap, 0.0), None
    if squares.error is None:
        return float("nan"), None
    if cases == "fixed":
        return squares.error, squares.df
    denominator = squares.error + r * max(gap, 0.0)
    if squares.error <= NOTHING:
        return denominator, None
    return denominator, denominator**2 / (squares.error**2 / squares.df)


def _test(modalities: int, squares: Squares, denominator: float, df: float | None) -> EqualityTest | None:
    if modalities < 2:
        return None
    if df is None:
        return chi2_test(squares.modality, denominator, modalities - 1)
    return f_test(squares.modality, denominator, modalities - 1, df)


def _mean(cells: Cells, index: int, readers: Factor, cases: Factor, level: float) -> Estimate:
    """Mean over readers in one modality, from that modality alone (Hillis 2007, single-modality intervals)."""
    row = cells.values[index]
    known = np.flatnonzero(~np.isnan(row))
    r = known.size
    block = cells.covariance[np.ix_(index * row.size + known, index * row.size + known)]
    cov2 = 0.0
    if r > 1 and cells.design != "cases nested in reader":
        cov2 = max(float((block.sum() - np.trace(block)) / (r * (r - 1))), 0.0)
    name, value, limits = cells.modalities[index], float(row[known].mean()), cells.limits
    method = f"Obuchowski-Rockette, {cells.covariance_method}"
    if readers == "fixed":
        variance = (float(np.trace(block)) / r + (r - 1) * cov2) / r
        return estimate(name, value, variance, None, method, level=level, limits=limits)
    square = float(np.var(row[known], ddof=1))
    if cases == "fixed":
        return estimate(name, value, square / r, r - 1, "Obuchowski-Rockette, cases fixed", level=level, limits=limits)
    df = (square + r * cov2) ** 2 / (square**2 / (r - 1)) if square > NOTHING else None
    return estimate(name, value, square / r + cov2, df, method, level=level, limits=limits)


def _differences(
    cells: Cells, squares: Squares, denominator: float, df: float | None, level: float
) -> tuple[Estimate, ...]:
    means = np.nanmean(cells.values, axis=1)
    found = []
    for first, second in combinations(range(len(means)), 2):
        label = f"{cells.modalities[first]} - {cells.modalities[second]}"
        value = float(means[first] - means[second])
        variance = 2 * denominator / squares.readers
        found.append(estimate(label, value, variance, df, "Obuchowski-Rockette", level=level, null=0.0))
    return tuple(found)


def _by_reader(cells: Cells, level: float) -> tuple[Estimate, ...]:
    """Differences within each reader, with that reader's own Var and Cov1 (fixed readers)."""
    t, r = cells.values.shape
    if cells.nested_readers or t < 2:
        return ()
    found = []
    for j, name in enumerate(cells.readers):
        block = cells.covariance[j::r, j::r]
        cov1 = (block.sum() - np.trace(block)) / (t * (t - 1))
        variance = 2 * (np.trace(block) / t - cov1)
        for first, second in combinations(range(t), 2):
            label = f"{cells.modalities[first]} - {cells.modalities[second]}"
            value = float(cells.values[first, j] - cells.values[second, j])
            method = f"{cells.covariance_method}, one reader"
            found.append(estimate(label, value, float(variance), None, method, level=level, null=0.0, other=name))
    return tuple(found)


def _notes(cells: Cells, errors: _Errors, cases: Factor, means: tuple[Estimate, ...]) -> tuple[str, ...]:
    notes = []
    if cases == "random":
        if errors.cov2_gap < 0:
            notes.append(f"Cov2 - Cov3 is {errors.cov2_gap:.3g} and was taken as 0 in the test")
        if negative := errors.shown.negative():
            notes.append(f"negative variance components: {', '.join(negative).replace('_', ' x ')}")
    counts = (~np.isnan(cells.values)).sum(axis=1)
    if len(set(counts.tolist())) > 1:
        notes.append(f"{counts.min()} to {counts.max()} readers a modality: the harmonic mean was used")
    notes.extend(f"{mean.label}: nothing varies, so no interval can be given" for mean in means if not mean.estimable)
    if cells.covariance_method == "delong" and np.isin(cells.values, (0.0, 1.0)).any():
        notes.append("a reader separates the classes perfectly: DeLong's variance of that cell is 0")
    return tuple(notes)
