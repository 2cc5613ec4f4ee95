"""What the four torchvision detectors share: targets in, named losses and candidates out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from usnet.bundles.decode import Candidates
from usnet.bundles.manifest import Postprocessing
from usnet.comparators.overlap import one_box_a_nodule
from usnet.models.matching import UNKNOWN
from usnet.training.config import RunConfig

SMALLEST = 1.0
"""Network pixels: a box that augmentation cut below this is left out, because torchvision refuses empty boxes."""


def common(config: RunConfig, *, resized: bool = True) -> dict[str, Any]:
    """Keywords of every torchvision detector: nothing pretrained (nothing is fetched), grey level and size of the budget.

    Not ``resized`` are those that bring their input to a size of their own.
    """
    size, grey = config.network.anchors.image_size, config.network
    return {
        "weights": None,
        "weights_backbone": None,
        "image_mean": [grey.mean] * 3,
        "image_std": [grey.std] * 3,
    } | ({"min_size": size, "max_size": size} if resized else {})


class TorchvisionTask:
    """See :class:`usnet.comparators.loop.Task`.

    ``offset`` is the label of benign: 1 where torchvision keeps 0 for background. Images without nodules train as background.
    torchvision has no nodule of unknown class, so images that show one are left out of a step.
    """

    def __init__(self, network: nn.Module, offset: int = 1) -> None:
        self.network = network
        self.offset = offset

    def losses(self, pixels: Tensor, boxes: Tensor, classes: Tensor, drawn: Tensor | None = None) -> dict[str, Tensor]:
        """torchvision's own losses."""
        known = ~(classes == UNKNOWN).any(dim=1)
        if not bool(known.any()):
            return {
                "none": sum((p.sum() * 0 for p in self.network.parameters()), torch.zeros((), device=pixels.device))
            }
        pixels, boxes, classes = pixels[known], boxes[known], classes[known]
        return dict(self.network(_colour(pixels), [self._target(b, c) for b, c in zip(boxes, classes, strict=True)]))

    def _target(self, boxes: Tensor, classes: Tensor) -> dict[str, Tensor]:
        extent = (boxes[:, 2:] - boxes[:, :2]).amin(dim=1)
        real = (classes >= 0) & (extent >= SMALLEST)
        return {"boxes": boxes[real].float(), "labels": classes[real].long() + self.offset}

    def find(self, pixels: Tensor) -> list[Candidates]:
        """torchvision's detections, one box a nodule."""
        return [self._candidates(row) for row in self.network(_colour(pixels))]

    def _candidates(self, row: Mapping[str, Tensor]) -> Candidates:
        boxes, labels, scores = (row[name].float().cpu().numpy() for name in ("boxes", "labels", "scores"))
        kinds = labels.astype(np.intp) - self.offset
        nodule = (kinds == 0) | (kinds == 1)
        return one_box_a_nodule(boxes[nodule], kinds[nodule], scores[nodule])


def _colour(pixels: Tensor) -> list[Tensor]:
    """Three equal channels: the published networks see colour."""
    return list(pixels.expand(-1, 3, -1, -1))


def least_score() -> float:
    """Weaker detections are dropped, as USNet's are."""
    return Postprocessing().min_score
