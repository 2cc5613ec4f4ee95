"""``usnet stats mrmc`` and ``sample-size``: many readers, many cases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from usnet.errors import ConfigError, DataError
from usnet.reports.statistics import Cell, Grid, Outcome, interval_text, p_text
from usnet.reports.statistics_margin import margin_grid
from usnet.statistics.arrays import FloatArray
from usnet.statistics.mrmc import (
    AiResult,
    Estimate,
    Kind,
    MarginTest,
    MrmcResult,
    Planning,
    Study,
    UResult,
    ai_against_readers,
    analyse,
    margin_test,
    power,
    read_study,
    sample_size,
    ustatistics,
)
from usnet.statistics.mrmc.results import COVARIANCE_NAMES
from usnet.statistics.tables import read_table

FIXED = {
    "readers-and-cases-random": ("random", "random"),
    "readers-fixed": ("fixed", "random"),
    "cases-fixed": ("random", "fixed"),
}


def mrmc_outcome(
    path: Path,
    *,
    method: str = "or",
    covariance: str = "delong",
    inference: str = "readers-and-cases-random",
    merit: str = "auc",
    threshold: float | None = None,
    margin: float | None = None,
    kind: Kind = "non-inferiority",
    reverse: bool = False,
    centre: bool = False,
    columns: Mapping[str, str] | None = None,
    level: float = 0.95,
) -> Outcome:
    """Analysis of a study file by Obuchowski-Rockette (``or``), ``dbm`` or U-statistics (``u``, which alone may be centred).

    ``margin`` asks of each difference whether the first is no worse by more than that; ``reverse`` turns the differences round.

    Raises
    ------
    DataError
        The file is not as it should be, or the design does not suit the method.
    ConfigError
        An option is unknown.
    """
    study = read_study(path, columns)
    if method not in ("or", "dbm", "u"):
        raise ConfigError(f"unknown method {method!r}", expected="or, dbm or u")
    if centre and method != "u":
        raise ConfigError("only U-statistics can be centred", expected="--method u")
    asked = partial(margin_test, margin=margin, kind=kind, reverse=reverse) if margin is not None else None
    if method == "u":
        found = ustatistics(study, merit=merit, threshold=threshold, centre=centre, level=level)
        return _ustatistics(study, found, asked, level)
    if inference not in FIXED:
        raise ConfigError(f"unknown inference {inference!r}", expected=f"one of {', '.join(FIXED)}")
    readers, cases = FIXED[inference]
    result = analyse(
        study,
        method=method,  # type: ignore[arg-type]
        covariance=covariance,  # type: ignore[arg-type]
        readers=readers,  # type: ignore[arg-type]
        cases=cases,  # type: ignore[arg-type]
        merit=merit,
        threshold=threshold,
        level=level,
    )
    return _anova(result, asked, level)


def ai_outcome(
    path: Path,
    scores: Path,
    *,
    modality: str | None = None,
    cases: str = "random",
    covariance: str = "jackknife",
    merit: str = "auc",
    threshold: float | None = None,
    columns: Mapping[str, str] | None = None,
    level: float = 0.95,
) -> Outcome:
    """One algorithm (CSV of case and score) against the readers of a study file (Hillis; 1T-RRRC)."""
    study, table = read_study(path, columns), read_table(scores)
    names, values = table.text("case"), table.numbers("score")
    if len(set(names)) != len(names):
        raise DataError("a case has two scores", source=table.path)
    result = ai_against_readers(
        study,
        dict(zip(names, values.tolist(), strict=True)),
        modality=modality,
        cases=cases,  # type: ignore[arg-type]
        covariance=covariance,  # type: ignore[arg-type]
        merit=merit,
        threshold=threshold,
        level=level,
    )
    return _ai(result, level)


def sample_size_outcome(
    pilot: Path | None,
    *,
    effect: float,
    components: Mapping[str, float] | None = None,
    readers: int | None = None,
    cases: int | None = None,
    target: float = 0.8,
    alpha: float = 0.05,
    columns: Mapping[str, str] | None = None,
) -> Outcome:
    """Cases for given readers, readers for given cases, or the power of both, from a pilot study or from its components."""
    if (pilot is None) == (components is None):
        raise ConfigError("planning needs a pilot study or variance components, and not both")
    if pilot is not None:
        plan = Planning.from_result(analyse(read_study(pilot, columns), covariance="jackknife"))
    else:
        parts = dict(components or {})
        plan = Planning(
            **{k: parts[k] for k in ("modality_reader", "error", "cov1", "cov2", "cov3")}, cases=int(parts["cases"])
        )
    if readers is not None and cases is not None:
        found = power(plan, readers=readers, cases=cases, effect=effect, alpha=alpha)
    else:
        best = sample_size(plan, effect=effect, readers=readers, cases=cases, target=target, alpha=alpha)
        if best is None:
            raise ConfigError(
                f"no study of this kind reaches a power of {target:g}",
                hint="Take more readers, or look for a larger effect",
            )
        found = best
    counts = sorted({max(2, round(found.readers * f)) for f in (0.5, 0.75, 1, 1.5, 2)})
    sizes = sorted({max(4, round(found.cases * f)) for f in (0.5, 0.75, 1, 1.5, 2)})
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (r, *(power(plan, readers=r, cases=k, effect=effect, alpha=alpha).power for k in sizes)) for r in counts
    )
    grid = Grid(f"Power to find a difference of {effect:g}", ("readers", *(f"{k} cases" for k in sizes)), rows)
    numbers = {"plan": plan, "power": found}
    method = "Obuchowski-Rockette, jackknife covariance, two modalities, factorial, readers and cases random"
    n = f"{found.readers} readers and {found.cases} cases"
    notes = ("Components from a small pilot study are themselves uncertain: read the table, not one number.",)
    return Outcome("sample-size", method, n, "case", (grid,), (found.sentence(),), notes, numbers)


def _estimate(one: Estimate) -> tuple[Cell, ...]:
    return (
        one.label,
        one.value,
        one.standard_error,
        one.df,
        interval_text(one.interval),
        p_text(one.p) if one.null is not None else None,
    )


def _anova(result: MrmcResult, asked: Callable[[Estimate], MarginTest] | None, level: float) -> Outcome:
    ci = f"{100 * level:g} % CI"
    headings = ("", result.merit, "SE", "df", ci, "p")
    grids = [
        Grid("Mean over readers", headings, tuple(map(_estimate, result.means))),
        Grid("Differences", headings, tuple(map(_estimate, result.differences))),
        _by_reader(result.readers, result.modalities, result.values, result.merit),
    ]
    tests = [asked(d) for d in result.differences] if asked else []
    grids += margin_grid(tests)
    sentences = [result.sentence(), *(t.sentence() for t in tests)]
    numbers = {"result": result, "margin": tests}
    n = _size(result)
    scope = f"readers {_kind(result.random_readers)}, cases {_kind(result.random_cases)}"
    method = f"{result.method}, {COVARIANCE_NAMES.get(result.covariance_method, result.covariance_method)} covariance, {scope}"
    return Outcome(
        "mrmc", method, n, "case", tuple(g for g in grids if g.rows), tuple(sentences), result.notes, numbers
    )


def _size(result: MrmcResult | UResult | AiResult) -> str:
    return f"{len(result.readers)} readers, {result.positives} cases with and {result.negatives} without the condition"


def _kind(random: bool) -> str:
    return "random" if random else "fixed"


def _by_reader(readers: tuple[str, ...], modalities: tuple[str, ...], values: FloatArray, merit: str) -> Grid:
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (reader, *(float(v) for v in column)) for reader, column in zip(readers, np.asarray(values).T, strict=True)
    )
    return Grid(f"{merit} of each reader", ("reader", *modalities), rows)


def _ustatistics(
    study: Study, result: UResult, asked: Callable[[Estimate], MarginTest] | None, level: float
) -> Outcome:
    ci = f"{100 * level:g} % CI"
    headings = ("", result.merit, "SE", "df (BDG)", ci, "p", f"maximum likelihood {ci}")
    rows = tuple(
        (
            one.label,
            one.value,
            one.bdg.standard_error,
            one.df,
            interval_text(one.interval),
            p_text(one.p),
            interval_text(one.mle.interval),
        )
        for one in (*result.means, *result.differences)
    )
    tests = [asked(d.bdg) for d in result.differences] if asked else []
    grids = (
        Grid("Means and differences", headings, rows),
        *margin_grid(tests),
        _by_reader(result.readers, result.modalities, result.values, result.merit),
    )
    n = f"{_size(result)}, {study.readings} readings"
    method = "U-statistics (Gallas), readers and cases random" + (", success scores centred" if result.centred else "")
    sentences = (result.sentence(), *(t.sentence() for t in tests))
    return Outcome("mrmc", method, n, "reading", grids, sentences, result.notes, {"result": result, "margin": tests})


def _ai(result: AiResult, level: float) -> Outcome:
    ci = f"{100 * level:g} % CI"
    rows: tuple[tuple[Cell, ...], ...] = (
        ("algorithm", result.ai_value, None, None, None, None),
        _estimate(result.readers_mean),
        _estimate(result.difference),
    )
    grids = (
        Grid("Algorithm against readers", ("", result.merit, "SE", "df", ci, "p"), rows),
        Grid(
            f"{result.merit} of each reader",
            ("reader", result.merit),
            tuple(zip(result.readers, result.values.tolist(), strict=True)),
        ),
    )
    n = _size(result)
    notes = (f"The algorithm reaches or passes {result.ai_reaches} of {len(result.readers)} readers.",)
    return Outcome("mrmc", result.method, n, "case", grids, (result.sentence(),), notes, {"result": result})
