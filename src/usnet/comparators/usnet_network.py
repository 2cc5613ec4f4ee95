"""USNet itself in the rivals' loop, with its loss and decoding; other sets of pyramid levels for the ablations."""

from __future__ import annotations

from collections import OrderedDict

import torch
import torchvision
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork

from usnet.anchors import anchor_boxes
from usnet.bundles.decode import Candidates, candidates
from usnet.bundles.manifest import Postprocessing
from usnet.errors import ConfigError
from usnet.models.backbone import norm_layer
from usnet.models.config import NetworkConfig
from usnet.models.loss import detection_loss
from usnet.models.matching import match
from usnet.models.network import Head, USNet
from usnet.training.config import RunConfig
from usnet.values import PATHOLOGIES

STRIDES = (4, 8, 16, 32, 64)


class Levels(nn.Module):
    """USNet on any run of the strides 4 to 64: ResNet's four stages as published, 64 by one more convolution (RetinaNet's P6)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.wanted = config.anchors.strides
        if not set(self.wanted) <= set(STRIDES) or not self.wanted:
            raise ConfigError(f"network.anchors.strides {list(self.wanted)}", expected=f"some of {list(STRIDES)}")
        self.config = config
        resnet = getattr(torchvision.models, config.backbone)(weights=None, norm_layer=norm_layer(config.norm))
        resnet.conv1 = nn.Conv2d(1, resnet.conv1.out_channels, kernel_size=7, stride=2, padding=3, bias=False)
        self.stem = nn.Sequential(resnet.conv1, resnet.bn1, resnet.relu, resnet.maxpool)
        deepest = max(self.wanted)
        kept = [s for s in STRIDES[:4] if s <= deepest]
        self.stages = nn.ModuleList([resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4][: len(kept)])
        widths = [w * resnet.layer1[0].expansion for w in (64, 128, 256, 512)][: len(kept)]
        self.pyramid = FeaturePyramidNetwork(widths, config.pyramid_channels)
        more = config.pyramid_channels
        self.last = nn.Conv2d(more, more, 3, stride=2, padding=1) if deepest > 32 else None
        prior = float(torch.logit(torch.tensor(config.prior)))
        self.classifier = Head(config, len(PATHOLOGIES), prior)
        self.regressor = Head(config, 4)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """As :meth:`usnet.models.network.USNet.forward`."""
        features = self.stem((image - self.config.mean) / self.config.std)
        maps: OrderedDict[str, Tensor] = OrderedDict()
        for stride, stage in zip(STRIDES, self.stages, strict=False):
            features = stage(features)
            maps[str(stride)] = features
        levels = self.pyramid(maps)
        if self.last is not None:
            levels["64"] = self.last(torch.relu(levels["32"]))
        chosen = [levels[str(stride)] for stride in self.wanted]
        return self.classifier(chosen), self.regressor(chosen)


class USNetTask:
    """See :class:`usnet.comparators.loop.Task`. The paper's three levels are the shipped network, other levels :class:`Levels`."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.spec = config.network.anchors
        if len(self.spec.strides) != len(self.spec.sizes):
            raise ConfigError(
                f"{len(self.spec.strides)} strides and {len(self.spec.sizes)} sizes", expected="one size a stride"
            )
        own = self.spec.strides == (4, 8, 16)
        self.network: nn.Module = USNet(config.network) if own else Levels(config.network)
        self.anchors = torch.from_numpy(anchor_boxes(self.spec).copy())

    def losses(self, pixels: Tensor, boxes: Tensor, classes: Tensor, drawn: Tensor | None = None) -> dict[str, Tensor]:
        """Focal loss and smooth L1."""
        logits, deltas = self.network(pixels)
        with torch.no_grad(), torch.autocast(pixels.device.type, enabled=False):
            targets = match(self.anchors.to(pixels.device), boxes.float(), classes, self.spec, self.config.loss)
        return detection_loss(logits, deltas, targets, self.config.loss)

    def find(self, pixels: Tensor) -> list[Candidates]:
        """Decoded as in serving."""
        heads = (head.float().cpu().numpy() for head in self.network(pixels))
        settings = Postprocessing()
        return [candidates(a, b, self.spec, settings) for a, b in zip(*heads, strict=True)]


def make(config: RunConfig) -> USNetTask:
    """For :class:`usnet.comparators.network.Network`."""
    return USNetTask(config)
