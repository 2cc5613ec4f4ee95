"""Boxes that no anchor of the detector reaches: it cannot learn them well, whatever the training."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from usnet.anchors import best_iou
from usnet.datasets.check.context import Context, Item
from usnet.datasets.check.report import Coverage, Problem, Severity
from usnet.images.letterbox import plan
from usnet.values import PATHOLOGIES, Box, Pathology

IOU = 0.5
HARM = 0.05
"""Share of a class's boxes from which the anchors are to be changed."""
FEW = 2
"""So many uncovered boxes of a class are odd boxes, not wrong anchors."""


def anchor_coverage(context: Context) -> tuple[Coverage, ...]:
    """Per class, the boxes without an anchor at IoU 0.5 once the image is letterboxed."""
    reached = [(pathology, iou >= IOU) for _, pathology, iou in _reach(context)]
    return tuple(
        Coverage(
            kind,
            sum(pathology == kind for pathology, _ in reached),
            sum(pathology == kind and not covered for pathology, covered in reached),
            IOU,
        )
        for kind in PATHOLOGIES
    )


def check_anchors(context: Context) -> Iterator[Problem]:
    """One problem a class with uncovered boxes, and a note for each such box."""
    sizes = " / ".join(f"{s:g}" for s in context.anchors.sizes)
    for row in anchor_coverage(context):
        if row.uncovered:
            severity: Severity = "error" if row.share >= HARM and row.uncovered > FEW else "note"
            message = (
                f"{row.uncovered} of {row.boxes} {row.pathology} boxes ({row.share:.1%}) reach IoU {IOU} with no anchor"
            )
            yield Problem(
                severity, "anchors", f"{message} of sizes {sizes}", hint="Choose other anchor sizes or ratios"
            )
    for item, pathology, iou in _reach(context):
        if iou < IOU:
            message = f"{pathology} box: best anchor has IoU {iou:.2f}"
            yield Problem(
                "note", "box-without-anchor", message, item.record.file_name, item.row, "It will be learnt poorly"
            )


def _reach(context: Context) -> list[tuple[Item, Pathology, float]]:
    """Best IoU of every usable box of known pathology on an image that is not excluded."""
    usable = [
        (item, nodule.pathology, _in_network(item, nodule.box, context.anchors.image_size))
        for item in context.items
        if item.record.exclude is None and min(item.size) > 0
        for nodule in item.record.nodules
        if nodule.pathology is not None and nodule.box.clipped(*item.size).area > 0
    ]
    if not usable:
        return []
    ious = best_iou(np.concatenate([corners for _, _, corners in usable]), context.anchors)
    return [(item, pathology, float(iou)) for (item, pathology, _), iou in zip(usable, ious, strict=True)]


def _in_network(item: Item, box: Box, size: int) -> np.ndarray:
    return plan(*item.size, size).to_network([box.corners])
