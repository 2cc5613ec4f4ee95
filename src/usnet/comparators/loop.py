"""One training loop for every network: the same batches, augmentation, optimiser, schedule and precision."""

from __future__ import annotations

import logging
import math
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from usnet.bundles.decode import Candidates
from usnet.comparators.unfinished import Done, Unfinished
from usnet.datasets.records import Dataset
from usnet.models.matching import PADDING
from usnet.training.augment import Draw, affine, augment, draw, visible
from usnet.training.cache import Cache
from usnet.training.config import RunConfig, TrainingConfig
from usnet.training.loader import Data
from usnet.training.module import Batch, DivergedTraining
from usnet.training.optimiser import optimiser_and_schedule
from usnet.training.run import caches

logger = logging.getLogger(__name__)


class Task(Protocol):
    """A network, how it is trained, and how it is asked. Boxes are corners in network pixels."""

    @property
    def network(self) -> nn.Module:
        """Every trainable weight."""

    def losses(self, pixels: Tensor, boxes: Tensor, classes: Tensor, drawn: Tensor | None = None) -> dict[str, Tensor]:
        """Named losses of ``pixels [N, 1, S, S]`` in [0, 1], ``boxes [N, M, 4]`` and ``classes [N, M]`` (0 benign, 1 malignant,
        2 unknown, -1 no nodule); their sum is minimised. The network is in training mode. ``drawn [N, S, S]`` is 1 inside a mask
        that an expert drew, 0 outside, and has -1 where an image has no mask; detectors do not look at it."""

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


def train(
    task: Task,
    data: Data,
    config: RunConfig,
    drawn: npt.NDArray[np.int8] | None = None,
    unfinished: Unfinished | None = None,
) -> Done:
    """Train ``task`` as ``config`` says; its network comes back in evaluation mode.

    ``drawn [N, S, S]`` are masks of the training images (see :class:`Task`). With ``unfinished`` every epoch is kept there, and the
    training goes on from what it holds. The answer says what earlier runs did.

    Raises
    ------
    DivergedTraining
        A loss is not finite.
    ConfigError
        See :meth:`usnet.comparators.unfinished.Unfinished.read`.
    """
    settings, place = config.training, device()
    masks = None if drawn is None else torch.from_numpy(drawn)
    network = task.network.to(place).train()
    if settings.channels_last:
        network = network.to(memory_format=torch.channels_last)
    made = optimiser_and_schedule(network, settings, data.steps_per_epoch * settings.epochs)
    optimiser, schedule = made["optimizer"], made["lr_scheduler"]["scheduler"]
    parts = {"network": network, "optimiser": optimiser, "schedule": schedule}
    before = Done() if unfinished is None else unfinished.read(parts)
    start = time.perf_counter()
    for epoch in range(before.epochs, settings.epochs):
        batches = data.epoch(epoch)
        for number in range(len(batches)):
            total = _loss(
                task, _augmented(batches[number], masks, config, epoch, place), settings, f"{epoch}, {number}"
            )
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(total)
            nn.utils.clip_grad_norm_(network.parameters(), settings.clip_norm)
            optimiser.step()
            schedule.step()
        logger.info("epoch %d of %d: loss %.4f in its last step", epoch + 1, settings.epochs, float(total.detach()))
        if unfinished is not None:
            unfinished.write(parts, Done(epoch + 1, before.seconds + time.perf_counter() - start))
    network.eval()
    return before


def _loss(
    task: Task, batch: tuple[Tensor, Tensor, Tensor, Tensor | None], settings: TrainingConfig, step: str
) -> Tensor:
    with _precision(settings.precision, batch[0].device):
        losses = task.losses(*batch)
    total = torch.stack([value.float() for value in losses.values()]).sum()
    if not math.isfinite(float(total.detach())):
        values = {name: float(value.detach()) for name, value in losses.items()}
        raise DivergedTraining(f"loss is {values} in epoch, step {step}", hint="Lower training.learning_rate")
    return total


def _augmented(
    batch: Batch, masks: Tensor | None, config: RunConfig, epoch: int, place: torch.device
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """What :class:`usnet.training.module.Detector` sees of the same batch."""
    draws = [draw(config.augment, config.training.seed, epoch, position) for position in batch.positions]
    pixels, before, classes = (t.to(place) for t in (batch.pixels, batch.boxes, batch.classes))
    moved, boxes = augment(pixels.float() / 255, before, draws)
    drawn = None if masks is None else moved_masks(masks[batch.indices].to(place), draws)
    return moved, boxes, torch.where(visible(before, boxes, draws), classes, PADDING), drawn


def moved_masks(masks: Tensor, draws: list[Draw]) -> Tensor:
    """``[N, S, S]`` masks where :func:`usnet.training.augment.augment` moves their images; what comes in from outside is 0."""
    theta = torch.tensor([affine(d) for d in draws], dtype=torch.float32, device=masks.device)
    shape = [len(masks), 1, *masks.shape[1:]]
    grid = F.affine_grid(theta, shape, align_corners=False)
    return F.grid_sample(masks.float()[:, None], grid, mode="nearest", align_corners=False)[:, 0]


def _precision(name: str, place: torch.device) -> AbstractContextManager[object]:
    if name == "32-true":
        return nullcontext()
    return torch.autocast(place.type, torch.float16 if name == "16-mixed" else torch.bfloat16)
