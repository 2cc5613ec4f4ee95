"""A whole :class:`~usnet.values.Diagnosis` as JSON, and back without any loss."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from usnet.errors import DataError
from usnet.values import LABELS, Box, Diagnosis, Finding, ModelIdentity, OperatingPoint

FORMAT_VERSION = 1
"""Of the document; its key is ``usnet_diagnosis``."""


def to_json(diagnosis: Diagnosis) -> str:
    """The diagnosis as an indented JSON object, keys as the fields of :class:`~usnet.values.Diagnosis`."""
    return json.dumps({"usnet_diagnosis": FORMAT_VERSION} | asdict(diagnosis), indent=1, allow_nan=False) + "\n"


def write_json(diagnosis: Diagnosis, path: str | Path) -> Path:
    """Write one diagnosis to ``path`` and return it."""
    path = Path(path)
    path.write_text(to_json(diagnosis), encoding="ascii")
    return path


def read_json(path: str | Path) -> Diagnosis:
    """Read a file written by :func:`write_json`; raises :class:`DataError` as :func:`diagnosis_from_json` does."""
    try:
        return diagnosis_from_json(Path(path).read_bytes(), source=path)
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", source=path) from error


def diagnosis_from_json(text: str | bytes, *, source: str | Path = "<json>") -> Diagnosis:
    """The diagnosis that :func:`to_json` wrote: equal to it in every field, floats included.

    Raises
    ------
    DataError
        Not JSON, another format version, or a key that is missing, unknown or of the wrong type.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"not readable as JSON ({error})", source=source) from None
    version = document.pop("usnet_diagnosis", None) if isinstance(document, dict) else None
    if version != FORMAT_VERSION:
        raise DataError(
            f"usnet_diagnosis is {version!r}", source=source, expected=f"a diagnosis of format {FORMAT_VERSION}"
        )
    try:
        return _diagnosis(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"not a diagnosis ({type(error).__name__}: {error})", source=source) from None


def _diagnosis(document: dict[str, Any]) -> Diagnosis:
    known = {field.name for field in fields(Diagnosis)}
    if document.keys() != known:
        raise KeyError(", ".join(sorted(document.keys() ^ known)))
    if document["label"] not in LABELS:
        raise ValueError(f"label {document['label']!r}")
    values = dict(document)
    values["operating_point"] = OperatingPoint(**document["operating_point"])
    values["model"] = ModelIdentity(**document["model"])
    values["warnings"] = tuple(document["warnings"])
    for name in ("findings", "candidates"):
        values[name] = tuple(_finding(row) for row in document[name])
    return Diagnosis(**values)


def _finding(row: dict[str, Any]) -> Finding:
    benign, malignant = row["class_scores"]
    size = row["size_mm"]
    values = {
        "box": Box(**row["box"]),
        "class_scores": (benign, malignant),
        "size_mm": None if size is None else (size[0], size[1]),
    }
    return Finding(**(row | values))
