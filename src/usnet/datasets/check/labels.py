"""The label of an image against its nodules."""

from __future__ import annotations

from collections.abc import Iterator

from usnet.datasets.check.context import Context
from usnet.datasets.check.report import Problem, Severity
from usnet.datasets.records import ImageRecord

Fault = tuple[Severity, str, str, str]


def check_labels(context: Context) -> Iterator[Problem]:
    """At most one problem an image."""
    for item in context.items:
        fault = _fault(item.record)
        if fault:
            severity, kind, message, hint = fault
            severity = item.harm if severity == "error" else severity
            yield Problem(severity, kind, message, item.record.file_name, item.row, hint)


def _fault(record: ImageRecord) -> Fault | None:
    count = len(record.nodules)
    if record.label is None:
        hint = "Give a label: the image is neither trained on as normal nor scored"
        return "warning", "unknown-label", f"label unknown, {count} box(es)", hint
    if record.label == "normal":
        hint = "Is it normal, or is the label wrong?"
        return ("error", "normal-with-box", f"normal, but {count} box(es)", hint) if count else None
    if not count:
        return "error", "label-without-box", f"{record.label}, but no box", "Draw the box or set 'exclude'"
    return _against_nodules(record)


def _against_nodules(record: ImageRecord) -> Fault | None:
    kinds = {nodule.pathology for nodule in record.nodules}
    if record.label == "benign" and "malignant" in kinds:
        return (
            "error",
            "label-against-nodules",
            "benign, but a nodule is malignant",
            "An image has its worst nodule's label",
        )
    if record.label == "malignant" and kinds == {"benign"}:
        return "error", "label-against-nodules", "malignant, but every nodule is benign", "Correct one of the two"
    if None in kinds:
        return (
            "note",
            "nodule-without-pathology",
            f"{record.label}, but a nodule's pathology is unknown",
            "Add it if known",
        )
    return None
