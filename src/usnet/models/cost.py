"""How large a network is and what one image costs."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def parameters(network: nn.Module) -> int:
    """Number of trainable weights."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def multiply_accumulates(network: nn.Module, size: int, channels: int = 1) -> int:
    """Multiply-accumulates of one image ``[channels, size, size]`` (convolutions and products; half of the counted FLOP)."""
    training = network.training
    network.eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, channels, size, size))
    network.train(training)
    return int(counter.get_total_flops()) // 2
