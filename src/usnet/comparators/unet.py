"""A small U-Net (Ronneberger et al. 2015) that paints nodules, and the boxes that follow from its paint.

It learns the masks that experts drew where it is given any (``usnet compare-methods --masks``). The dataset format has boxes and no
masks, so without them a nodule's mask is the ellipse in its box (how well that covers real masks is in BENCHMARKS.md). The contour
for measuring is that of its paint (:func:`usnet.descriptors.contour_of_mask`).
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor, nn

from usnet.boxes import nms
from usnet.bundles.decode import Candidates
from usnet.bundles.manifest import Postprocessing
from usnet.comparators.serving import logits_of
from usnet.models.backbone import group_norm
from usnet.models.matching import UNKNOWN
from usnet.training.config import RunConfig

WIDTHS = (16, 32, 64, 128)
NODULE, WEAK = 0.5, 0.2
"""Paint above the first is a nodule; above the second it makes a weaker candidate."""
LEAST_AREA = 16
"""Network pixels."""


class UNet(nn.Module):
    """``[N, 1, S, S]`` to ``[N, 3, S, S]`` logits of background, benign and malignant; ``S`` is a multiple of 8."""

    def __init__(self, mean: float, std: float) -> None:
        super().__init__()
        self.mean, self.std = mean, std
        self.down = nn.ModuleList(_pair(a, b) for a, b in zip((1, *WIDTHS), WIDTHS, strict=False))
        self.up = nn.ModuleList(_pair(a + b, b) for a, b in zip(WIDTHS[:0:-1], WIDTHS[-2::-1], strict=True))
        self.last = nn.Conv2d(WIDTHS[0], 3, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Logits."""
        x, kept = (image - self.mean) / self.std, []
        for level, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if level else x)
            kept.append(x)
        for block, skip in zip(self.up, kept[-2::-1], strict=True):
            x = block(torch.cat([F.interpolate(x, scale_factor=2.0, mode="bilinear"), skip], dim=1))
        logits: Tensor = self.last(x)
        return logits


def _pair(before: int, after: int) -> nn.Sequential:
    """Two convolutions."""
    layers: list[nn.Module] = []
    for width in (before, after):
        layers += [nn.Conv2d(width, after, 3, padding=1, bias=False), group_norm(after), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def ellipses(boxes: Tensor, classes: Tensor, size: int) -> Tensor:
    """``[N, S, S]`` class of each pixel: 0 background, 1 benign, 2 malignant, -1 a nodule of unknown pathology."""
    centres = torch.arange(size, device=boxes.device) + 0.5
    target = torch.zeros(len(boxes), size, size, dtype=torch.long, device=boxes.device)
    for image in range(len(boxes)):
        for box, kind in zip(boxes[image].tolist(), classes[image].tolist(), strict=True):
            half = max(1e-3, (box[2] - box[0]) / 2), max(1e-3, (box[3] - box[1]) / 2)
            if kind < 0:
                continue
            x = (centres - (box[0] + box[2]) / 2) / half[0]
            y = (centres - (box[1] + box[3]) / 2) / half[1]
            target[image][x[None] ** 2 + y[:, None] ** 2 <= 1] = -1 if kind == UNKNOWN else int(kind) + 1
    return target


def painted_truth(boxes: Tensor, classes: Tensor, drawn: Tensor) -> Tensor:
    """``[N, S, S]`` as :func:`ellipses`, but where an image has a mask, ``drawn [N, S, S]``, its pixels in a nodule's box are the
    nodule, and those in none are of unknown class: specks, and nodules that augmentation pushed over the edge."""
    size = drawn.shape[-1]
    target = ellipses(boxes, classes, size)
    for image in torch.nonzero(drawn.amin(dim=(1, 2)) >= 0).flatten().tolist():
        kinds = torch.full((size, size), -1, dtype=torch.long, device=boxes.device)
        for box, kind in zip(boxes[image].tolist(), classes[image].tolist(), strict=True):
            if kind >= 0:
                (x0, y0), (x1, y1) = (math.floor(v) for v in box[:2]), (math.ceil(v) for v in box[2:])
                kinds[y0:y1, x0:x1] = -1 if kind == UNKNOWN else int(kind) + 1
        target[image] = torch.where(drawn[image] > 0, kinds, 0)
    return target


class UNetTask:
    """See :class:`usnet.comparators.loop.Task`."""

    def __init__(self, config: RunConfig) -> None:
        self.network: nn.Module = UNet(config.network.mean, config.network.std)

    def losses(self, pixels: Tensor, boxes: Tensor, classes: Tensor, drawn: Tensor | None = None) -> dict[str, Tensor]:
        """Cross-entropy and soft Dice of nodule against background; images without nodule have the former alone."""
        logits = self.network(pixels).float()
        target = ellipses(boxes, classes, pixels.shape[-1]) if drawn is None else painted_truth(boxes, classes, drawn)
        paint, nodule = 1 - logits.softmax(dim=1)[:, 0], (target != 0).float()
        shared, both = (paint * nodule).sum(dim=(1, 2)), (paint + nodule).sum(dim=(1, 2))
        has = nodule.sum(dim=(1, 2)) > 0
        overlap = ((1 - 2 * shared / both.clamp(min=1)) * has).sum() / has.sum().clamp(min=1)
        entropy = F.cross_entropy(logits, target, ignore_index=-1, reduction="sum") / target.numel()
        return {"entropy": entropy, "dice": overlap}

    def paint(self, pixels: Tensor) -> Tensor:
        """``[N, 3, S, S]`` probabilities."""
        return torch.as_tensor(self.network(pixels).float().softmax(dim=1))

    def find(self, pixels: Tensor) -> list[Candidates]:
        """The box around every connected paint, with its mean probabilities."""
        return [painted(row.cpu().numpy()) for row in self.paint(pixels)]


def painted(paint: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Candidates:
    """Candidates of ``paint [3, S, S]``: components above 0.5, and weaker ones above 0.2."""
    nodule = 1 - paint[0]
    boxes, logits = [], []
    for threshold in (NODULE, WEAK):
        labels, _ = ndimage.label(nodule >= threshold)
        for number, place in enumerate(ndimage.find_objects(labels), 1):
            inside = labels[place] == number
            if inside.sum() < LEAST_AREA:
                continue
            rows, columns = place
            share = [float(paint[kind][place][inside].mean()) for kind in (1, 2)]
            score, lean = sum(share), np.log((share[1] + 1e-4) / (share[0] + 1e-4))
            boxes.append((columns.start, rows.start, columns.stop, rows.stop))
            strength = float(logits_of(score))
            logits.append((strength + min(0.0, -lean), strength + min(0.0, lean)))
    corners = np.array(boxes, dtype=np.float32).reshape(-1, 4)
    both = np.array(logits, dtype=np.float32).reshape(-1, 2)
    settings = Postprocessing()
    kept = nms(corners, both.max(axis=1, initial=-np.inf), settings.nms_iou, settings.max_candidates)
    return Candidates(corners[kept], both[kept])


def make(config: RunConfig) -> UNetTask:
    """For :class:`usnet.comparators.network.Network`."""
    return UNetTask(config)
