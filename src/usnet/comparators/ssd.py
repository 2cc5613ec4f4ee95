"""SSD (Liu et al. 2016) on VGG-16, torchvision's: it enlarges its input to the 300 pixels that it is made for."""

from __future__ import annotations

from torchvision.models.detection import ssd300_vgg16

from usnet.comparators.loop import Task
from usnet.comparators.torchvision_task import TorchvisionTask, common, least_score
from usnet.training.config import RunConfig


def make(config: RunConfig) -> Task:
    """Two classes and background; everything else as published."""
    return TorchvisionTask(ssd300_vgg16(num_classes=3, score_thresh=least_score(), **common(config, resized=False)))
