"""Which anchor answers for which nodule. Batched, and free of boolean indexing (whose backward runs on one thread)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from usnet.anchors import AnchorSpec
from usnet.models.config import LossConfig

PADDING = -1
"""Class of a slot that holds no nodule."""
UNKNOWN = 2
"""Class of a nodule without pathology: its box trains the regressor, its class trains nothing."""


@dataclass(frozen=True, slots=True)
class Targets:
    """What each anchor should say.

    ``classes [N, A, 2]`` 0/1; ``class_weight [N, A, 1]`` 0 where ignored; ``code [N, A, 4]`` box code; ``positive [N, A]`` 0/1.
    """

    classes: Tensor
    class_weight: Tensor
    code: Tensor
    positive: Tensor


def pairwise_iou(anchors: Tensor, boxes: Tensor) -> Tensor:
    """IoU of ``anchors [A, 4]`` with ``boxes [N, M, 4]`` (corners): ``[N, A, M]``."""
    lower = torch.maximum(anchors[None, :, None, :2], boxes[:, None, :, :2])
    upper = torch.minimum(anchors[None, :, None, 2:], boxes[:, None, :, 2:])
    shared = (upper - lower).clamp(min=0).prod(dim=-1)
    area = (boxes[..., 2:] - boxes[..., :2]).prod(dim=-1)
    anchor_area = (anchors[:, 2:] - anchors[:, :2]).prod(dim=-1)
    return shared / (area[:, None, :] + anchor_area[None, :, None] - shared).clamp(min=1e-6)


def encode(boxes: Tensor, anchors: Tensor, code_std: Tensor) -> Tensor:
    """Box code of ``boxes [N, A, 4]`` on ``anchors [A, 4]``: torch twin of :func:`usnet.anchors.encode`."""
    extent = (boxes[..., 2:] - boxes[..., :2]).clamp(min=1e-3)
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    anchor_extent = anchors[:, 2:] - anchors[:, :2]
    anchor_centre = (anchors[:, :2] + anchors[:, 2:]) / 2
    return torch.cat([(centre - anchor_centre) / anchor_extent, (extent / anchor_extent).log()], dim=-1) / code_std


def match(anchors: Tensor, boxes: Tensor, classes: Tensor, spec: AnchorSpec, config: LossConfig) -> Targets:
    """Assign nodules to anchors.

    An anchor is positive at an IoU of ``positive_iou``, or when it is a nodule's best; background below ``negative_iou``;
    ignored between.

    Parameters
    ----------
    anchors
        ``[A, 4]`` corners.
    boxes
        ``[N, M, 4]`` corners, padded.
    classes
        ``[N, M]``: 0 benign, 1 malignant, :data:`UNKNOWN`, :data:`PADDING` for no nodule.
    """
    real = (classes != PADDING)[:, None, :]
    iou = pairwise_iou(anchors, boxes) * real
    best, owner = iou.max(dim=2)
    best_of_box = iou.amax(dim=1, keepdim=True)
    is_best = (iou >= best_of_box - 1e-4) & (best_of_box > 0.1) & real
    forced, forced_owner = is_best.max(dim=2)
    owner = torch.where(forced, forced_owner, owner)
    positive = (best >= config.positive_iou) | forced
    background = (best < config.negative_iou) & ~forced

    owned_class = classes.gather(1, owner)
    owned_box = boxes.gather(1, owner[..., None].expand(-1, -1, 4))
    known = owned_class < UNKNOWN
    one_hot = torch.stack([owned_class == 0, owned_class == 1], dim=-1)
    weight = (background | (positive & known)).to(boxes.dtype)
    code = encode(owned_box, anchors, boxes.new_tensor(spec.code_std))
    return Targets(
        classes=(one_hot & positive[..., None]).to(boxes.dtype),
        class_weight=weight[..., None],
        code=code * positive[..., None],
        positive=positive.to(boxes.dtype),
    )
