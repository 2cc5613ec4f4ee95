"""SSDLite (Sandler et al. 2018) on MobileNetV3, torchvision's: SSD for small devices. It enlarges its input to 320 pixels."""

from __future__ import annotations

from torchvision.models.detection import ssdlite320_mobilenet_v3_large

from usnet.comparators.loop import Task
from usnet.comparators.torchvision_task import TorchvisionTask, common, least_score
from usnet.training.config import RunConfig


def make(config: RunConfig) -> Task:
    """Two classes and background; everything else as published."""
    return TorchvisionTask(
        ssdlite320_mobilenet_v3_large(num_classes=3, score_thresh=least_score(), **common(config, resized=False))
    )
