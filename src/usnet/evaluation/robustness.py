"""The same images, disturbed: what becomes of a model's numbers, paired with those on the images as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from usnet import images
from usnet.datasets.records import Dataset, ImageRecord
from usnet.diagnosis import Diagnoser
from usnet.errors import DataError
from usnet.evaluation.compare import compare
from usnet.evaluation.differences import Difference, RunComparison
from usnet.evaluation.disturbances import Disturbance
from usnet.evaluation.truth import join
from usnet.values import Box, Diagnosis, Finding, Frame

LARGEST_DROP = 0.03
"""A fall of the AUC by more than this wants an explanation."""


@dataclass(frozen=True, slots=True)
class Disturbed:
    """One disturbance's outcome. Every difference is disturbed minus undisturbed, paired and clustered by group."""

    disturbance: Disturbance
    comparison: RunComparison

    def get(self, measure: str, subject: str) -> Difference:
        """A row of :class:`~usnet.evaluation.differences.RunComparison`.

        Raises
        ------
        DataError
            The images do not allow that measure.
        """
        found = self.comparison.get(measure, subject)
        if found is None:
            raise DataError(f"{measure} ({subject}) cannot be measured on these images")
        return found


def robustness(
    dataset: Dataset,
    diagnoser: Diagnoser,
    chosen: Sequence[Disturbance],
    *,
    bootstrap: int = 1000,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Disturbed]:
    """Diagnose every image as it is and after each disturbance, and compare.

    Boxes found on a disturbed frame are taken back to the original's pixels, so the truth stays as it is. Grain is drawn from
    ``seed`` and the image's place, the same for every model.

    Raises
    ------
    UnreadableImage
        An image of the dataset cannot be read.
    """
    records = [r for r in dataset.records if r.exclude is None and r.label is not None]
    plain: list[Diagnosis] = []
    disturbed: list[list[Diagnosis]] = [[] for _ in chosen]
    for index, record in enumerate(records):
        frame = images.read(dataset.path(record))
        plain.append(replace(diagnoser.diagnose(frame), image_id=record.file_name))
        for which, (disturbance, found) in enumerate(zip(chosen, disturbed, strict=True)):
            rng = np.random.default_rng((seed, index, which))
            found.append(_disturbed(frame, record, disturbance, diagnoser, rng))
        if progress:
            progress(index + 1, len(records))
    cases = join(dataset, plain)
    return [
        Disturbed(
            d, compare(join(dataset, found), cases, names=(d.name, "undisturbed"), bootstrap=bootstrap, seed=seed)
        )
        for d, found in zip(chosen, disturbed, strict=True)
    ]


def _disturbed(
    frame: Frame, record: ImageRecord, disturbance: Disturbance, diagnoser: Diagnoser, rng: np.random.Generator
) -> Diagnosis:
    nodules = tuple(n.box for n in record.nodules)
    pixels = disturbance.apply(frame.pixels, nodules, rng)
    said = diagnoser.diagnose(replace(frame, pixels=pixels, spacing_mm=None))

    def back(found: Finding) -> Finding:
        box: Box = disturbance.back(found.box, (frame.width, frame.height))
        return replace(found, box=box)

    return replace(
        said,
        image_id=record.file_name,
        width=frame.width,
        height=frame.height,
        findings=tuple(back(f) for f in said.findings),
        candidates=tuple(back(f) for f in said.candidates),
    )
