"""Rows of an annotation table: ``image, x, y, width, height, label, patient``, the paper's annotation (Li et al. 2020).

A row is one nodule; an image with empty box fields and the label normal is a normal image. Every rule that a row breaks is named
with its row number, and an image with a bad row is left out whole: half its truth would teach that the rest is background.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from usnet.datasets.importers.common import Collector, number, outside, read_table, worst
from usnet.values import LABELS, Box, Label, Nodule

COLUMNS = ("image", "x", "y", "width", "height", "label", "patient")
BOX = ("x", "y", "width", "height")


@dataclass(frozen=True, slots=True)
class Truth:
    """One valid row: ``box`` is ``None`` for a normal image; ``values`` are the row's texts."""

    row: int
    label: Label
    box: Box | None
    values: dict[str, str]


class RowError(ValueError):
    """A row that does not fit its image; ``row`` is its number."""

    def __init__(self, message: str, row: int) -> None:
        super().__init__(message)
        self.row = row


def read_truths(
    collector: Collector, path: Path, key: tuple[str, ...] = ("image",)
) -> tuple[dict[str, list[Truth]], set[str]]:
    """Rows of each image whose rows are all valid, in the order of the file, and the names of the other images.

    ``key`` are the columns that name an image.

    Raises
    ------
    DataError
        The table is missing, no text, or lacks a column.
    """
    good: dict[str, list[Truth]] = {}
    bad: set[str] = set()
    for line, values in read_table(path, COLUMNS):
        name = "#".join(values[k] for k in key if values.get(k))
        try:
            truth = _parse(line, values)
        except ValueError as error:
            collector.leave_out(path, str(error), line)
            bad.add(name)
            continue
        good.setdefault(name, []).append(truth)
    for name in bad & good.keys():
        collector.leave_out(
            path, f"{name}: row {_rows(good[name])} left out too, because another row of the image is wrong"
        )
    return {name: truths for name, truths in good.items() if name not in bad}, bad


def _parse(line: int, values: dict[str, str]) -> Truth:
    label = values["label"].lower()
    if not values["image"]:
        raise ValueError("no image is named")
    if label not in LABELS:
        raise ValueError(f"unknown label {values['label']!r}; expected {', '.join(LABELS)}")
    texts = [values[k] for k in BOX]
    if not any(texts):
        if label != "normal":
            raise ValueError(f"label {label} without a box; only a normal image has empty box fields")
        return Truth(line, label, None, values)
    entries = [number(text) for text in texts]
    wrong = [f"{k} {text!r}" for k, text, entry in zip(BOX, texts, entries, strict=True) if entry is None]
    if wrong:
        raise ValueError(f"{', '.join(wrong)} is no number")
    if label == "normal":
        raise ValueError("label normal with a box")
    x, y, width, height = (float(e or 0) for e in entries)
    if width <= 0 or height <= 0:
        raise ValueError(f"the box is {width:g} x {height:g}; expected positive extents")
    return Truth(line, label, Box(x, y, width, height), values)


def _rows(truths: list[Truth]) -> str:
    return ", ".join(str(t.row) for t in truths)


def agree(truths: list[Truth], columns: tuple[str, ...]) -> dict[str, str]:
    """Values that hold for the image as a whole.

    Raises
    ------
    RowError
        Two rows of the image differ, or one of several rows says normal.
    """
    shared: dict[str, str] = {}
    for column in columns:
        found = {t.values.get(column, "") for t in truths}
        if len(found) > 1:
            raise RowError(f"rows {_rows(truths)} differ in {column}: {sorted(found)}", truths[0].row)
        shared[column] = found.pop()
    if len(truths) > 1 and any(t.box is None for t in truths):
        raise RowError(f"rows {_rows(truths)}: normal stands beside another row", truths[0].row)
    return shared


def nodules(truths: list[Truth], size: tuple[int, int]) -> tuple[Label, list[Nodule]]:
    """Label and nodules of an image of ``size`` (width, height).

    Raises
    ------
    RowError
        A box leaves the image.
    """
    found: list[Nodule] = []
    for truth in truths:
        if truth.box is None or truth.label == "normal":
            continue
        if problem := outside(truth.box, size):
            raise RowError(problem, truth.row)
        birads, histology = (truth.values.get(k) or None for k in ("birads", "histology"))
        diameter = number(truth.values.get("diameter_mm", ""))
        found.append(Nodule(truth.box, truth.label, birads=birads, histology=histology, diameter_mm=diameter))
    return worst(found) or "normal", found
