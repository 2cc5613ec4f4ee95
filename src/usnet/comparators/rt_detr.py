"""RT-DETR (Zhao et al. 2024), a detector of the DETR family, by the library transformers (Apache-2.0): an optional extra."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from usnet.bundles.decode import Candidates
from usnet.comparators.overlap import one_box_a_nodule
from usnet.comparators.torchvision_task import SMALLEST
from usnet.models.matching import UNKNOWN
from usnet.training.config import RunConfig

QUERIES = 60
"""Instead of 300: real frames show at most three nodules, and small inputs have few places to ask about."""

NOISED = QUERIES // 3
"""Noised copies of the truth that training asks about, at the published ratio of 100 to 300."""


class RtDetrTask:
    """See :class:`usnet.comparators.loop.Task`: a ResNet-50 with the hybrid encoder and decoder as published, two classes."""

    def __init__(self, config: RunConfig) -> None:
        library: Any = import_module("transformers")
        self.config = config.network
        backbone = library.RTDetrResNetConfig(out_features=["stage2", "stage3", "stage4"])
        settings = library.RTDetrConfig(
            backbone_config=backbone,
            num_labels=2,
            num_queries=QUERIES,
            num_denoising=NOISED,
            freeze_backbone_batch_norms=False,
        )
        self.network: nn.Module = library.RTDetrForObjectDetection(settings)

    def _forward(self, pixels: Tensor, labels: list[dict[str, Tensor]] | None) -> Any:
        grey = (pixels - self.config.mean) / self.config.std
        return self.network(pixel_values=grey.expand(-1, 3, -1, -1), labels=labels)

    def losses(self, pixels: Tensor, boxes: Tensor, classes: Tensor, drawn: Tensor | None = None) -> dict[str, Tensor]:
        """The library's set loss. Nodules of unknown class are left out of the truth, as in the torchvision detectors' steps."""
        labels = []
        for box, kind in zip(boxes.float(), classes, strict=True):
            extent = (box[:, 2:] - box[:, :2]).amin(dim=1)
            real = (kind >= 0) & (kind < UNKNOWN) & (extent >= SMALLEST)
            chosen = box[real] / pixels.shape[-1]
            centre, size = (chosen[:, :2] + chosen[:, 2:]) / 2, chosen[:, 2:] - chosen[:, :2]
            labels.append({"class_labels": kind[real].long(), "boxes": torch.cat([centre, size], dim=1)})
        return {"set": self._forward(pixels, labels).loss}

    def find(self, pixels: Tensor) -> list[Candidates]:
        """Every query's box with its two class scores."""
        said = self._forward(pixels, None)
        found = []
        for boxes, logits in zip(said.pred_boxes.float(), said.logits.float(), strict=True):
            half = boxes[:, 2:] / 2
            corners = torch.cat([boxes[:, :2] - half, boxes[:, :2] + half], dim=1).clamp(0, 1) * pixels.shape[-1]
            two = torch.cat([corners, corners]).cpu().numpy()
            kinds = torch.arange(2).repeat_interleave(len(corners)).numpy()
            found.append(one_box_a_nodule(two, kinds, torch.sigmoid(logits).T.reshape(-1).cpu().numpy()))
        return found


def make(config: RunConfig) -> RtDetrTask:
    """For :class:`usnet.comparators.network.Network`."""
    return RtDetrTask(config)
