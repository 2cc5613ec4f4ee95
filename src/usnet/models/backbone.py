"""A ResNet that sees one grey channel and gives feature maps at strides 4, 8 and 16 only."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torchvision
from torch import Tensor, nn

from usnet.models.config import NetworkConfig


def group_norm(channels: int) -> nn.Module:
    """Group normalisation with at most 32 groups (Wu and He 2018)."""
    groups = 32
    while channels % groups:
        groups //= 2
    return nn.GroupNorm(groups, channels)


def norm_layer(kind: str) -> Callable[[int], nn.Module]:
    """Constructor of the normalisation named in the configuration."""
    return group_norm if kind == "group" else nn.BatchNorm2d


class Backbone(nn.Module):
    """Li et al. 2020, Figure 2B: an input of 256 x 256 gives maps of 64 x 64, 32 x 32 and 16 x 16.

    The parts keep torchvision's names, so that its weight files load (see :mod:`usnet.models.weights`). ``channels`` is the
    input's: one grey channel, and for the second look a map of the box beside it.
    """

    def __init__(self, config: NetworkConfig, channels: int = 1) -> None:
        super().__init__()
        factory = getattr(torchvision.models, config.backbone)
        resnet = factory(weights=None, norm_layer=norm_layer(config.norm))
        self.conv1 = nn.Conv2d(channels, resnet.conv1.out_channels, kernel_size=7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(self.conv1.weight, mode="fan_out", nonlinearity="relu")
        self.bn1 = resnet.bn1
        self.relu = resnet.relu
        self.maxpool = resnet.maxpool
        self.layer1, self.layer2, self.layer3 = resnet.layer1, resnet.layer2, resnet.layer3
        self.layer4 = dilate(resnet.layer4) if config.last_stage == "dilated" else None
        widths = (64, 128, 512 if self.layer4 is not None else 256)
        self.channels = [width * resnet.layer1[0].expansion for width in widths]

    def forward(self, image: Tensor) -> list[Tensor]:
        """``[N, 1, S, S]`` to three maps ``[N, C, S/4, S/4]``, ``[N, C, S/8, S/8]`` and ``[N, C, S/16, S/16]``."""
        stem = self.maxpool(self.relu(self.bn1(self.conv1(image))))
        c2 = self.layer1(stem)
        c3 = self.layer2(c2)
        c4 = self.layer3(c3)
        return [c2, c3, c4 if self.layer4 is None else self.layer4(c4)]


def dilate(stage: nn.Module) -> nn.Module:
    """Trade a stage's stride of 2 for a dilation of 2: its map stays at stride 16 and keeps its field of view."""
    for module in stage.modules():
        if isinstance(module, nn.Conv2d):
            if module.stride == (2, 2):
                module.stride = (1, 1)
            if module.kernel_size == (3, 3):
                module.dilation = module.padding = (2, 2)
    return stage


def fitting_stem(weight: Tensor, channels: int) -> Tensor:
    """A stem for ``channels`` inputs, ``[C, n, 7, 7]`` to ``[C, channels, 7, 7]``: the first is grey, further ones start at zero.

    Colour becomes grey by summing, because a grey image is three equal channels.
    """
    grey = torch.sum(weight, dim=1, keepdim=True) if weight.shape[1] == 3 else weight
    missing = max(0, channels - grey.shape[1])
    return torch.cat([grey, grey.new_zeros(grey.shape[0], missing, *grey.shape[2:])], dim=1)
