"""FCOS (Tian et al. 2019), a detector without anchors, on a ResNet-50 feature pyramid, torchvision's."""

from __future__ import annotations

from torchvision.models.detection import fcos_resnet50_fpn

from usnet.comparators.loop import Task
from usnet.comparators.torchvision_task import TorchvisionTask, common, least_score
from usnet.training.config import RunConfig


def make(config: RunConfig) -> Task:
    """Two classes; everything else as published."""
    return TorchvisionTask(fcos_resnet50_fpn(num_classes=2, score_thresh=least_score(), **common(config)), offset=0)
