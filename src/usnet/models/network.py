"""USNet: backbone, feature pyramid, heads. Gives raw logits and box codes; decoding, suppression and loss stand elsewhere."""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork

from usnet.models.backbone import Backbone, norm_layer
from usnet.models.config import NetworkConfig
from usnet.values import PATHOLOGIES


class Head(nn.Module):
    """RetinaNet head (Lin et al. 2017): the same convolutions on every level, then ``outputs`` numbers an anchor."""

    def __init__(self, config: NetworkConfig, outputs: int, bias: float = 0.0) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = config.pyramid_channels
        for _ in range(config.head_depth):
            layers += [
                nn.Conv2d(channels, config.head_channels, 3, padding=1, bias=False),
                norm_layer(config.norm)(config.head_channels),
                nn.ReLU(inplace=True),
            ]
            channels = config.head_channels
        self.tower = nn.Sequential(*layers)
        self.output = nn.Conv2d(channels, config.anchors.per_cell * outputs, 3, padding=1)
        self.outputs = outputs
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.normal_(self.output.weight, std=0.01)
        nn.init.constant_(self.output.get_parameter("bias"), bias)

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Maps ``[N, C, H, W]`` to ``[N, A, outputs]``, anchors in the order of :func:`usnet.anchors.anchor_boxes`."""
        flat = [self.output(self.tower(level)).permute(0, 2, 3, 1).flatten(1) for level in levels]
        joined = torch.cat(flat, dim=1)
        return joined.reshape(joined.shape[0], -1, self.outputs)


class USNet(nn.Module):
    """The detector of Li et al. 2020 as a network: an image in, raw heads out.

    Parameters
    ----------
    config
        Backbone, widths, anchors. The network holds every trainable weight and nothing else.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config)
        self.pyramid = FeaturePyramidNetwork(self.backbone.channels, config.pyramid_channels)
        prior = -math.log((1 - config.prior) / config.prior)
        self.classifier = Head(config, len(PATHOLOGIES), prior)
        self.regressor = Head(config, 4)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """``float [N, 1, S, S]`` in [0, 1] to ``logits [N, A, 2]`` (benign, malignant) and box code ``deltas [N, A, 4]``."""
        maps = self.backbone((image - self.config.mean) / self.config.std)
        levels = list(self.pyramid(OrderedDict((str(i), m) for i, m in enumerate(maps))).values())
        return self.classifier(levels), self.regressor(levels)
