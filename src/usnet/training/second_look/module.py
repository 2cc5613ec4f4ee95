"""The training step, the validation step and the loss of the second look."""

from __future__ import annotations

from typing import Any

import lightning as L
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from usnet.models.second_look import SecondLookNetwork
from usnet.statistics.roc import auc
from usnet.training.module import DivergedTraining
from usnet.training.optimiser import optimiser_and_schedule
from usnet.training.second_look.config import LookLossConfig, LookRunConfig
from usnet.training.second_look.data import LookBatch, augmented, untouched


def look_loss(logits: Tensor, targets: Tensor, config: LookLossConfig) -> Tensor:
    """Cross-entropy of malignancy plus the weighted mean over the BI-RADS steps that are known.

    ``logits`` and ``targets`` are ``[N, K]``; targets in [0, 1], NaN where unknown.
    """
    known = ~torch.isnan(targets)
    smooth = torch.where(known, targets, 0.0) * (1 - config.label_smoothing) + config.label_smoothing / 2
    losses = F.binary_cross_entropy_with_logits(logits.float(), smooth, reduction="none") * known
    malignancy = losses[:, 0].sum() / known[:, 0].sum().clamp(min=1)
    birads = losses[:, 1:].sum() / known[:, 1:].sum().clamp(min=1)
    return malignancy + config.birads * birads


def mixed(crops: Tensor, targets: Tensor, alpha: float, seed: list[int]) -> tuple[Tensor, Tensor]:
    """Mixup (Zhang et al. 2018): a batch blended with itself in another order; a target unknown on either side is unknown."""
    rng = np.random.default_rng(seed)
    share = float(rng.beta(alpha, alpha))
    order = torch.from_numpy(rng.permutation(len(crops))).to(crops.device)
    return share * crops + (1 - share) * crops[order], share * targets + (1 - share) * targets[order]


class Look(L.LightningModule):
    """The second look with its loss and optimiser; ``total_steps`` fixes the schedule."""

    def __init__(self, config: LookRunConfig, total_steps: int) -> None:
        super().__init__()
        self.config = config
        self.total_steps = total_steps
        self.network = SecondLookNetwork(config.network)
        if config.training.channels_last:
            self.network = self.network.to(memory_format=torch.channels_last)
        self._seen: list[tuple[Tensor, Tensor]] = []

    def forward(self, crops: Tensor) -> Tensor:
        """Logits of ``crops [N, 2, S, S]``."""
        if self.config.training.channels_last:
            crops = crops.contiguous(memory_format=torch.channels_last)
        logits: Tensor = self.network(crops)
        return logits

    def transfer_batch_to_device(self, batch: LookBatch, device: torch.device, dataloader_idx: int) -> LookBatch:
        """Move the tensors of a batch."""
        move = {name: getattr(batch, name).to(device, non_blocking=True) for name in ("pixels", "extents", "targets")}
        return LookBatch(**move, positions=batch.positions, indices=batch.indices)

    def training_step(self, batch: LookBatch, step: int) -> Tensor:
        """Move, augment, mix, predict. Stops at a loss that is not finite."""
        crops, targets = augmented(batch, self.config, self.current_epoch), batch.targets
        if self.config.loss.mixup:
            seed = [self.config.training.seed, self.current_epoch, batch.positions[0], 0x31]
            crops, targets = mixed(crops, targets, self.config.loss.mixup, seed)
        loss = look_loss(self(crops), targets, self.config.loss)
        if not torch.isfinite(loss):
            raise DivergedTraining(
                f"loss is {float(loss)} in epoch {self.current_epoch}, step {step}",
                hint="Lower training.learning_rate",
            )
        self.log("train/loss", loss.detach(), on_step=False, on_epoch=True, sync_dist=True, batch_size=len(crops))
        return loss

    def validation_step(self, batch: LookBatch, step: int) -> None:
        """Collect the malignancy logits of untouched crops."""
        logits = self(untouched(batch, self.config)).float()
        self.log("val/loss", look_loss(logits, batch.targets, self.config.loss), batch_size=len(logits))
        self._seen.append((logits[:, 0].cpu(), batch.targets[:, 0].cpu()))

    def on_validation_epoch_end(self) -> None:
        """AUC of malignant against benign over all validation crops."""
        logits, targets = (torch.cat(column).numpy() for column in zip(*self._seen, strict=True))
        self._seen = []
        value = auc(targets == 1, logits).value
        self.log("val/auc", 0.0 if value is None else value, prog_bar=True)

    def configure_optimizers(self) -> Any:
        """AdamW over all steps."""
        return optimiser_and_schedule(self.network, self.config.training, self.total_steps)
