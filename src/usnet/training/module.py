"""The training step, the validation step and the optimiser: what happens to one batch, on one screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightning as L
import torch
from torch import Tensor

from usnet.anchors import anchor_boxes
from usnet.errors import UsnetError
from usnet.models.loss import detection_loss
from usnet.models.matching import PADDING, match
from usnet.models.network import USNet
from usnet.training.augment import augment, draw, visible
from usnet.training.config import RunConfig
from usnet.training.optimiser import optimiser_and_schedule


class DivergedTraining(UsnetError):
    """A loss is no finite number."""


@dataclass
class Batch:
    """``pixels uint8 [N, 1, S, S]``, ``boxes [N, M, 4]`` corners, ``classes [N, M]``; ``positions`` in the epoch's order and
    ``indices`` in the cache, a number an image."""

    pixels: Tensor
    boxes: Tensor
    classes: Tensor
    positions: list[int]
    indices: list[int]


class Detector(L.LightningModule):
    """USNet with its loss and optimiser.

    Parameters
    ----------
    config
        The run's configuration.
    total_steps
        Optimiser steps of the whole run: fixes the schedule, so that a run in two sittings equals one in one.
    """

    anchors: Tensor

    def __init__(self, config: RunConfig, total_steps: int) -> None:
        super().__init__()
        self.config = config
        self.total_steps = total_steps
        self.network = USNet(config.network)
        if config.training.channels_last:
            self.network = self.network.to(memory_format=torch.channels_last)
        self.register_buffer("anchors", torch.from_numpy(anchor_boxes(config.network.anchors).copy()), persistent=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Raw heads of ``image [N, 1, S, S]`` in [0, 1]."""
        logits, deltas = self.network(image)
        return logits, deltas

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Move the tensors of a batch."""
        move = {name: getattr(batch, name).to(device, non_blocking=True) for name in ("pixels", "boxes", "classes")}
        return Batch(**move, positions=batch.positions, indices=batch.indices)

    def training_step(self, batch: Batch, step: int) -> Tensor:
        """Augment, predict, match, weigh. Stops at a loss that is not finite."""
        seed, epoch = self.config.training.seed, self.current_epoch
        draws = [draw(self.config.augment, seed, epoch, position) for position in batch.positions]
        pixels, boxes = augment(batch.pixels.float() / 255, batch.boxes, draws)
        classes = torch.where(visible(batch.boxes, boxes, draws), batch.classes, PADDING)
        losses = self._losses(pixels, boxes, classes)
        total = torch.stack(list(losses.values())).sum()
        if not torch.isfinite(total):
            values = {name: float(value) for name, value in losses.items()}
            raise DivergedTraining(
                f"loss is {values} in epoch {epoch}, step {step}", hint="Lower training.learning_rate"
            )
        named = {f"train/{name}": value.detach() for name, value in losses.items()}
        self.log_dict(
            {"train/loss": total.detach()} | named, on_step=False, on_epoch=True, sync_dist=True, batch_size=len(pixels)
        )
        self.log("lr", self.trainer.optimizers[0].param_groups[0]["lr"], prog_bar=True)
        return total

    def validation_step(self, batch: Batch, step: int) -> dict[str, Tensor]:
        """Loss of untouched images; gives their raw heads as ``logits`` and ``deltas``."""
        pixels = batch.pixels.float() / 255
        logits, deltas = self(pixels)
        losses = self._loss_of(logits, deltas, batch.boxes, batch.classes)
        total = torch.stack(list(losses.values())).sum()
        self.log("val/loss", total, on_epoch=True, prog_bar=True, sync_dist=True, batch_size=len(pixels))
        return {"logits": logits.float(), "deltas": deltas.float()}

    def _losses(self, pixels: Tensor, boxes: Tensor, classes: Tensor) -> dict[str, Tensor]:
        if self.config.training.channels_last:
            pixels = pixels.contiguous(memory_format=torch.channels_last)
        logits, deltas = self(pixels)
        return self._loss_of(logits, deltas, boxes, classes)

    def _loss_of(self, logits: Tensor, deltas: Tensor, boxes: Tensor, classes: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            targets = match(self.anchors, boxes.float(), classes, self.config.network.anchors, self.config.loss)
            positives = targets.positive.sum()
            if self.trainer.world_size > 1 and self.training:  # so that averaged gradients equal one process's
                positives = self.all_gather(positives).sum() / self.trainer.world_size  # type: ignore[union-attr]
        return detection_loss(logits, deltas, targets, self.config.loss, positives)

    def configure_optimizers(self) -> Any:
        """AdamW, with weight decay on kernels only, and a schedule over :attr:`total_steps`."""
        return optimiser_and_schedule(self.network, self.config.training, self.total_steps)
