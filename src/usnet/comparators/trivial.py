"""What any model must beat: the size of the box alone, its shape alone, the radiologist's BI-RADS, and the prevalence."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from usnet.comparators.method import Budget, Named, NoOpinion
from usnet.comparators.pool import labelled
from usnet.datasets.records import Dataset, ImageRecord, Split
from usnet.errors import DataError
from usnet.evaluation.baselines import birads_rank, largest_box
from usnet.statistics.calibration import platt
from usnet.values import Diagnosis, Frame, ModelIdentity, OperatingPoint

Measure = Callable[[ImageRecord], float]
"""A number that rises with suspicion, NaN where unknown."""


def size_of(record: ImageRecord) -> float:
    """Logarithm of the largest true box's share of the frame."""
    box = largest_box(record)
    return math.nan if box is None else math.log(box.area / (record.width * record.height))


def shape_of(record: ImageRecord) -> float:
    """Height over width of the largest true box."""
    box = largest_box(record)
    return math.nan if box is None else box.height / box.width


@dataclass(frozen=True, slots=True)
class OneNumber(Named):
    """A logistic curve through one number. Images without nodule have no box and get no opinion, but BI-RADS may speak of them."""

    measure: Measure = size_of

    def fit(self, dataset: Dataset, split: Split = "train", *, budget: Budget = Budget()) -> FittedNumber:
        """Platt's curve on the training nodules; the threshold is its greatest sensitivity + specificity - 1 there."""
        rows = [(self.measure(r), r.label == "malignant") for r in labelled(dataset, split) if r.label != "normal"]
        x, truth = np.array([v for v, _ in rows]), np.array([m for _, m in rows], dtype=bool)
        known = ~np.isnan(x)
        x, truth = x[known], truth[known]
        if truth.all() or not truth.any():
            raise DataError(f"{self.name}: {int(truth.sum())} malignant of {truth.size}", expected="both classes")
        slope, intercept = platt(x, truth, ridge=1e-4)
        return FittedNumber(self.name, self.measure, slope, intercept, float(truth.mean()))


@dataclass(frozen=True, slots=True)
class FittedNumber:
    """A fitted curve."""

    name: str
    measure: Measure
    slope: float
    intercept: float
    share: float
    parameters: int = 2

    def diagnose(self, frame: Frame, given: ImageRecord | None = None) -> Diagnosis:
        """The opinion from what is ``given``: there is no finding, because nothing was looked for."""
        start = time.perf_counter()
        x = math.nan if given is None else self.measure(given)
        if math.isnan(x):
            raise NoOpinion(f"{self.name} is not known", source=frame.source)
        p = 1 / (1 + math.exp(-max(-60.0, min(60.0, self.slope * x + self.intercept))))
        return verdict(self.name, frame, given, p, self.share, start)


@dataclass(frozen=True, slots=True)
class Prevalence(Named):
    """The share of malignant images in training, for every image alike."""

    def fit(self, dataset: Dataset, split: Split = "train", *, budget: Budget = Budget()) -> FittedPrevalence:
        """Count."""
        labels = [r.label for r in labelled(dataset, split)]
        return FittedPrevalence(self.name, labels.count("malignant") / len(labels))


@dataclass(frozen=True, slots=True)
class FittedPrevalence:
    """One number for all."""

    name: str
    share: float
    parameters: int = 1

    def diagnose(self, frame: Frame, given: ImageRecord | None = None) -> Diagnosis:
        """The same opinion on every frame."""
        return verdict(self.name, frame, given, self.share, 0.5, time.perf_counter())


def verdict(name: str, frame: Frame, given: ImageRecord | None, p: float, threshold: float, start: float) -> Diagnosis:
    """A diagnosis without boxes: malignant with probability ``p``, benign otherwise."""
    point = OperatingPoint("balanced", 1.0, threshold, "share of malignant images in training")
    return Diagnosis(
        image_id=frame.source if given is None else given.file_name,
        source=frame.source,
        width=frame.width,
        height=frame.height,
        findings=(),
        p_benign=1.0 - p,
        p_malignant=p,
        p_normal=0.0,
        label="malignant" if p >= threshold else "benign",
        operating_point=point,
        model=ModelIdentity(name, "0" * 64),
        seconds=time.perf_counter() - start,
    )


def trivial_methods() -> tuple[OneNumber | Prevalence, ...]:
    """The four."""
    return (
        OneNumber("size", "size of the true box alone, a share of the frame", "trivial", "true boxes", size_of),
        OneNumber("shape", "height over width of the true box alone", "trivial", "true boxes", shape_of),
        OneNumber("birads", "the radiologist's BI-RADS where known", "trivial", "BI-RADS", birads_rank),
        Prevalence("prevalence", "the share of malignant training images for all alike", "trivial"),
    )
