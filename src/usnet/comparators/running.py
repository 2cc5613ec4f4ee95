"""Train a method, let it look at every test image, and keep what that cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from usnet import images
from usnet.comparators.method import Budget, Fitted, Method, NoOpinion
from usnet.datasets.records import Dataset, ImageRecord
from usnet.values import Diagnosis, Failure

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a method needs: ``minutes`` of training (calibration included) and its ``parameters``, ``None`` where unknown."""

    minutes: float | None
    parameters: int | None


@dataclass(frozen=True, slots=True)
class Result:
    """Opinions of one method on the test images. A :class:`~usnet.values.Failure` has no opinion."""

    method: Method
    results: tuple[Diagnosis | Failure, ...]
    cost: Cost


def run(
    method: Method,
    dataset: Dataset,
    test: list[ImageRecord],
    *,
    budget: Budget = Budget(),
    progress: Progress | None = None,
) -> Result:
    """Fit ``method`` on the training split and let it diagnose the records of ``test``."""
    start = time.perf_counter()
    fitted = method.fit(dataset, "train", budget=budget)
    minutes = (time.perf_counter() - start) / 60
    results = opinions(fitted, dataset, test, progress)
    return Result(method, tuple(results), Cost(minutes if method.trains else None, fitted.parameters))


def opinions(
    fitted: Fitted, dataset: Dataset, records: list[ImageRecord], progress: Progress | None = None
) -> list[Diagnosis | Failure]:
    """One opinion a record; seconds hold the opinion without reading the file."""
    found: list[Diagnosis | Failure] = []
    for number, record in enumerate(records, 1):
        try:
            found.append(fitted.diagnose(images.read(dataset.path(record)), record))
        except NoOpinion as error:
            found.append(Failure(record.file_name, error.message))
        if progress is not None:
            progress(number, len(records))
    return found
