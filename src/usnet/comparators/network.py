"""A network as a method: trained by the one loop, calibrated on validation, served on the one pixel path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from usnet import images
from usnet.bundles.decode import Candidates
from usnet.comparators.loop import Shelf, Task, device, train
from usnet.comparators.method import Budget, Fitted, Named, Unchanged
from usnet.comparators.pool import frames, labelled
from usnet.comparators.serving import calibrated
from usnet.datasets.records import Dataset, ImageRecord, Split
from usnet.errors import ConfigError
from usnet.extras import need
from usnet.images import LetterboxTransform
from usnet.models.cost import parameters
from usnet.training.config import RunConfig, changed
from usnet.training.loader import Data
from usnet.values import Frame


@dataclass(frozen=True, slots=True)
class Network(Named):
    """``make`` builds the task; ``overrides`` change the configuration (ablations); ``modules`` are libraries of ``extra``."""

    make: Callable[[RunConfig], Task] | None = None
    overrides: Sequence[str] = ()
    shelf: Shelf = field(default_factory=Shelf)
    modules: Sequence[str] = ()
    extra: str = "comparators"

    def fit(self, dataset: Dataset, split: Split = "train", *, budget: Budget = Budget()) -> Fitted:
        """Train on split ``train``.

        Raises
        ------
        Unchanged
            An ablation changes nothing in this configuration.
        DataError
            Training or validation images are missing.
        MissingExtra
            A library is not installed.
        DivergedTraining
            A loss is not finite.
        """
        need(*self.modules, extra=self.extra, feature=f"method {self.name!r}")
        if self.make is None or split != "train":
            raise ConfigError(f"method {self.name!r} trains on split 'train'", expected="that split and a network")
        config = changed(budget.config, list(self.overrides))
        if self.overrides and config == budget.config:
            raise Unchanged(f"{self.name} changes nothing: {', '.join(self.overrides)} is set already")
        torch.manual_seed(config.training.seed)
        task = self.make(config)
        train(task, Data(*self.shelf.of(dataset, config), config.training), Budget(config, budget.jobs))
        validation = frames(dataset, labelled(dataset, "val"))
        size = config.network.anchors.image_size
        look = _look(task, config)
        return calibrated(
            self.name, look, validation, size=size, parameters=parameters(task.network), weights=_fingerprint(task)
        )


def _look(
    task: Task, config: RunConfig
) -> Callable[[Frame, ImageRecord | None], tuple[Candidates, LetterboxTransform]]:
    size, mode, place = config.network.anchors.image_size, config.training.image_mode, device()

    def look(frame: Frame, given: ImageRecord | None) -> tuple[Candidates, LetterboxTransform]:
        image, transform = images.letterbox(frame.pixels, size, mode)
        with torch.inference_mode():
            (found,) = task.find(torch.from_numpy(image[None]).to(place))
        return found, transform

    return look


def _fingerprint(task: Task) -> bytes:
    """A few numbers of the weights: enough to tell two trainings apart."""
    sums = [float(p.detach().double().sum()) for p in task.network.parameters()]
    return np.array(sums, dtype=np.float64).tobytes()
