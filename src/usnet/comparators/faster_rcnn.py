"""Faster R-CNN (Ren et al. 2015) on a ResNet-50 feature pyramid, torchvision's."""

from __future__ import annotations

from torchvision.models.detection import fasterrcnn_resnet50_fpn

from usnet.comparators.loop import Task
from usnet.comparators.torchvision_task import TorchvisionTask, common, least_score
from usnet.training.config import RunConfig

SAMPLED = 64
"""Regions of one image that train the second stage, Girshick's (2015, section 2.3: 128 from two images). torchvision's 512 are for
COCO's many objects; an image here shows one nodule, and on a processor they make a step four times as long."""


def make(config: RunConfig) -> Task:
    """Two classes and background."""
    network = fasterrcnn_resnet50_fpn(
        num_classes=3, box_score_thresh=least_score(), box_batch_size_per_image=SAMPLED, **common(config)
    )
    return TorchvisionTask(network)
