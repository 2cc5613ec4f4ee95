"""The images on which a model was most wrong: truth drawn through, findings dashed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from usnet.datasets.records import Dataset, ImageRecord
from usnet.evaluation.truth import join
from usnet.reports.figures.annotations import COLOURS, outline, show
from usnet.values import LABELS, Diagnosis, Failure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def failures_figure(
    dataset: Dataset, diagnoses: Sequence[Diagnosis | Failure], count: int = 8, columns: int = 4
) -> Figure:
    """The ``count`` images with the smallest probability for their true label, the smallest first; one image a group.

    Raises
    ------
    DataError
        Opinions do not belong to the dataset, or nothing can be judged.
    UnreadableImage
        An image to draw cannot be read.
    """
    from matplotlib.figure import Figure

    worst = _worst(dataset, diagnoses, count)
    rows = math.ceil(len(worst) / columns)
    figure = Figure(figsize=(3.0 * columns, 3.0 * rows), layout="constrained")
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.axis("off")
    for axes, (record, said, p) in zip(figure.axes, worst, strict=False):
        show(axes, dataset, record, f"{record.label}, given {p:.2f}; called {said.label}")
        for finding in said.findings:
            outline(axes, finding.box, COLOURS[finding.label], dashed=True)
    return figure


def _worst(
    dataset: Dataset, diagnoses: Sequence[Diagnosis | Failure], count: int
) -> list[tuple[ImageRecord, Diagnosis, float]]:
    cases = join(dataset, [d for d in diagnoses if isinstance(d, Diagnosis)])
    given = [float(p[LABELS.index(r.label or "normal")]) for r, p in zip(cases.records, cases.probability, strict=True)]
    rows = sorted(zip(cases.records, cases.diagnoses, given, strict=True), key=lambda row: (row[2], row[0].file_name))
    first: dict[str, tuple[ImageRecord, Diagnosis, float]] = {}
    for row in rows:
        first.setdefault(row[0].group, row)
    return list(first.values())[:count]
