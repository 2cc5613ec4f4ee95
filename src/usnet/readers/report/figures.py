"""Figures of a reader study. Colours after Okabe and Ito; levels differ in dash too."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from usnet.readers.analysis.behaviour import difficulty
from usnet.readers.analysis.effects import pairs
from usnet.readers.analysis.scores import ai_score, by_level, panel_scores, reader_scores
from usnet.readers.readings import StudyData
from usnet.reports.statistics_roc_figure import COLOURS, DASHES
from usnet.statistics.arrays import FloatArray
from usnet.statistics.roc import auc, roc_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GRID = np.linspace(0, 1, 201)
"""1 - specificity at which readers' curves are averaged."""


def draw(data: StudyData) -> dict[str, tuple[Figure, str]]:
    """All figures that the data allow: name to figure and caption."""
    found: dict[str, tuple[Figure, str]] = {}
    for number, modality in enumerate(data.modalities):
        if any(True for _ in data.of(modality)):
            found[f"roc-{number + 1}"] = (
                roc(data, modality),
                f"ROC, {modality}. Thin: each reader; thick: mean sensitivity of a level. Dots: readers' decisions; square: "
                "the AI's decision at its stored operating point.",
            )
    found["scores"] = (
        scores(data),
        f"Right answers per 100 cases, {data.first_modality}. A dot a reader; bar: mean of the level.",
    )
    found["difficulty"] = (
        hard(data),
        "Share of readers who are right, case by case, from hard to easy; crosses: the AI is wrong.",
    )
    found["learning"] = (learning(data), "Right answers and active time by tenth of the order (mean over readers).")
    for alone, aided in pairs(data):
        found["reliance"] = (
            reliance(data, alone, aided),
            "Each reader's share right without and with the model, by whether it is right.",
        )
    return found


def roc(data: StudyData, modality: str) -> Figure:
    """Curves by reader and level on one figure with the AI's."""
    figure, axes = _new("1 - specificity", "Sensitivity", (6.2, 5.6))
    axes.plot([0, 1], [0, 1], color="#9AA3A8", linewidth=0.8, linestyle=":")
    by_reader: dict[int, list[tuple[bool, float]]] = defaultdict(list)
    for r in data.of(modality):
        by_reader[r.reader].append((data.cases[r.case].malignant, r.score))
    for number, level in enumerate(data.protocol.levels):
        own = [v for n, v in by_reader.items() if data.readers[n].level == level.name and len({t for t, _ in v}) == 2]
        if not own:
            continue
        colour, dash = COLOURS[number % len(COLOURS)], DASHES[number % len(DASHES)]
        curves = [_curve(v) for v in own]
        for x, y in curves:
            axes.plot(x, y, color=colour, linewidth=0.4, alpha=max(0.06, min(0.5, 6 / len(own))))
        mean = np.mean([_at(x, y) for x, y in curves], axis=0)
        areas = [float(auc(*map(list, zip(*v, strict=True))).value or np.nan) for v in own]
        label = f"{level.name} ({len(own)}): mean AUC {np.mean(areas):.3f}"
        axes.plot(GRID, mean, color=colour, linestyle=dash, linewidth=2.2, label=label)
    points = [s.counts for s in reader_scores(data, modality).values() if s.counts.positives and s.counts.negatives]
    axes.plot(
        [c.fp / c.negatives for c in points],
        [c.tp / c.positives for c in points],
        ".",
        color="#555555",
        markersize=3,
        alpha=0.5,
    )
    _ai_curve(axes, data)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    axes.legend(loc="lower right", fontsize=8, frameon=False)
    return figure


def scores(data: StudyData) -> Figure:
    """Points by level, panels and the AI's line."""
    figure, axes = _new("", "Right answers per 100 cases", (6.2, 4.2))
    groups = {
        name: [s.points for s in own] for name, own in by_level(data, reader_scores(data, data.first_modality)).items()
    }
    panels = panel_scores(data, data.first_modality)
    if panels:
        groups["expert\ngroups"] = [p.points for p in panels]
    rng = np.random.default_rng(0)
    for place, (_, values) in enumerate(groups.items()):
        colour = COLOURS[place % len(COLOURS)]
        shift = rng.uniform(-0.22, 0.22, len(values)) if len(values) > 2 else np.zeros(len(values))
        axes.plot(place + shift, values, "o", color=colour, markersize=3.5, alpha=0.6, markeredgewidth=0)
        axes.hlines(float(np.mean(values)), place - 0.32, place + 0.32, color="#222222", linewidth=1.6)
    ai = ai_score(data)
    if ai is not None:
        axes.axhline(ai.points, color="#222222", linestyle="--", linewidth=1.1)
        axes.annotate(f"AI {ai.points:.0f}", (len(groups) - 0.5, ai.points), ha="right", va="bottom", fontsize=9)
    axes.set_xticks(range(len(groups)), [f"{name}\nn = {len(v)}" for name, v in groups.items()])
    return figure


def hard(data: StudyData) -> Figure:
    """Case difficulty."""
    figure, axes = _new("Cases, from hard to easy", "Readers right, %", (6.2, 3.6))
    rows = difficulty(data, data.first_modality)
    share = [100 * right / n for _, _, right, n, _ in rows]
    for label, colour, marker in (
        ("malignant", COLOURS[1], "o"),
        ("benign", COLOURS[0], "s"),
        ("normal", "#7f7f7f", "^"),
    ):
        at = [i for i, row in enumerate(rows) if row[1] == label]
        if at:
            axes.plot(at, [share[i] for i in at], marker, color=colour, markersize=4, linestyle="none", label=label)
    wrong = [i for i, row in enumerate(rows) if row[4] is False]
    axes.plot(wrong, [share[i] for i in wrong], "x", color="#222222", markersize=8, linestyle="none", label="AI wrong")
    axes.set(ylim=(-3, 103))
    axes.legend(frameon=False, fontsize=8)
    return figure


def learning(data: StudyData) -> Figure:
    """Being right and time over the order."""
    from matplotlib.figure import Figure as Canvas

    figure = Canvas(figsize=(6.8, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for number, modality in enumerate(data.modalities):
        reads = list(data.of(modality))
        if not reads:
            continue
        last = max(r.order for r in reads) + 1
        tenth = np.array([min(10 * r.order // last, 9) for r in reads])
        good = np.array([100.0 * (r.malignant == data.cases[r.case].malignant) for r in reads])
        seconds = np.array([r.active_s for r in reads])
        style = {"color": COLOURS[number % len(COLOURS)], "linestyle": DASHES[number % len(DASHES)], "marker": "o"}
        here = [t for t in range(10) if (tenth == t).any()]
        left.plot([t + 1 for t in here], [good[tenth == t].mean() for t in here], markersize=3, label=modality, **style)
        right.plot([t + 1 for t in here], [float(np.median(seconds[tenth == t])) for t in here], markersize=3, **style)
    for axes, title in ((left, "Right answers, %"), (right, "Median active seconds")):
        _plain(axes)
        axes.set(xlabel="Tenth of the order", ylabel=title)
    low, high = left.get_ylim()
    left.set_ylim(max(0.0, low - 10), min(100.0, high + 10))
    right.set_ylim(bottom=0)
    left.legend(frameon=False, fontsize=8)
    return figure


def reliance(data: StudyData, alone: str, aided: str) -> Figure:
    """Every reader without and with the model."""
    from matplotlib.figure import Figure as Canvas

    figure = Canvas(figsize=(6.8, 3.5), layout="constrained")
    for axes, (title, right) in zip(
        figure.subplots(1, 2, sharey=True), (("AI right", True), ("AI wrong", False)), strict=True
    ):
        cases = {n for n, a in data.ai.items() if (a.malignant == data.cases[n].malignant) == right}
        shares = {}
        for modality in (alone, aided):
            found: dict[int, list[bool]] = defaultdict(list)
            for r in data.of(modality):
                if r.case in cases:
                    found[r.reader].append(r.malignant == data.cases[r.case].malignant)
            shares[modality] = {n: 100 * float(np.mean(v)) for n, v in found.items()}
        both = [n for n in shares[alone] if n in shares[aided]]
        for n in both:
            axes.plot(
                [0, 1],
                [shares[alone][n], shares[aided][n]],
                color="#7f8c95",
                linewidth=0.5,
                alpha=max(0.1, min(0.8, 20 / len(both))),
            )
        if both:
            means = [float(np.mean([shares[m][n] for n in both])) for m in (alone, aided)]
            axes.plot([0, 1], means, "o-", color=COLOURS[1 if not right else 2], linewidth=2.4)
        _plain(axes)
        axes.set_title(title, loc="left", fontsize=11)
        axes.set_xticks([0, 1], [alone, aided])
        axes.set(ylabel="Right, %" if right else "", xlim=(-0.2, 1.2), ylim=(-3, 103))
    return figure


def _ai_curve(axes: Axes, data: StudyData) -> None:
    own = [(data.cases[n].malignant, a.probability) for n, a in data.ai.items() if data.cases[n].use == "test"]
    score = ai_score(data)
    if not own or score is None:
        return
    x, y = _curve(own)
    area = auc([t for t, _ in own], [p for _, p in own]).value
    axes.plot(x, y, color="#111111", linewidth=2.2, label=f"AI: AUC {area:.3f}" if area is not None else "AI")
    c = score.counts
    axes.plot(c.fp / c.negatives, c.tp / c.positives, "s", color="#111111", markersize=7, markeredgecolor="white")


def _curve(values: list[tuple[bool, float]]) -> tuple[FloatArray, FloatArray]:
    curve = roc_curve([t for t, _ in values], [s for _, s in values])
    return 1 - curve.specificity, curve.sensitivity


def _at(x: FloatArray, y: FloatArray) -> FloatArray:
    """Sensitivity on :data:`GRID`, linear between the points; vertical steps count from their top."""
    last = np.concatenate([x[1:] != x[:-1], [True]])
    return np.asarray(np.interp(GRID, x[last], y[last]))


def _new(x: str, y: str, size: tuple[float, float]) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure as Canvas

    figure = Canvas(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    axes.set(xlabel=x, ylabel=y)
    _plain(axes)
    return figure, axes


def _plain(axes: Axes) -> None:
    axes.grid(color="#E3E6E8", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
