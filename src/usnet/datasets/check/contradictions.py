"""One nodule, or one patient, with two pathologies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from usnet.datasets.check.context import Context, Item
from usnet.datasets.check.report import Problem


def check_contradictions(context: Context) -> Iterator[Problem]:
    """A nodule id with two pathologies is an error; a patient with benign and malignant images may well be right."""
    yield from _nodules(context)
    yield from _patients(context)


def _nodules(context: Context) -> Iterator[Problem]:
    first: dict[tuple[str | None, str], tuple[Item, str]] = {}
    for item in context.items:
        for nodule in item.record.nodules:
            if nodule.nodule_id is None or nodule.pathology is None:
                continue
            key = (item.record.patient_id, nodule.nodule_id)
            earlier, pathology = first.setdefault(key, (item, nodule.pathology))
            if pathology != nodule.pathology:
                name = earlier.record.file_name
                message = (
                    f"nodule {nodule.nodule_id} is {nodule.pathology} here, {pathology} in {name} (row {earlier.row})"
                )
                yield Problem(
                    item.harm,
                    "contradicting-nodule",
                    message,
                    item.record.file_name,
                    item.row,
                    "Correct one, or give two nodules two ids",
                    name,
                )


def _patients(context: Context) -> Iterator[Problem]:
    images: dict[str, list[Item]] = defaultdict(list)
    for item in context.items:
        if item.record.patient_id is not None and item.record.label is not None:
            images[item.record.patient_id].append(item)
    for patient, items in images.items():
        by_label = {item.record.label: item for item in reversed(items)}
        if {"benign", "malignant"} <= by_label.keys():
            benign, malignant = by_label["benign"], by_label["malignant"]
            message = f"patient {patient} is malignant here, benign in {benign.record.file_name} (row {benign.row})"
            yield Problem(
                "note",
                "patient-with-both",
                message,
                malignant.record.file_name,
                malignant.row,
                "Right if the patient has nodules of both kinds",
                benign.record.file_name,
            )
