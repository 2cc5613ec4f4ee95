"""The second look: a small classifier on one found nodule at the frame's own resolution. Benign or malignant, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from usnet.models.backbone import Backbone
from usnet.models.config import NetworkConfig

BIRADS_STEPS = (3, 4, 5)
"""The extra outputs: is the radiologist's BI-RADS at least this?"""


class SecondLookConfig(BaseModel):
    """Settings of :class:`SecondLookNetwork`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backbone: Literal["resnet18", "resnet34"] = "resnet18"
    norm: Literal["batch", "group"] = "batch"
    size: int = Field(
        160, ge=32, description="side of the crop in pixels; most nodules are then neither shrunk nor blown up"
    )
    margin: float = Field(
        0.25, ge=0, le=2, description="share of the nodule's longer side added on each side: halo and shadow count"
    )
    dropout: float = Field(0.3, ge=0, lt=1)
    mean: float = Field(0.22, description="as the detector's, whose backbone this one may start from")
    std: float = Field(0.20, gt=0)


class SecondLookNetwork(nn.Module):
    """Backbone as the detector's, mean and maximum over its last map, one linear layer.

    The first output is the logit of malignancy. The others, one for each of :data:`BIRADS_STEPS`, exist in training only: what
    a radiologist saw in the same picture says more about it than one bit of histology.
    """

    def __init__(self, config: SecondLookConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(
            NetworkConfig(backbone=config.backbone, norm=config.norm, last_stage="dropped"), channels=2
        )
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(2 * self.backbone.channels[-1], 1 + len(BIRADS_STEPS))
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    def forward(self, crops: Tensor) -> Tensor:
        """``float [N, 2, S, S]`` (grey in [0, 1], the box's map) to logits ``[N, 1 + len(BIRADS_STEPS)]``."""
        grey, box = crops[:, :1], crops[:, 1:]
        features = self.backbone(torch.cat([(grey - self.config.mean) / self.config.std, box - 0.5], dim=1))[-1]
        pooled = torch.cat([features.mean(dim=(2, 3)), features.amax(dim=(2, 3))], dim=1)
        logits: Tensor = self.head(self.dropout(pooled))
        return logits


class Served(nn.Module):
    """What is exported: the mean over the networks of the logit of malignancy, ``[N]``. All of them see the same crop."""

    def __init__(self, networks: Sequence[SecondLookNetwork]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, crops: Tensor) -> Tensor:
        """``float [N, 2, S, S]`` to ``[N]``."""
        return torch.stack([network(crops)[:, 0] for network in self.networks]).mean(dim=0)
