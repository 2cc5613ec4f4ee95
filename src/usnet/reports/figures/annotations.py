"""Annotated images of a dataset (the paper's Figure 1): malignant in row A, benign in row B, normal in row C where there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from usnet import images
from usnet.datasets.records import Dataset, ImageRecord
from usnet.errors import DataError
from usnet.values import LABELS, Box, Label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROWS: tuple[tuple[str, Label], ...] = (("A", "malignant"), ("B", "benign"), ("C", "normal"))
COLOURS: dict[str | None, str] = {"benign": "#56b4e9", "malignant": "#e69f00", None: "#bbbbbb"}


def annotations_figure(dataset: Dataset, columns: int = 2, seed: int = 0) -> Figure:
    """A row a label that the dataset holds, ``columns`` images each, drawn at random from different groups.

    Raises
    ------
    DataError
        No image is labelled.
    UnreadableImage
        A drawn image cannot be read.
    """
    from matplotlib.figure import Figure

    rows = [(letter, label, _draw(dataset, label, columns, seed)) for letter, label in ROWS]
    rows = [row for row in rows if row[2]]
    if not rows:
        raise DataError("no image is labelled", source=dataset.root, expected=f"one of {', '.join(LABELS)}")
    figure = Figure(figsize=(3.4 * columns, 3.1 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for axes_row, (letter, label, records) in zip(grid, rows, strict=True):
        for number, axes in enumerate(axes_row):
            axes.axis("off")
            if number < len(records):
                show(axes, dataset, records[number], f"{letter}{number + 1}  {label}")
    return figure


def _draw(dataset: Dataset, label: Label, count: int, seed: int) -> list[ImageRecord]:
    chosen = [r for r in dataset.records if r.label == label and r.exclude is None]
    order = np.random.default_rng(seed).permutation(len(chosen))
    by_group = {chosen[i].group: chosen[i] for i in order}
    return list(by_group.values())[:count]


def show(axes: Axes, dataset: Dataset, record: ImageRecord, title: str) -> None:
    """One image with the boxes of its nodules."""
    axes.imshow(images.read(dataset.path(record)).pixels, cmap="gray", vmin=0, vmax=255)
    axes.set_title(title, fontsize=10, loc="left")
    for nodule in record.nodules:
        outline(axes, nodule.box, COLOURS[nodule.pathology])


def outline(axes: Axes, box: Box, colour: str, *, dashed: bool = False) -> None:
    """A box in frame pixels. COCO's box edges lie between pixels, matplotlib's pixel centres on integers."""
    from matplotlib.patches import Rectangle

    place, style = (box.x - 0.5, box.y - 0.5), "--" if dashed else "-"
    axes.add_patch(Rectangle(place, box.width, box.height, fill=False, edgecolor=colour, linewidth=2, linestyle=style))
