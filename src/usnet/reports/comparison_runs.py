"""Reading back what ``usnet evaluate`` left behind, for a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from usnet.datasets.records import Dataset, load, save
from usnet.errors import DataError
from usnet.evaluation.truth import Cases, join
from usnet.reports.evaluation_predictions import read_predictions
from usnet.values import Diagnosis, Failure

TRUTH = "truth.json"
PREDICTIONS = "predictions.jsonl"


@dataclass(frozen=True, slots=True)
class Run:
    """One model's opinions on a data set: ``cases`` are the images that have a label and an opinion."""

    name: str
    dataset: Dataset
    cases: Cases


def write_truth(folder: Path, dataset: Dataset) -> Path:
    """The truth that a run was measured against, as a COCO file without images: ``truth.json`` in ``folder``."""
    return save(dataset, folder / TRUTH)


def read_run(folder: Path) -> Run:
    """A folder of ``usnet evaluate``.

    Raises
    ------
    DataError
        The folder has no truth or no predictions, or they do not belong together.
    """
    for name in (TRUTH, PREDICTIONS):
        if not (folder / name).is_file():
            raise DataError(
                f"no {name}",
                source=folder,
                expected="a folder written by 'usnet evaluate'",
                hint="Older folders have no truth: run 'usnet evaluate --predictions' on their predictions.jsonl once more",
            )
    dataset = load(folder / TRUTH)
    results = read_predictions(folder / PREDICTIONS, dataset)
    return make_run(folder.name or str(folder), dataset, results)


def make_run(name: str, dataset: Dataset, results: list[Diagnosis | Failure]) -> Run:
    """A run from results in memory; images that failed are left out of ``cases`` and named there."""
    return Run(name, dataset, join(dataset, [r for r in results if isinstance(r, Diagnosis)]))
