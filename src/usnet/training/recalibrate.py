"""Batch-norm statistics of the averaged weights, measured anew on training images.

Averaging weights over steps does not give the statistics that the averaged network has; measuring them does (Izmailov et al. 2018,
section 3.2; "precise batch norm" of Wu and Johnson 2021).
"""

from __future__ import annotations

import torch
from torch import nn

from usnet.models.network import USNet
from usnet.training.augment import augment, draw
from usnet.training.config import RunConfig
from usnet.training.loader import Data


def recalibrate(network: USNet, data: Data, config: RunConfig, batches: int = 100) -> int:
    """Set running means and variances to their plain average over up to ``batches`` augmented batches of one epoch.

    Returns the number of batches used, 0 for a network without batch norm. The network comes back in evaluation mode.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    if not norms:
        return 0
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative average
    network.train()
    epoch = data.epoch(config.training.epochs)
    used = min(batches, len(epoch))
    with torch.no_grad():
        for number in range(used):
            batch = epoch[number]
            draws = [draw(config.augment, config.training.seed, config.training.epochs, p) for p in batch.positions]
            pixels, _ = augment(batch.pixels.float() / 255, batch.boxes, draws)
            network(pixels)
    network.eval()
    return used
