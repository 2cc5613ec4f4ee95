"""RetinaNet as published (Lin et al. 2017): ResNet-50, levels P3 to P7, gamma 2, torchvision's."""

from __future__ import annotations

from torchvision.models.detection import retinanet_resnet50_fpn

from usnet.comparators.loop import Task
from usnet.comparators.torchvision_task import TorchvisionTask, common, least_score
from usnet.training.config import RunConfig


def make(config: RunConfig) -> Task:
    """Two classes; everything else as published."""
    return TorchvisionTask(
        retinanet_resnet50_fpn(num_classes=2, score_thresh=least_score(), **common(config)), offset=0
    )
