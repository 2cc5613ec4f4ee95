"""From stored crops to what the network trains on: the box moved as a detector would err, the crop around it, flips and zoom."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from usnet.training.augment import Draw, affine, photometric
from usnet.training.second_look.config import JitterConfig

LIMIT = 2.0
"""Edges move by at most so many standard deviations."""


def edge_shifts(config: JitterConfig, seed: int, epoch: int, position: int) -> tuple[float, float, float, float]:
    """Shifts of x0, y0, x1, y1 as shares of the box's extent, for the crop at ``position`` of ``epoch``."""
    rng = np.random.default_rng([seed, epoch, position, 0xB0])
    left, top, right, bottom = np.clip(rng.standard_normal(4), -LIMIT, LIMIT) * config.edge
    return float(left), float(top), float(right), float(bottom)


def moved_boxes(extents: Tensor, shifts: Tensor) -> Tensor:
    """Corners ``[N, 4]`` of the moved boxes in the stored crop's coordinates, -1 to 1 from edge to edge.

    ``extents [N, 2]`` are width and height as shares of the stored crop, ``shifts [N, 4]`` as :func:`edge_shifts` gives them.
    """
    true = torch.cat([-extents, extents], dim=1)
    return true + shifts * 2 * extents.repeat(1, 2)


def crop_matrices(boxes: Tensor, margin: float, draws: list[Draw]) -> Tensor:
    """``[N, 2, 3]``: from the crop's coordinates (-1 to 1) to the stored crop's, for ``affine_grid``.

    The square around each box with its margin, as :func:`usnet.diagnosis.crops.window` lays it, seen through the draw's flip,
    zoom and shift.
    """
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = (boxes[:, 2:] - boxes[:, :2]).amax(dim=1) / 2 * (1 + 2 * margin)
    change = torch.tensor([affine(d) for d in draws], dtype=boxes.dtype, device=boxes.device)
    linear = change[:, :, :2] * half[:, None, None]
    offset = change[:, :, 2] * half[:, None] + centres
    return torch.cat([linear, offset[:, :, None]], dim=2)


def box_maps(boxes: Tensor, matrices: Tensor, size: int) -> Tensor:
    """``[N, 1, S, S]``: the share of each crop pixel that the box covers, as :func:`usnet.diagnosis.crops.box_map`."""
    inverse = torch.linalg.inv(matrices[:, :, :2])
    corners = boxes.reshape(-1, 2, 2) - matrices[:, None, :, 2]
    placed = (torch.einsum("nij,nmj->nmi", inverse, corners) + 1) / 2 * size
    low, high = placed.amin(dim=1), placed.amax(dim=1)
    cells = torch.arange(size, dtype=boxes.dtype, device=boxes.device)
    covered = torch.minimum(cells + 1, high[..., None]) - torch.maximum(cells, low[..., None])
    covered = covered.clamp(0, 1)
    return (covered[:, 1, :, None] * covered[:, 0, None, :])[:, None]


def training_crops(
    pixels: Tensor, extents: Tensor, shifts: Tensor, draws: list[Draw], size: int, margin: float
) -> Tensor:
    """The network's input ``[N, 2, size, size]`` from stored crops ``float [N, 1, C, C]`` in [0, 1]."""
    boxes = moved_boxes(extents, shifts)
    matrices = crop_matrices(boxes, margin, draws)
    grid = F.affine_grid(matrices, [len(pixels), 1, size, size], align_corners=False)
    grey = F.grid_sample(pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return torch.cat([photometric(grey, draws).clamp(0, 1), box_maps(boxes, matrices, size)], dim=1)
