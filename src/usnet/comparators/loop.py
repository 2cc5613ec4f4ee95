"""One training loop for every network: the same batches, augmentation, optimiser, schedule and precision."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from usnet.bundles.decode import Candidates
from usnet.comparators.method import Budget
from usnet.datasets.records import Dataset
from usnet.models.matching import PADDING
from usnet.training.augment import augment, draw, visible
from usnet.training.cache import Cache
from usnet.training.config import RunConfig
from usnet.training.loader import Data
from usnet.training.module import Batch, DivergedTraining
from usnet.training.optimiser import optimiser_and_schedule
from usnet.training.run import caches


class Task(Protocol):
    """A network, how it is trained, and how it is asked. Boxes are corners in network pixels."""

    @property
    def network(self) -> nn.Module:
        """Every trainable weight."""

    def losses(self, pixels: Tensor, boxes: Tensor, classes: Tensor) -> dict[str, Tensor]:
        """Named losses of ``pixels [N, 1, S, S]`` in [0, 1], ``boxes [N, M, 4]`` and ``classes [N, M]`` (0 benign, 1 malignant,
        2 unknown, -1 no nodule); their sum is minimised. The network is in training mode."""

    def find(self, pixels: Tensor) -> list[Candidates]:
        """Candidates of each of ``pixels [N, 1, S, S]``. The network is in evaluation mode and no gradient is kept."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Letterboxed images that were read already, so that ten networks read them once."""

    known: dict[tuple[str, int, str], tuple[Cache, Cache]] = field(default_factory=dict)

    def of(self, dataset: Dataset, config: RunConfig) -> tuple[Cache, Cache]:
        """Training and validation images; raises as :func:`usnet.training.run.caches`."""
        key = (dataset.fingerprint(), config.network.anchors.image_size, config.training.image_mode)
        if key not in self.known:
            self.known[key] = caches(config, [dataset])
        return self.known[key]


def device() -> torch.device:
    """The first graphics card, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(task: Task, data: Data, budget: Budget) -> None:
    """Train ``task`` for the budget's epochs; its network comes back in evaluation mode.

    Raises
    ------
    DivergedTraining
        A loss is not finite.
    """
    config = budget.config
    settings, place = config.training, device()
    network = task.network.to(place).train()
    made = optimiser_and_schedule(network, settings, data.steps_per_epoch * settings.epochs)
    optimiser, schedule = made["optimizer"], made["lr_scheduler"]["scheduler"]
    for epoch in range(settings.epochs):
        batches = data.epoch(epoch)
        for number in range(len(batches)):
            pixels, boxes, classes = _augmented(batches[number], config, epoch, place)
            with _precision(settings.precision, place):
                losses = task.losses(pixels, boxes, classes)
            total = torch.stack([value.float() for value in losses.values()]).sum()
            if not math.isfinite(float(total.detach())):
                values = {name: float(value.detach()) for name, value in losses.items()}
                raise DivergedTraining(
                    f"loss is {values} in epoch {epoch}, step {number}", hint="Lower training.learning_rate"
                )
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(total)
            nn.utils.clip_grad_norm_(network.parameters(), settings.clip_norm)
            optimiser.step()
            schedule.step()
    network.eval()


def _augmented(batch: Batch, config: RunConfig, epoch: int, place: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """What :class:`usnet.training.module.Detector` sees of the same batch."""
    draws = [draw(config.augment, config.training.seed, epoch, position) for position in batch.positions]
    pixels, before, classes = (t.to(place) for t in (batch.pixels, batch.boxes, batch.classes))
    moved, boxes = augment(pixels.float() / 255, before, draws)
    return moved, boxes, torch.where(visible(before, boxes, draws), classes, PADDING)


def _precision(name: str, place: torch.device) -> AbstractContextManager[object]:
    if name == "32-true":
        return nullcontext()
    return torch.autocast(place.type, torch.float16 if name == "16-mixed" else torch.bfloat16)
