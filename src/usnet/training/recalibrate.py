"""Batch-norm statistics of the averaged weights, measured anew on training images.

Averaging weights over steps does not give the statistics that the averaged network has; measuring them does (Izmailov et al. 2018,
section 3.2; "precise batch norm" of Wu and Johnson 2021).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from usnet.models.network import USNet
from usnet.training.augment import augment, draw
from usnet.training.config import RunConfig
from usnet.training.loader import Data


def recalibrate(network: USNet, data: Data, config: RunConfig, batches: int = 100) -> int:
    """:func:`measure_norms` over up to ``batches`` augmented batches of the epoch after the last."""
    epoch = data.epoch(config.training.epochs)
    used = min(batches, len(epoch))

    def inputs() -> Iterator[Tensor]:
        for number in range(used):
            batch = epoch[number]
            draws = [draw(config.augment, config.training.seed, config.training.epochs, p) for p in batch.positions]
            yield augment(batch.pixels.float() / 255, batch.boxes, draws)[0]

    return measure_norms(network, inputs())


def measure_norms(network: nn.Module, inputs: Iterable[Tensor]) -> int:
    """Set running means and variances to their plain average over batches of inputs.

    Returns the number of batches used, 0 for a network without batch norm. The network comes back in evaluation mode.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    if not norms:
        return 0
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative average
    network.train()
    used = 0
    with torch.no_grad():
        for batch in inputs:
            network(batch)
            used += 1
    network.eval()
    return used
