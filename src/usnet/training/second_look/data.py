"""Batches of crops: copies of bytes, drawn in a balanced order that depends on seed and epoch alone."""

from __future__ import annotations

from dataclasses import dataclass

import lightning as L
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from usnet.training.augment import draw
from usnet.training.sampling import batches, epoch_order, sampling_weights
from usnet.training.second_look.cache import Crops
from usnet.training.second_look.config import LookRunConfig
from usnet.training.second_look.jitter import edge_shifts, training_crops


@dataclass
class LookBatch:
    """``pixels uint8 [N, 1, C, C]``, ``extents [N, 2]`` and ``targets [N, K]`` as :class:`Crops` holds them; ``positions`` in the
    epoch's order and ``indices`` in the cache, a number a crop."""

    pixels: Tensor
    extents: Tensor
    targets: Tensor
    positions: list[int]
    indices: list[int]


class LookBatches(Dataset[LookBatch]):
    """The batches of one epoch."""

    def __init__(self, crops: Crops, chosen: list[list[tuple[int, int]]]) -> None:
        self.crops = crops
        self.chosen = chosen

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, number: int) -> LookBatch:
        if number >= len(self.chosen):
            raise IndexError(number)
        positions, indices = (list(column) for column in zip(*self.chosen[number], strict=True))
        return LookBatch(
            pixels=torch.from_numpy(self.crops.pixels[indices])[:, None],
            extents=torch.from_numpy(self.crops.extents[indices]),
            targets=torch.from_numpy(self.crops.targets[indices]),
            positions=positions,
            indices=indices,
        )


class LookData(L.LightningDataModule):
    """Training and validation crops as loaders; the training loader is made anew for every epoch."""

    def __init__(self, train: Crops, val: Crops, config: LookRunConfig) -> None:
        super().__init__()
        self.train, self.val, self.config = train, val, config
        settings = config.training
        self.weights = sampling_weights(train.labels, train.groups, settings.balance, settings.group_balance)

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of one epoch."""
        return max(1, len(self.train) // self.config.training.batch_size)

    def epoch(self, epoch: int, rank: int = 0, world: int = 1) -> LookBatches:
        """The training batches of ``epoch`` that process ``rank`` of ``world`` sees."""
        settings = self.config.training
        order = epoch_order(self.weights, settings.seed, epoch)
        return LookBatches(self.train, batches(order, settings.batch_size, rank, world))

    def train_dataloader(self) -> DataLoader[LookBatch]:
        """Batches of the current epoch."""
        trainer = self.trainer
        if trainer is None:
            return DataLoader(self.epoch(0), batch_size=None)
        return DataLoader(self.epoch(trainer.current_epoch, trainer.global_rank, trainer.world_size), batch_size=None)

    def val_dataloader(self) -> DataLoader[LookBatch]:
        """Every validation crop once."""
        order = [(i, i) for i in range(len(self.val))]
        size = self.config.training.batch_size
        return DataLoader(
            LookBatches(self.val, [order[i : i + size] for i in range(0, len(order), size)]), batch_size=None
        )


def augmented(batch: LookBatch, config: LookRunConfig, epoch: int) -> Tensor:
    """The network's input ``[N, 2, S, S]``: boxes moved, crops changed, all drawn from (seed, epoch, position)."""
    seed = config.training.seed
    draws = [draw(config.augment, seed, epoch, p) for p in batch.positions]
    shifts = torch.tensor([edge_shifts(config.jitter, seed, epoch, p) for p in batch.positions])
    shifts = shifts.to(batch.extents)
    pixels = batch.pixels.float() / 255
    return training_crops(pixels, batch.extents, shifts, draws, config.network.size, config.network.margin)


def untouched(batch: LookBatch, config: LookRunConfig) -> Tensor:
    """The network's input of a batch as it is: true boxes, no change."""
    still = config.model_copy(update={"jitter": config.jitter.model_copy(update={"edge": 0.0}), "augment": _STILL})
    return augmented(batch, still, 0)


_STILL = LookRunConfig().augment.model_copy(
    update=dict.fromkeys(("horizontal_flip", "vertical_flip", "rotate90", "scale", "shift"), 0.0)
)
