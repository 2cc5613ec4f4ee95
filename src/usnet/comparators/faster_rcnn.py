"""Faster R-CNN (Ren et al. 2015) on a ResNet-50 feature pyramid, torchvision's."""

from __future__ import annotations

from torchvision.models.detection import fasterrcnn_resnet50_fpn

from usnet.comparators.loop import Task
from usnet.comparators.torchvision_task import TorchvisionTask, common, least_score
from usnet.training.config import RunConfig


def make(config: RunConfig) -> Task:
    """Two classes and background; everything else as published."""
    return TorchvisionTask(fasterrcnn_resnet50_fpn(num_classes=3, box_score_thresh=least_score(), **common(config)))
