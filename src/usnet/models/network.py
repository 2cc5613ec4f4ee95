"""USNet: backbone, feature pyramid, heads. Gives raw logits and box codes; decoding, suppression and loss stand elsewhere."""

from __future__ import annotations

import math
from collections import OrderedDict
from itertools import pairwise

import torch
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork

from usnet.models.backbone import Backbone, norm_layer
from usnet.models.config import NetworkConfig
from usnet.values import PATHOLOGIES


class Head(nn.Module):
    """RetinaNet head (Lin et al. 2017): the same convolutions on every level, then ``outputs`` numbers an anchor.

    Each level has normalisation of its own. Batch norm shared by the levels would be trained on each level's statistics and
    served with a mixture of them (Wu and Johnson 2021, section 5), which here lost the largest nodules.
    """

    def __init__(self, config: NetworkConfig, outputs: int, bias: float = 0.0) -> None:
        super().__init__()
        widths = [config.pyramid_channels] + [config.head_channels] * config.head_depth
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1, bias=False) for before, after in pairwise(widths)
        )
        norm = norm_layer(config.norm)
        self.norms = nn.ModuleList(nn.ModuleList(norm(width) for width in widths[1:]) for _ in config.anchors.strides)
        self.output = nn.Conv2d(widths[-1], config.anchors.per_cell * outputs, 3, padding=1)
        self.outputs = outputs
        for convolution in self.convolutions:
            nn.init.kaiming_normal_(convolution.get_parameter("weight"), nonlinearity="relu")
        nn.init.normal_(self.output.weight, std=0.01)
        nn.init.constant_(self.output.get_parameter("bias"), bias)

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Maps ``[N, C, H, W]`` to ``[N, A, outputs]``, anchors in the order of :func:`usnet.anchors.anchor_boxes`."""
        flat = []
        for features, norms in zip(levels, self.norms, strict=True):
            for convolution, norm in zip(self.convolutions, norms, strict=True):  # type: ignore[call-overload]
                features = torch.relu_(norm(convolution(features)))
            flat.append(self.output(features).permute(0, 2, 3, 1).flatten(1))
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
