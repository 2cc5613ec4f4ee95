"""The header fields that travel with a frame: those that a dataset or a report needs, no name and no date."""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset

FIELDS = {
    "patient_id": "PatientID",  # needed to keep a patient on one side of a split
    "manufacturer": "Manufacturer",
    "model": "ManufacturerModelName",
    "modality": "Modality",
    "sop_class_uid": "SOPClassUID",
    "study_uid": "StudyInstanceUID",
    "series_uid": "SeriesInstanceUID",
    "laterality": "ImageLaterality",
    "body_part": "BodyPartExamined",
}
_SEX = {"F": "female", "M": "male"}
_YEARS = {"Y": 1.0, "M": 12.0, "W": 52.1775, "D": 365.2425}


def attributes(dataset: Dataset) -> dict[str, Any]:
    """Plain values of the fields that are there: :data:`FIELDS`, ``sex`` (female, male) and ``age`` in years."""
    found: dict[str, Any] = {key: _text(dataset, name) for key, name in FIELDS.items()}
    found["laterality"] = found["laterality"] or _text(dataset, "Laterality")
    found["sex"] = _SEX.get(_text(dataset, "PatientSex") or "")
    found["age"] = _age(_text(dataset, "PatientAge"))
    return {key: value for key, value in found.items() if value is not None}


def _age(text: str | None) -> float | None:
    """Years of an age string as ``045Y`` or ``018M`` (PS3.5 6.2, VR AS)."""
    if text is None or len(text) != 4 or not text[:3].isdigit() or text[3] not in _YEARS:
        return None
    return int(text[:3]) / _YEARS[text[3]]


def _text(dataset: Dataset, name: str) -> str | None:
    value = dataset.get(name)
    return str(value).strip() or None if value is not None else None
