"""Loss and validation scores against epochs, from the run's ``metrics.csv``."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

PANELS = {
    "Loss": ("train/loss", "train/class", "train/box", "val/loss"),
    "Validation": ("val/ap_benign", "val/ap_malignant", "val/auc", "val/found"),
}


METRICS = "metrics.csv"
"""Lightning's log; an interrupted run's earlier logs are ``metrics-001.csv`` and so on."""


def read_metrics(run: Path) -> dict[str, list[tuple[int, float]]]:
    """Every column of a run folder's logs as ``(epoch, value)``; where an epoch was begun twice, the later one counts."""
    found: dict[str, dict[int, float]] = defaultdict(dict)
    for path in [*sorted(run.glob("metrics-*.csv")), run / METRICS]:
        with path.open(newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                for name, value in row.items():
                    if value and name not in ("epoch", "step"):
                        found[name][int(row["epoch"])] = float(value)
    return {name: sorted(values.items()) for name, values in found.items()}


def draw_curves(run: Path, out: Path) -> None:
    """Loss and validation scores of a run folder as one SVG with both panels; needs matplotlib (the ``evaluate`` extra)."""
    from matplotlib.figure import Figure

    columns = read_metrics(run)
    figure = Figure(figsize=(9, 3.5), layout="constrained")
    for axes, (title, names) in zip(figure.subplots(1, 2), PANELS.items(), strict=True):
        for name in names:
            if name in columns:
                epochs, values = zip(*columns[name], strict=True)
                axes.plot(epochs, values, label=name, marker=".")
        axes.set(title=title, xlabel="epoch")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    figure.savefig(out)
