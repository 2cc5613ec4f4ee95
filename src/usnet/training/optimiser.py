"""AdamW with a schedule that is fixed by the run's total steps, so that a run in two sittings equals one in one."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from usnet.training.config import TrainingConfig


def optimiser_and_schedule(network: nn.Module, settings: TrainingConfig, total_steps: int) -> dict[str, Any]:
    """What Lightning's ``configure_optimizers`` returns; weight decay acts on kernels only."""
    kernels = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": kernels, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=settings.learning_rate, fused=settings.fused or None)
    warm_up = max(1, round(total_steps * (0.25 if settings.schedule == "one-cycle" else 0.03)))

    def factor(step: int) -> float:
        if step < warm_up:
            return 0.04 + 0.96 * step / warm_up
        done = min(1.0, (step - warm_up) / max(1, total_steps - warm_up))
        return max(1e-3, 0.5 * (1 + math.cos(math.pi * done)))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
    return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
