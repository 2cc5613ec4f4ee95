"""The one interface of all rivals: ``fit(dataset, split)`` gives something that can ``diagnose(frame)``."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from usnet.comparators.outlines import Masks
from usnet.datasets.records import Dataset, ImageRecord, Split
from usnet.errors import ConfigError, DataError
from usnet.training.config import RunConfig
from usnet.values import Diagnosis, Frame

Kind = Literal["usnet", "trivial", "classical", "segmentation", "detector", "ablation", "external"]


class NoOpinion(DataError):
    """The method can say nothing about this image; its row counts fewer images, and so does USNet's beside it."""


class Unchanged(ConfigError):
    """An ablation is USNet itself under this configuration."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What every method gets alike: inputs, augmentation, epochs and seed of ``config``; ``jobs`` processes read images. ``masks``
    are the outlines that experts drew, where there are any: the U-Net learns them, and every outline is measured against them.
    ``unfinished`` is the folder in which trainings wait that were stopped; ``None`` keeps none."""

    config: RunConfig = field(default_factory=RunConfig)
    jobs: int = 2
    masks: Masks | None = None
    unfinished: Path | None = None

    def made_with(self, dataset: Dataset) -> str:
        """sha256 over the data and all settings but the number of threads: runs that share it may stand in one table."""
        config = self.config.model_dump(mode="json")
        del config["training"]["threads"]
        text = json.dumps([dataset.fingerprint(), config], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


class Fitted(Protocol):
    """A method after training."""

    @property
    def parameters(self) -> int | None:
        """Trainable weights, ``None`` where the word makes no sense."""

    def diagnose(self, frame: Frame, given: ImageRecord | None = None) -> Diagnosis:
        """The opinion on one frame.

        ``given`` is what is known of the image beside its pixels. Only methods with :attr:`Method.told` look at it, and only at
        what that names.

        Raises
        ------
        NoOpinion
            The method can say nothing about this image.
        """


class Method(Protocol):
    """A rival before training. ``told`` names what it is told about test images that USNet is not (empty for nothing)."""

    @property
    def name(self) -> str:
        """As on the command line."""

    @property
    def says(self) -> str:
        """What it is, in a line."""

    @property
    def kind(self) -> Kind:
        """Family."""

    @property
    def told(self) -> str:
        """For example ``true boxes``."""

    @property
    def trains(self) -> bool:
        """Whether fitting is training, so that its minutes count."""

    def fit(self, dataset: Dataset, split: Split = "train", *, budget: Budget = Budget()) -> Fitted:
        """Train on ``split`` of ``dataset``; calibration and thresholds come from its split ``val``.

        Raises
        ------
        DataError
            A split is missing, or has too little in it.
        MissingExtra
            A library that this method needs is not installed.
        """


@dataclass(frozen=True, slots=True)
class Named:
    """Name and description of a method; methods are frozen data classes that extend it."""

    name: str
    says: str
    kind: Kind
    told: str = ""

    @property
    def trains(self) -> bool:
        """Whether fitting is training."""
        return True
