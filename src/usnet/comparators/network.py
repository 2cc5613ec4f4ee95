"""A network as a method: trained by the one loop, calibrated on validation, served on the one pixel path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from usnet import images
from usnet.comparators.loop import Shelf, Task, device, train
from usnet.comparators.method import Budget, Fitted, Named, Unchanged
from usnet.comparators.pool import frames, labelled
from usnet.comparators.serving import Look, Seen, calibrated
from usnet.comparators.unfinished import Unfinished
from usnet.datasets.masks import BoolMask
from usnet.datasets.records import Dataset, ImageRecord, Split
from usnet.errors import ConfigError
from usnet.extras import need
from usnet.models.cost import parameters
from usnet.training.config import RunConfig, changed
from usnet.training.loader import Data
from usnet.values import Frame

HALF = 0.5
"""Paint above this is nodule."""
UNFINISHED = "unfinished.pt"
"""In the method's folder while it trains."""
SIZES, SIZES_AT = "network.anchors.sizes", 256
"""Ablations state their anchors for an input of so many pixels."""


@runtime_checkable
class Painter(Protocol):
    """A task that paints nodules and learns from masks."""

    def paint(self, pixels: torch.Tensor) -> torch.Tensor:
        """``[N, K, S, S]`` probabilities of ``pixels [N, 1, S, S]``, background first."""


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
        ConfigError
            A training that waits in ``budget.unfinished`` had other data or settings.
        """
        need(*self.modules, extra=self.extra, feature=f"method {self.name!r}")
        if self.make is None or split != "train":
            raise ConfigError(f"method {self.name!r} trains on split 'train'", expected="that split and a network")
        config = ablated(budget.config, self.overrides)
        if self.overrides and config == budget.config:
            raise Unchanged(f"{self.name} changes nothing: {', '.join(self.overrides)} is set already")
        torch.manual_seed(config.training.seed)
        task = self.make(config)
        painter = task if isinstance(task, Painter) else None
        data = Data(*self.shelf.of(dataset, config), config.training)
        drawn = None if painter is None else _drawn(dataset, budget, data)
        before = train(task, data, config, drawn, self._unfinished(dataset, replace(budget, config=config)))
        validation = frames(dataset, labelled(dataset, "val"))
        size = config.network.anchors.image_size
        look = _look(task, config)
        fitted = calibrated(
            self.name, look, validation, size=size, parameters=parameters(task.network), weights=_fingerprint(task)
        )
        outline = None if painter is None else _outline(painter, config)
        return replace(fitted, outline=outline, earlier_seconds=before.seconds)

    def _unfinished(self, dataset: Dataset, budget: Budget) -> Unfinished | None:
        if budget.unfinished is None:
            return None
        return Unfinished(budget.unfinished / self.name / UNFINISHED, budget.made_with(dataset))


def ablated(config: RunConfig, overrides: Sequence[str]) -> RunConfig:
    """``config`` with an ablation's ``SECTION.KEY=VALUE`` overrides.

    Anchors that it sets are stated for an input of 256 pixels and grow with the input, so that one row fits every budget.

    Raises
    ------
    ConfigError
        An override names no setting or gives it a wrong value.
    """
    found = changed(config, list(overrides))
    if not any(override.partition("=")[0].strip() == SIZES for override in overrides):
        return found
    ratio = found.network.anchors.image_size / SIZES_AT
    return changed(found, [f"{SIZES}={[size * ratio for size in found.network.anchors.sizes]}"])


def _look(task: Task, config: RunConfig) -> Look:
    size, mode, place = config.network.anchors.image_size, config.training.image_mode, device()

    def look(frame: Frame, given: ImageRecord | None) -> Seen:
        image, transform = images.letterbox(frame.pixels, size, mode)
        with torch.inference_mode():
            (found,) = task.find(torch.from_numpy(image[None]).to(place))
        return Seen(found, transform)

    return look


def _drawn(dataset: Dataset, budget: Budget, data: Data) -> npt.NDArray[np.int8] | None:
    """Masks of the training images in the order of their cache, which leaves out images of which nothing is known."""
    if budget.masks is None:
        return None
    records = [r for r in dataset.select("train").records if r.label is not None or r.nodules]
    size, mode = data.train.pixels.shape[-1], budget.config.training.image_mode
    return budget.masks.stack(records, size, mode)


def _outline(painter: Painter, config: RunConfig) -> Callable[[Frame], BoolMask]:
    """Where the paint of a frame is above one half, in frame pixels."""
    size, mode, place = config.network.anchors.image_size, config.training.image_mode, device()

    def outline(frame: Frame) -> BoolMask:
        image, transform = images.letterbox(frame.pixels, size, mode)
        with torch.inference_mode():
            nodule = 1 - painter.paint(torch.from_numpy(image[None]).to(place))[:, :1].float()
        x0, y0, x1, y1 = transform.to_network([[0, 0, frame.width, frame.height]])[0].round().astype(int)
        back = F.interpolate(nodule[..., y0:y1, x0:x1], (frame.height, frame.width), mode="bilinear")
        return np.asarray(back[0, 0].cpu().numpy() >= HALF)

    return outline


def _fingerprint(task: Task) -> bytes:
    """A few numbers of the weights: enough to tell two trainings apart."""
    sums = [float(p.detach().double().sum()) for p in task.network.parameters()]
    return np.array(sums, dtype=np.float64).tobytes()
