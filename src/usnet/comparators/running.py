"""Train a method, let it look at every test image, and keep what that cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from usnet import images
from usnet.comparators.method import Budget, Fitted, Method, NoOpinion
from usnet.comparators.outlines import Masks
from usnet.comparators.serving import Served
from usnet.datasets.masks import BoolMask
from usnet.datasets.records import Dataset, ImageRecord
from usnet.values import Diagnosis, Failure, Frame

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Cost:
    """What a method needs: ``minutes`` of training (calibration included) and its ``parameters``, ``None`` where unknown."""

    minutes: float | None
    parameters: int | None


@dataclass(frozen=True, slots=True)
class Result:
    """Opinions of one method on the test images. A :class:`~usnet.values.Failure` has no opinion. ``dice`` is the Dice of its
    outline by file name, of the images where it can be had."""

    method: Method
    results: tuple[Diagnosis | Failure, ...]
    cost: Cost
    dice: Mapping[str, float] = field(default_factory=dict)


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
    earlier = fitted.earlier_seconds if isinstance(fitted, Served) else 0.0
    minutes = (earlier + time.perf_counter() - start) / 60
    results = opinions(fitted, dataset, test, progress)
    outline = fitted.outline if isinstance(fitted, Served) else None
    dice = outlined(method, results, dataset, test, budget.masks, outline)
    return Result(method, tuple(results), Cost(minutes if method.trains else None, fitted.parameters), dice)


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


def outlined(
    method: Method,
    results: Sequence[Diagnosis | Failure],
    dataset: Dataset,
    records: Sequence[ImageRecord],
    masks: Masks | None,
    outline: Callable[[Frame], BoolMask] | None = None,
) -> dict[str, float]:
    """Dice with the masks by file name: of ``outline``, or of the contour found in the strongest candidate's box.

    Empty without masks, and for methods that look at no pixels.
    """
    found: dict[str, float] = {}
    if masks is None or method.kind == "trivial":
        return found
    for record, said in zip(records, results, strict=True):
        if isinstance(said, Failure):
            continue
        frame = images.read(dataset.path(record))
        boxes = [f.box for f in said.candidates[:1]]
        value = masks.dice(record, frame, outline(frame) if outline else next(iter(boxes), None))
        if value is not None:
            found[record.file_name] = value
    return found
