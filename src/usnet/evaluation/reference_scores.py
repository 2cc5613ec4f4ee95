"""What a model said of nodules whose pathology is known: the background against which a new probability is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from usnet.datasets.records import Dataset
from usnet.diagnosis import Diagnoser, Item
from usnet.errors import DataError
from usnet.values import PATHOLOGIES, Diagnosis, Finding, Nodule

FILE = "reference_scores.json"
OVERLAP = 0.5
"""IoU from which a box is on a nodule."""


@dataclass(frozen=True, slots=True)
class ReferenceScores:
    """Calibrated probabilities of malignancy, sorted, of nodules that were found; ``missed`` counts the others."""

    benign: tuple[float, ...]
    malignant: tuple[float, ...]
    missed: int
    origin: str

    def as_json(self, model_sha256: str) -> str:
        """The content of :data:`FILE` in a bundle."""
        scores = {"benign": self.benign, "malignant": self.malignant}
        return json.dumps({"model_sha256": model_sha256, "origin": self.origin} | scores) + "\n"


def reference_scores(
    diagnoser: Diagnoser, datasets: Sequence[Dataset], progress: Callable[[int, int], None] | None = None
) -> ReferenceScores:
    """Diagnose the validation images of ``datasets`` and note what was said of each nodule with known pathology.

    Raises
    ------
    DataError
        No nodule of one of the two pathologies was found.
    """
    wanted = [(d, r) for d in datasets for r in d.select("val").records if r.nodules]
    scores: dict[str, list[float]] = {kind: [] for kind in PATHOLOGIES}
    missed = 0
    results = diagnoser.stream(Item(d.path(r), r.file_name) for d, r in wanted)
    for index, (result, (_, record)) in enumerate(zip(results, wanted, strict=True)):
        for nodule in record.nodules:
            found = _on(nodule, result) if isinstance(result, Diagnosis) else None
            if found is None:
                missed += 1
            elif nodule.pathology is not None:
                scores[nodule.pathology].append(found.probability)
        if progress:
            progress(index + 1, len(wanted))
    empty = [kind for kind in PATHOLOGIES if not scores[kind]]
    if empty:
        raise DataError(f"no {empty[0]} nodule of split val was found", hint="The validation part is too small")
    origin = f"validation images of {', '.join(d.name for d in datasets)}"
    return ReferenceScores(tuple(sorted(scores["benign"])), tuple(sorted(scores["malignant"])), missed, origin)


def _on(nodule: Nodule, diagnosis: Diagnosis) -> Finding | None:
    """The strongest candidate on a nodule."""
    return next((f for f in diagnosis.candidates if f.box.iou(nodule.box) >= OVERLAP), None)
