"""Batches from the cache: no worker processes, because a batch is a copy of bytes."""

from __future__ import annotations

import lightning as L
import torch
from torch.utils.data import DataLoader, Dataset

from usnet.training.cache import Cache
from usnet.training.config import TrainingConfig
from usnet.training.module import Batch
from usnet.training.sampling import batches, epoch_order, sampling_weights


class Batches(Dataset[Batch]):
    """The batches of one epoch, each ready as a :class:`~usnet.training.module.Batch`."""

    def __init__(self, cache: Cache, chosen: list[list[tuple[int, int]]]) -> None:
        self.cache = cache
        self.chosen = chosen

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, number: int) -> Batch:
        if number >= len(self.chosen):
            raise IndexError(number)
        positions, indices = (list(column) for column in zip(*self.chosen[number], strict=True))
        return Batch(
            pixels=torch.from_numpy(self.cache.pixels[indices])[:, None],
            boxes=torch.from_numpy(self.cache.boxes[indices]),
            classes=torch.from_numpy(self.cache.classes[indices]),
            positions=positions,
            indices=indices,
        )


class Data(L.LightningDataModule):
    """Training and validation caches as loaders; the training loader is made anew for every epoch."""

    def __init__(self, train: Cache, val: Cache, config: TrainingConfig) -> None:
        super().__init__()
        self.train, self.val, self.config = train, val, config
        self.weights = sampling_weights(train.labels, train.groups, config.balance, config.group_balance)

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of one epoch, whatever the number of processes."""
        return max(1, len(self.train) // self.config.batch_size)

    def epoch(self, epoch: int, rank: int = 0, world: int = 1) -> Batches:
        """The training batches of ``epoch`` that process ``rank`` of ``world`` sees."""
        order = epoch_order(self.weights, self.config.seed, epoch)
        return Batches(self.train, batches(order, self.config.batch_size, rank, world))

    def train_dataloader(self) -> DataLoader[Batch]:
        """Batches of the current epoch."""
        trainer = self.trainer
        if trainer is None:
            return DataLoader(self.epoch(0), batch_size=None)
        return DataLoader(self.epoch(trainer.current_epoch, trainer.global_rank, trainer.world_size), batch_size=None)

    def val_dataloader(self) -> DataLoader[Batch]:
        """Every validation image once, on every process, so that each computes the same score."""
        order = [(i, i) for i in range(len(self.val))]
        size = self.config.batch_size
        chosen = [order[i : i + size] for i in range(0, len(order), size)]
        return DataLoader(Batches(self.val, chosen), batch_size=None)
