"""Figures of an evaluation: ROC (the paper's Figure 3), precision and recall, FROC, reliability, confusion matrix.

Drawn with matplotlib's objects (no pyplot, no display), readable in print and by colour-blind eyes: lines differ in dash too.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from usnet.evaluation.assess import Evaluation
from usnet.evaluation.metric import text
from usnet.extras import need
from usnet.statistics.froc import LEVELS
from usnet.values import LABELS, PATHOLOGIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE: dict[str, tuple[str, str]] = {
    "benign v rest": ("#0072B2", "-"),
    "malignant v rest": ("#D55E00", "-"),
    "normal v rest": ("#4D4D4D", "-"),
    "malignant v benign": ("#D55E00", "--"),
}
MAX_FALSE_POSITIVES = 8.0


def draw(evaluation: Evaluation) -> dict[str, Figure]:
    """All figures that the data allow, by file stem.

    Raises
    ------
    MissingExtra
        matplotlib is not installed.
    """
    need("matplotlib", extra="evaluate", feature="drawing figures")
    makers: dict[str, Callable[[Evaluation], Figure | None]] = {
        "roc": roc,
        "precision_recall": precision_recall,
        "froc": froc,
        "reliability": reliability,
        "confusion": confusion,
    }
    made = {name: maker(evaluation) for name, maker in makers.items()}
    return {name: figure for name, figure in made.items() if figure is not None}


def _new(title: str, x: str, y: str, size: tuple[float, float] = (5.2, 4.8)) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(color="#E3E6E8", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def roc(evaluation: Evaluation) -> Figure | None:
    """ROC of the three classes against the rest and of malignant against benign; dots are the stored operating point."""
    figure, axes = _new("ROC, images", "1 - specificity", "Sensitivity")
    axes.plot([0, 1], [0, 1], color="#9AA3A8", linewidth=0.8, linestyle=":")
    drawn = 0
    for subject, (colour, dash) in STYLE.items():
        curve = evaluation.curves.roc[subject]
        metric = evaluation.metric("auc", subject)
        if metric is None or metric.value is None:
            continue
        drawn += 1
        label = f"{subject}: AUC {text(metric, 3, percent=False)}"
        axes.plot(1 - curve.specificity, curve.sensitivity, color=colour, linestyle=dash, linewidth=1.7, label=label)
        point = [evaluation.metric(name, subject) for name in ("specificity", "sensitivity")]
        values = [m.value for m in point if m is not None and m.value is not None]
        if len(values) == 2:
            axes.plot(1 - values[0], values[1], "o", color=colour, markersize=5, markeredgecolor="white")
    if not drawn:
        return None
    _square(axes)
    axes.legend(loc="lower right", fontsize=8, frameon=False)
    return figure


def precision_recall(evaluation: Evaluation) -> Figure | None:
    """Precision against recall of benign and malignant boxes at IoU 0.5."""
    figure, axes = _new("Boxes, IoU >= 0.5", "Recall", "Precision")
    drawn = 0
    for kind in PATHOLOGIES:
        precision, recall = evaluation.curves.precision_recall[kind]
        if not recall.size or not np.isfinite(recall).all():
            continue
        drawn += 1
        colour, _ = STYLE[f"{kind} v rest"]
        label = f"{kind}: AP (11 points) {text(evaluation.metric('ap11', kind), 3, percent=False)}"
        axes.plot(recall, precision, color=colour, linewidth=1.5, label=label)
    if not drawn:
        return None
    _square(axes)
    figure.legend(loc="outside lower left", fontsize=8, frameon=False)
    return figure


def froc(evaluation: Evaluation) -> Figure | None:
    """Nodules found against false positives an image, over all images and over normal ones."""
    curve = evaluation.curves.froc
    if curve is None:
        return None
    figure, axes = _new("FROC, IoU >= 0.5", "False positives an image", "Nodules found")
    axes.plot(
        curve.false_positives, curve.sensitivity, color="#0072B2", linewidth=1.6, label=f"all {curve.images} images"
    )
    if curve.on_normal is not None:
        label = f"{curve.normal_images} normal images"
        axes.plot(curve.on_normal, curve.sensitivity, color="#4D4D4D", linewidth=1.4, linestyle="--", label=label)
    at = int(np.searchsorted(-curve.thresholds, -evaluation.operating_point.detection, side="right")) - 1
    axes.plot(
        curve.false_positives[at],
        curve.sensitivity[at],
        "o",
        color="#0072B2",
        markeredgecolor="white",
        label="operating point",
    )
    axes.set_xscale("symlog", linthresh=0.125, linscale=0.6)
    axes.set_xticks((0, *LEVELS, MAX_FALSE_POSITIVES), ("0", "1/8", "1/4", "1/2", "1", "2", "4", "8"))
    axes.minorticks_off()
    axes.set_xlim(0, min(MAX_FALSE_POSITIVES, max(0.25, float(curve.false_positives[-1]))))
    axes.set_ylim(0, 1.02)
    figure.legend(loc="outside lower left", fontsize=8, frameon=False)
    return figure


def reliability(evaluation: Evaluation) -> Figure | None:
    """Observed share against predicted probability, with Wilson's interval; the size of a dot follows the number of images."""
    if not evaluation.curves.reliability:
        return None
    figure, axes = _new("Calibration", "Predicted probability", "Observed share")
    axes.plot([0, 1], [0, 1], color="#9AA3A8", linewidth=0.8, linestyle=":")
    colours = ("#D55E00", "#009E73", "#4D4D4D")
    for (subject, bins), colour in zip(evaluation.curves.reliability.items(), colours, strict=False):
        x = [b.predicted for b in bins]
        y = [b.observed.value or 0.0 for b in bins]
        low = [max(0.0, v - (b.observed.low or 0.0)) for v, b in zip(y, bins, strict=True)]
        high = [max(0.0, (b.observed.high or 0.0) - v) for v, b in zip(y, bins, strict=True)]
        total = sum(b.observed.denominator for b in bins)
        sizes = [8 + 160 * b.observed.denominator / total for b in bins]
        axes.errorbar(x, y, yerr=[low, high], color=colour, linewidth=1, elinewidth=0.7, alpha=0.9)
        ece = text(evaluation.metric("ece", subject), 3, percent=False)
        axes.scatter(x, y, s=sizes, color=colour, label=f"{subject}: ECE {ece}", zorder=3)
    _square(axes)
    figure.legend(loc="outside lower left", fontsize=8, frameon=False)
    return figure


def confusion(evaluation: Evaluation) -> Figure | None:
    """Counts with the share of each true class: the colour is the share."""
    matrix = np.array(evaluation.confusion, dtype=np.float64)
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    figure, axes = _new("Calls at the operating point", "Called", "Truth", (4.8, 4.2))
    axes.grid(visible=False)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row in range(3):
        for column in range(3):
            colour = "white" if shares[row, column] > 0.55 else "#1B2A33"
            said = f"{int(matrix[row, column])}\n{100 * shares[row, column]:.1f} %"
            axes.text(column, row, said, ha="center", va="center", color=colour, fontsize=10)
    axes.set_xticks(range(3), LABELS)
    axes.set_yticks(range(3), [f"{label}\n({int(n)})" for label, n in zip(LABELS, matrix.sum(axis=1), strict=True)])
    return figure


def _square(axes: Axes) -> None:
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_aspect("equal")


_SETTINGS: Any = {"svg.fonttype": "none", "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"]}


def svg(figure: Figure, name: str) -> str:
    """The figure as an ``<svg>`` element for a page; ``name`` keeps its inner ids apart from other figures'."""
    import matplotlib

    stream = io.StringIO()
    settings: Any = _SETTINGS | {"svg.hashsalt": name}
    with matplotlib.rc_context(settings):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    content = stream.getvalue()
    return content[content.index("<svg") :]


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """``name.svg`` and ``name.png`` (200 dots an inch) in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    vector, raster = folder / f"{name}.svg", folder / f"{name}.png"
    vector.write_text('<?xml version="1.0" encoding="utf-8"?>\n' + svg(figure, name), encoding="utf-8")
    figure.savefig(raster, dpi=200)
    return [vector, raster]
