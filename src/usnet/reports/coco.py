"""``findings.json``: COCO detection results, and beside it the list of images that its ids mean."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from usnet.datasets.records import CATEGORIES
from usnet.values import Diagnosis, Finding

_IDS = {name: number for number, name in CATEGORIES}


class FindingsFile:
    """COCO results written while diagnoses come in; the files get their names when complete, until then they end in ``.partial``.

    ``findings.json`` is a list with one entry a finding: ``image_id``, ``category_id`` (1 benign, 2 malignant: the call at the
    operating point), ``bbox`` (x, y, width, height in frame pixels) and ``score`` (detection), plus ``probability`` (calibrated
    probability of malignancy) and ``size_mm`` (width, height; null where uncalibrated), which COCO tools ignore.
    ``findings-images.json`` is a COCO file without annotations: every image with its id, size and label, normal ones included.

    Parameters
    ----------
    numbers
        COCO image ids by ``Diagnosis.image_id``, for results on a dataset that has its own; other images are numbered after them.
    """

    def __init__(self, path: str | Path, numbers: Mapping[str, int] | None = None) -> None:
        self._numbers = dict(numbers or {})
        self._next = max(self._numbers.values(), default=0) + 1
        path = Path(path)
        head = {"categories": [{"id": _IDS[name], "name": name} for name in ("benign", "malignant")], "annotations": []}
        self._findings = _JsonList(path, "[", "]")
        self._images = _JsonList(images_path(path), json.dumps(head)[:-1] + ', "images": [', "]}")

    def add(self, diagnosis: Diagnosis) -> None:
        """Write one image and its findings."""
        number = self._numbers.pop(diagnosis.image_id, None)
        if number is None:
            number, self._next = self._next, self._next + 1
        self._images.add(_image(diagnosis, number))
        for finding in diagnosis.findings:
            self._findings.add(_result(finding, number))

    def close(self) -> None:
        """Complete both files."""
        self._findings.close()
        self._images.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()


def images_path(findings: Path) -> Path:
    """Where the images of a findings file are listed: ``findings.json`` gives ``findings-images.json``."""
    return findings.with_name(f"{findings.stem}-images.json")


def _result(finding: Finding, number: int) -> dict[str, Any]:
    return {
        "image_id": number,
        "category_id": _IDS[finding.label],
        "bbox": finding.box.as_list(),
        "score": finding.score,
        "probability": finding.probability,
        "size_mm": finding.size_mm,
    }


def _image(diagnosis: Diagnosis, number: int) -> dict[str, Any]:
    return {
        "id": number,
        "file_name": diagnosis.image_id,
        "source": diagnosis.source,
        "frame": diagnosis.frame,
        "width": diagnosis.width,
        "height": diagnosis.height,
        "label": diagnosis.label,
    }


class _JsonList:
    """A JSON document that is mostly one long list, written entry by entry to a partial file."""

    def __init__(self, path: Path, head: str, tail: str) -> None:
        self._path, self._tail = path, tail
        self._partial = path.with_name(path.name + ".partial")
        self._stream = self._partial.open("w", encoding="ascii")
        self._stream.write(head)
        self._separator = "\n"

    def add(self, entry: dict[str, Any]) -> None:
        self._stream.write(self._separator + json.dumps(entry, allow_nan=False))
        self._separator = ",\n"

    def close(self) -> None:
        self._stream.write("\n" + self._tail + "\n")
        self._stream.close()
        os.replace(self._partial, self._path)
