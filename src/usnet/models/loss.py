"""Focal loss on classes, smooth L1 on box codes. Finite, positive and meaningful for a batch without any nodule."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from usnet.models.config import LossConfig
from usnet.models.matching import Targets


def focal_loss(logits: Tensor, targets: Tensor, gamma: float, alpha: float | None) -> Tensor:
    """Elementwise ``-alpha_t (1 - p_t)^gamma log(p_t)`` (Lin et al. 2017, eq. 5; the paper's eq. 1).

    ``targets`` are 0 or 1, of the shape of ``logits``. At ``gamma = 0`` without alpha it is binary cross-entropy.
    """
    entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    p = torch.sigmoid(logits)
    miss = p + targets - 2 * p * targets  # 1 - p_t
    loss = entropy * miss.pow(gamma) if gamma else entropy
    if alpha is None:
        return loss
    return loss * (alpha * targets + (1 - alpha) * (1 - targets))


def detection_loss(
    logits: Tensor, deltas: Tensor, targets: Targets, config: LossConfig, positives: Tensor | None = None
) -> dict[str, Tensor]:
    """Named losses of a batch; the sum of the values is what training minimises.

    Parameters
    ----------
    logits, deltas
        ``[N, A, 2]`` and ``[N, A, 4]``.
    targets
        From :func:`usnet.models.matching.match`.
    positives
        Number of positive anchors that divides the batch's sum, where it differs from this batch's own (several processes).
        It is never less than 1, so an all-normal batch has a finite, positive class loss and a box loss of exactly 0.
    """
    per_class = focal_loss(logits.float(), targets.classes, config.gamma, config.alpha) * targets.class_weight
    per_box = F.smooth_l1_loss(deltas.float(), targets.code, reduction="none", beta=config.smooth_l1_beta)
    per_box = per_box * targets.positive[..., None]
    if config.normaliser == "image":
        count = targets.positive.sum(dim=1).clamp(min=1)
        class_loss = (per_class.sum(dim=(1, 2)) / count).mean()
        box_loss = (per_box.sum(dim=(1, 2)) / count).mean()
    else:
        total = targets.positive.sum() if positives is None else positives
        class_loss = per_class.sum() / total.clamp(min=1)
        box_loss = per_box.sum() / total.clamp(min=1)
    return {"class": class_loss, "box": box_loss * config.box_weight}
