"""Boxes against their image: outside, empty, tiny, as large as the image, drawn twice."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from usnet.datasets.check.context import Context, Item
from usnet.datasets.check.report import Problem, Severity
from usnet.values import Box

SLACK = 0.5
"""Pixels that a box may reach beyond the image: rounding, not a fault."""
TINY = 3.0
"""Pixels of the shorter side below which a box is rather a slip of the mouse."""
WHOLE = 0.95
"""Share of the image's area from which a box marks the picture, not a nodule."""
SAME = 0.9
"""IoU from which two boxes mark the same nodule."""


def check_boxes(context: Context) -> Iterator[Problem]:
    """Problems of the boxes of every image."""
    for item in context.items:
        for number, nodule in enumerate(item.record.nodules, 1):
            found = _fault(nodule.box, *item.size)
            if found:
                yield _problem(item, number, *found)
        for (i, a), (j, b) in combinations(enumerate(item.record.nodules, 1), 2):
            if a.box.iou(b.box) >= SAME:
                message = f"the same place as nodule {i} (IoU {a.box.iou(b.box):.2f})"
                yield _problem(item, j, "warning", "box-repeated", message, "Drop one of the two")


def _fault(box: Box, width: int, height: int) -> tuple[Severity, str, str, str] | None:
    x0, y0, x1, y1 = box.corners
    place = f"box {_text(box)}"
    if box.width <= 0 or box.height <= 0:
        return "error", "box-empty", f"{place} has no area", "Draw it again or drop it"
    if min(x1, width) <= max(x0, 0) or min(y1, height) <= max(y0, 0):
        return (
            "error",
            "box-outside",
            f"{place} lies outside the image of {width} x {height} pixels",
            "Is it in other pixels?",
        )
    beyond = max(-x0, -y0, x1 - width, y1 - height)
    if beyond > SLACK:
        message = f"{place} reaches {beyond:g} pixels beyond the image of {width} x {height}"
        return "error", "box-outside", message, "Clip it, or look whether it is in other pixels"
    if min(box.width, box.height) < TINY:
        return "warning", "box-tiny", f"{place} is under {TINY:g} pixels wide or high", "Look at it"
    if box.area >= WHOLE * width * height:
        return "warning", "box-covers-image", f"{place} covers the whole image", "Look at it"
    return None


def _problem(item: Item, number: int, severity: Severity, kind: str, message: str, hint: str) -> Problem:
    count = len(item.record.nodules)
    where = f"nodule {number} of {count}: " if count > 1 else ""
    return Problem(
        item.harm if severity == "error" else severity, kind, where + message, item.record.file_name, item.row, hint
    )


def _text(box: Box) -> str:
    return "[" + ", ".join(f"{v:g}" for v in box.as_list()) + "]"
