"""A YOLO-style detector in the project's own words, after Redmon and Farhadi 2018 (YOLOv3): a grid of cells, a few anchors each.

Backbone and pyramid are USNet's at strides 8, 16 and 32. Every anchor of a cell gives an objectness, a box and two class scores. A
nodule belongs to the one anchor whose shape fits best, in the cell that holds its centre; other anchors that overlap it well are
neither object nor background. No AGPL code was read or copied.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork, box_iou

from usnet.bundles.decode import Candidates
from usnet.comparators.overlap import one_box_a_nodule
from usnet.models.backbone import Backbone, norm_layer
from usnet.models.config import NetworkConfig
from usnet.models.matching import UNKNOWN
from usnet.training.config import RunConfig

STRIDES = (8, 16, 32)
SHAPES = (
    ((0.06, 0.05), (0.10, 0.07), (0.14, 0.11)),
    ((0.20, 0.13), (0.24, 0.20), (0.34, 0.22)),
    ((0.38, 0.34), (0.52, 0.34), (0.60, 0.55)),
)
"""Width and height of each level's anchors as shares of the input: nodules are wider than tall."""
NUMBERS = 7
"""x, y, width, height, objectness, benign, malignant."""
IGNORED_IOU = 0.5
BOX_WEIGHT, OBJECT_WEIGHT, CLASS_WEIGHT = 2.0, 1.0, 0.5
EMPTY_WEIGHT = 0.5
MAX_LOG = 4.0


class GridNet(nn.Module):
    """``[N, 1, S, S]`` to ``[N, A, 7]`` raw numbers, level by level, row by row, anchor by anchor."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config)
        width, norm = config.pyramid_channels, norm_layer(config.norm)
        self.deeper = _block(
            self.backbone.channels[-1], self.backbone.channels[-1], norm(self.backbone.channels[-1]), 2
        )
        self.pyramid = FeaturePyramidNetwork([*self.backbone.channels[1:], self.backbone.channels[-1]], width)
        widths = [width] + [config.head_channels] * min(2, config.head_depth)
        self.heads = nn.ModuleList(
            nn.Sequential(
                *(_block(a, b, norm(b), 1) for a, b in pairwise(widths)), nn.Conv2d(widths[-1], 3 * NUMBERS, 1)
            )
            for _ in STRIDES
        )

    def forward(self, image: Tensor) -> Tensor:
        """Raw numbers."""
        maps = self.backbone((image - self.config.mean) / self.config.std)[1:]
        maps.append(self.deeper(maps[-1]))
        levels = self.pyramid(OrderedDict((str(i), m) for i, m in enumerate(maps))).values()
        flat = [head(x).permute(0, 2, 3, 1).flatten(1) for head, x in zip(self.heads, levels, strict=True)]
        joined = torch.cat(flat, dim=1)
        return joined.reshape(joined.shape[0], -1, NUMBERS)


def _block(before: int, after: int, norm: nn.Module, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(before, after, 3, stride, padding=1, bias=False), norm, nn.LeakyReLU(0.1))


def grid(size: int) -> tuple[Tensor, Tensor]:
    """Cell corner and stride ``[A, 3]``, and anchor width and height ``[A, 2]``, in network pixels."""
    cells, shapes = [], []
    for stride, anchors in zip(STRIDES, SHAPES, strict=True):
        count = -(-size // stride)
        rows, columns = torch.meshgrid(torch.arange(count), torch.arange(count), indexing="ij")
        corner = torch.stack([columns, rows], dim=-1).reshape(-1, 1, 2).expand(-1, 3, -1).reshape(-1, 2) * stride
        cells.append(torch.cat([corner, torch.full((len(corner), 1), stride)], dim=1).float())
        shapes.append(torch.tensor(anchors).repeat(count * count, 1) * size)
    return torch.cat(cells), torch.cat(shapes)


class GridTask:
    """See :class:`usnet.comparators.loop.Task`."""

    def __init__(self, config: RunConfig) -> None:
        self.network: nn.Module = GridNet(config.network)
        self.cells, self.shapes = grid(config.network.anchors.image_size)
        for head in self.network.heads:
            bias = head[-1].bias.detach().view(3, NUMBERS)  # type: ignore[index]
            bias[:, 4] = -4.6  # an objectness of 0.01 at first, as USNet's prior

    def decode(self, raw: Tensor) -> Tensor:
        """Corners ``[N, A, 4]``: the centre stays near its cell, the extent is the anchor's times an exponential."""
        cells, shapes = self.cells.to(raw.device), self.shapes.to(raw.device)
        centre = cells[:, :2] + (2 * torch.sigmoid(raw[..., :2]) - 0.5) * cells[:, 2:]
        half = torch.exp(raw[..., 2:4].clamp(-MAX_LOG, MAX_LOG)) * shapes / 2
        return torch.cat([centre - half, centre + half], dim=-1)

    def losses(self, pixels: Tensor, boxes: Tensor, classes: Tensor, drawn: Tensor | None = None) -> dict[str, Tensor]:
        """Objectness and classes by cross-entropy, boxes by 1 - IoU; divided by the batch's nodules."""
        raw = self.network(pixels).float()
        corners = self.decode(raw)
        wanted, weight = torch.zeros_like(raw[..., 4]), torch.full_like(raw[..., 4], EMPTY_WEIGHT)
        box_loss, class_loss, count = raw.sum() * 0, raw.sum() * 0, 0
        for image in range(len(raw)):
            real = classes[image] >= 0
            truth, kind = boxes[image][real].float(), classes[image][real]
            if not len(truth):
                continue
            weight[image][box_iou(corners[image].detach(), truth).amax(dim=1) > IGNORED_IOU] = 0
            places = self.owners(truth)
            wanted[image][places], weight[image][places] = 1, 1
            box_loss = box_loss + (1 - _iou(corners[image][places], truth)).sum()
            known = kind < UNKNOWN
            one_hot = F.one_hot(kind.clamp(max=1), 2).float()
            entropy = F.binary_cross_entropy_with_logits(raw[image][places, 5:], one_hot, reduction="none")
            class_loss = class_loss + (entropy * known[:, None]).sum()
            count += len(truth)
        entropy = F.binary_cross_entropy_with_logits(raw[..., 4], wanted, reduction="none") * weight
        total = max(1, count)
        return {
            "object": OBJECT_WEIGHT * entropy.sum() / total,
            "box": BOX_WEIGHT * box_loss / total,
            "class": CLASS_WEIGHT * class_loss / total,
        }

    def owners(self, truth: Tensor) -> Tensor:
        """``[M]`` the anchor that answers for each of ``truth [M, 4]``: of the best shape, in the cell of the centre."""
        cells, shapes = self.cells.to(truth.device), self.shapes.to(truth.device)
        extent, centre = truth[:, 2:] - truth[:, :2], (truth[:, 2:] + truth[:, :2]) / 2
        shared = torch.minimum(extent[:, None], shapes[None]).prod(dim=-1)
        fit = shared / (extent.prod(dim=-1)[:, None] + shapes.prod(dim=-1)[None] - shared)
        offset = (centre[:, None] - cells[None, :, :2]) / cells[None, :, 2:]
        here = ((offset >= 0) & (offset < 1)).all(dim=-1)
        return (fit * here).argmax(dim=1)

    def find(self, pixels: Tensor) -> list[Candidates]:
        """Objectness times class score of every anchor, one box a nodule."""
        raw = self.network(pixels).float()
        corners = self.decode(raw).clamp(0, pixels.shape[-1])
        scores = torch.sigmoid(raw[..., 4:5]) * torch.sigmoid(raw[..., 5:])
        found = []
        for box, score in zip(corners, scores, strict=True):
            best = score.amax(dim=1).topk(min(400, len(score))).indices
            two = torch.cat([box[best], box[best]]).cpu().numpy()
            kinds = torch.arange(2).repeat_interleave(len(best)).numpy()
            found.append(one_box_a_nodule(two, kinds, score[best].T.reshape(-1).cpu().numpy()))
        return found


def _iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU of pairs ``[M, 4]``."""
    extent = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0)
    shared = extent.prod(dim=1)
    areas = [(x[:, 2:] - x[:, :2]).prod(dim=1) for x in (a, b)]
    return shared / (areas[0] + areas[1] - shared).clamp(min=1e-6)


def make(config: RunConfig) -> GridTask:
    """For :class:`usnet.comparators.network.Network`."""
    return GridTask(config)
