"""``usnet stats froc``: figures of merit of free-response reading."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from usnet.errors import ConfigError
from usnet.reports.statistics import Cell, Grid, Outcome, interval_text, p_text
from usnet.reports.statistics_roc_figure import COLOURS, DASHES
from usnet.statistics.afroc import FIGURES_OF_MERIT, FigureOfMerit, Marks
from usnet.statistics.arrays import FloatArray
from usnet.statistics.marks_files import MarkStudy, read_marks
from usnet.statistics.mrmc import MrmcResult, analyse_jackknife

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def froc_outcome(
    marks: Path,
    lesions: Path | None = None,
    cases: Path | None = None,
    *,
    merit: str = "wAFROC",
    method: str = "or",
    level: float = 0.95,
) -> Outcome:
    """All figures of merit of every reader and modality, and a comparison of modalities by one of them.

    The comparison is Obuchowski-Rockette (or DBM) on the jackknife, readers and cases random; it needs two readers.

    Raises
    ------
    DataError
        The files are not as they should be; see :func:`usnet.statistics.marks_files.read_marks`.
    ConfigError
        The figure of merit is unknown.
    """
    if merit not in FIGURES_OF_MERIT:
        raise ConfigError(f"unknown figure of merit {merit!r}", expected=f"one of {', '.join(FIGURES_OF_MERIT)}")
    chosen: FigureOfMerit = merit
    study = read_marks(marks, lesions, cases)
    values = {name: study.values(name) for name in FIGURES_OF_MERIT}
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (m, r, *(float(values[name][i, j]) for name in FIGURES_OF_MERIT))
        for i, m in enumerate(study.modalities)
        for j, r in enumerate(study.readers)
    )
    grids = [Grid("Figures of merit", ("modality", "reader", *FIGURES_OF_MERIT), rows, 4)]
    diseased = int(study.first.diseased.sum())
    result, sentences = None, (_mean_sentence(study, values[chosen], chosen),)
    notes: tuple[str, ...] = ()
    if len(study.readers) > 1:
        result = _compare(study, values[chosen], chosen, method, level)
        grids += _grids(result, level)
        sentences, notes = (result.sentence(),), result.notes
    convention = "unmarked is minus infinity, equal ratings count one half, the highest false mark of a case counts"
    return Outcome(
        "froc",
        f"{merit}; {convention}" + (f"; {result.method}, jackknife, readers and cases random" if result else ""),
        f"{len(study.readers)} readers, {len(study.cases)} cases ({diseased} diseased), {study.first.weight.size} lesions",
        "case (jackknife); lesions weigh as given",
        tuple(grids),
        sentences,
        notes,
        {"values": values, "comparison": result},
        {"froc": _curves(study)},
    )


def _mean_sentence(study: MarkStudy, values: FloatArray, name: str) -> str:
    means = ", ".join(f"{m} {row.mean():.3f}" for m, row in zip(study.modalities, values, strict=True))
    return f"Mean {name} over {len(study.readers)} readers: {means}."


def _compare(study: MarkStudy, values: FloatArray, name: FigureOfMerit, method: str, level: float) -> MrmcResult:
    diseased = int(study.first.diseased.sum())
    return analyse_jackknife(
        values,
        study.without(name),
        reader_names=study.readers,
        modality_names=study.modalities,
        merit=name,
        positives=diseased,
        negatives=len(study.cases) - diseased,
        limits=None if name == "MaxNLF" else (0.0, 1.0),
        method=method,  # type: ignore[arg-type]
        level=level,
    )


def _grids(result: MrmcResult, level: float) -> list[Grid]:
    headings = ("", result.merit, "SE", "df", f"{100 * level:g} % CI", "p")

    def rows(estimates: tuple[object, ...]) -> tuple[tuple[Cell, ...], ...]:
        return tuple(
            (e.label, e.value, e.standard_error, e.df, interval_text(e.interval), p_text(e.p))  # type: ignore[attr-defined]
            for e in estimates
        )

    found = [
        Grid("Mean over readers", headings, rows(result.means)),
        Grid("Differences", headings, rows(result.differences)),
    ]
    return [grid for grid in found if grid.rows]


def froc_points(marks: Marks) -> tuple[FloatArray, FloatArray]:
    """False marks a case and share of lesions found, after each distinct rating, from (0, 0) on."""
    levels = np.unique(np.concatenate([marks.false_rating, marks.lesion_rating[marks.lesion_rating > -np.inf]]))[::-1]
    false, found = np.sort(marks.false_rating), np.sort(marks.lesion_rating)
    x = (false.size - np.searchsorted(false, levels, "left")) / marks.lesions.size
    y = (found.size - np.searchsorted(found, levels, "left")) / max(found.size, 1)
    return np.concatenate([[0.0], x]), np.concatenate([[0.0], y])


def _curves(study: MarkStudy) -> Callable[[], Figure]:
    def draw() -> Figure:
        from matplotlib.figure import Figure as Canvas

        figure = Canvas(figsize=(5.6, 4.6), layout="constrained")
        axes = figure.add_subplot()
        for number, modality in enumerate(study.modalities):
            colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
            for index, reader in enumerate(study.readers):
                label = f"modality {modality}" if index == 0 else None
                axes.plot(
                    *froc_points(study.marks[modality, reader]), label=label, linewidth=1, color=colour, linestyle=dash
                )
        axes.set(xlabel="Marks beside lesions, a case", ylabel="Share of lesions found", ylim=(0, 1), xlim=(0, None))
        axes.set_title("FROC, a line a reader", loc="left", fontsize=11)
        axes.legend(frameon=False)
        return figure

    return draw
