"""Stored opinions (JSON lines), so that a second evaluation needs no inference.

The first line names the dataset's fingerprint; each further line is a :class:`~usnet.values.Diagnosis` or a
:class:`~usnet.values.Failure`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from usnet.datasets.records import Dataset
from usnet.errors import DataError
from usnet.reports.one_json import FORMAT_VERSION, diagnosis_from_json
from usnet.values import Diagnosis, Failure


def write_predictions(path: Path, dataset: Dataset, results: Sequence[Diagnosis | Failure]) -> Path:
    """Write opinions on ``dataset``; the file gets its name when it is complete."""
    partial = path.with_name(path.name + ".partial")
    head = {"usnet_predictions": FORMAT_VERSION, "dataset": dataset.name, "fingerprint": dataset.fingerprint()}
    with partial.open("w", encoding="ascii") as stream:
        stream.write(json.dumps(head) + "\n")
        for result in results:
            kind = {"usnet_diagnosis": FORMAT_VERSION} if isinstance(result, Diagnosis) else {"failure": True}
            stream.write(json.dumps(kind | asdict(result), allow_nan=False) + "\n")
    partial.replace(path)
    return path


def read_predictions(path: Path, dataset: Dataset) -> list[Diagnosis | Failure]:
    """Read opinions on ``dataset``.

    Raises
    ------
    DataError
        The file is missing or damaged, or was made on another dataset or before its truth changed.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"predictions cannot be read ({error})", source=path) from error
    head = _object(lines[0] if lines else "", path, 1)
    if head.get("usnet_predictions") != FORMAT_VERSION:
        raise DataError(
            "not a predictions file", source=path, row=1, expected="the predictions.jsonl of 'usnet evaluate'"
        )
    if head.get("fingerprint") != dataset.fingerprint():
        raise DataError(
            f"predictions were made on {head.get('dataset')!r}, or its records have changed since",
            source=path,
            expected=f"predictions of {dataset.name!r} and of the same split",
            hint="Leave out --predictions to run the model again",
        )
    return [_result(line, path, number) for number, line in enumerate(lines[1:], 2)]


def _result(line: str, path: Path, number: int) -> Diagnosis | Failure:
    row = _object(line, path, number)
    if row.get("failure") is True:
        return Failure(str(row.get("source")), str(row.get("reason")))
    try:
        return diagnosis_from_json(line, source=path)
    except DataError as error:
        raise DataError(error.message, source=path, row=number, expected=error.expected) from None


def _object(line: str, path: Path, number: int) -> dict[str, object]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict):
        raise DataError("not a JSON object", source=path, row=number, expected="a line of predictions.jsonl")
    return row
