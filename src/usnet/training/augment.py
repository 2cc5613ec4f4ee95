"""Augmentation of a batch on its device. Each image's changes depend on (seed, epoch, position) alone, never on the process."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from usnet.training.config import AugmentConfig

TURNS = 4


@dataclass(frozen=True, slots=True)
class Draw:
    """The random numbers of one image: all drawn always, so that switching one change off leaves the others as they were."""

    flip_x: bool
    flip_y: bool
    quarter: int
    zoom: float
    shift: tuple[float, float]
    gain: float
    exponent: float
    tgc: tuple[float, float, float]
    speckle: float
    blur: float
    marks: tuple[tuple[float, float, float], ...]
    noise_seed: int


def draw(config: AugmentConfig, seed: int, epoch: int, position: int) -> Draw:
    """Random numbers of the image at ``position`` of ``epoch``."""
    rng = np.random.default_rng([seed, epoch, position, 0xA6])
    u = rng.random(24)
    marks = tuple((float(a), float(b), float(c)) for a, b, c in rng.random((4, 3)))
    count = 2 if u[20] < 0.7 else 4
    return Draw(
        flip_x=u[0] < config.horizontal_flip,
        flip_y=u[1] < config.vertical_flip,
        quarter=1 + int(u[3] * (TURNS - 1)) if u[2] < config.rotate90 else 0,
        zoom=1 + config.scale * (2 * u[4] - 1),
        shift=(config.shift * (2 * u[5] - 1), config.shift * (2 * u[6] - 1)),
        gain=0.15 * (2 * u[8] - 1) if u[7] < config.gain else 0.0,
        exponent=math.exp(math.log(1.4) * (2 * u[10] - 1)) if u[9] < config.contrast else 1.0,
        tgc=(0.3 * (2 * u[12] - 1), 0.15 * (2 * u[13] - 1), 2 * math.pi * u[14])
        if u[11] < config.tgc
        else (0.0, 0.0, 0.0),
        speckle=0.25 * u[16] if u[15] < config.speckle else 0.0,
        blur=0.4 + 0.9 * u[18] if u[17] < config.blur else 0.0,
        marks=marks[:count] if u[19] < config.calipers else (),
        noise_seed=int(rng.integers(2**31)),
    )


def augment(pixels: Tensor, boxes: Tensor, draws: list[Draw]) -> tuple[Tensor, Tensor]:
    """Change a batch.

    Parameters
    ----------
    pixels
        ``float [N, 1, S, S]`` in [0, 1].
    boxes
        ``[N, M, 4]`` corners in pixels; padding stays within the image and is ignored by its class.

    Returns
    -------
    Pixels and boxes of the same shapes. Boxes are cut to the image; one that leaves it keeps an extent of 0 and must be
    dropped with :func:`visible`.
    """
    size = pixels.shape[-1]
    theta = torch.tensor([affine(d) for d in draws], dtype=torch.float32, device=pixels.device)
    grid = F.affine_grid(theta, list(pixels.shape), align_corners=False)
    moved = F.grid_sample(pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return photometric(moved, draws).clamp_(0, 1), _move_boxes(boxes, theta, size)


def visible(before: Tensor, after: Tensor, draws: list[Draw], least: float = 0.4) -> Tensor:
    """``[N, M]`` whether at least the share ``least`` of a box is still inside after the change."""
    zoom = torch.tensor([d.zoom**2 for d in draws], device=after.device)[:, None]
    area = (before[..., 2:] - before[..., :2]).prod(-1) * zoom
    left = (after[..., 2:] - after[..., :2]).prod(-1)
    return left >= least * area.clamp(min=1e-6)


def affine(d: Draw) -> list[list[float]]:
    """Output to input coordinates in [-1, 1]: what ``affine_grid`` wants."""
    matrix = np.eye(2)
    for _ in range(d.quarter):
        matrix = np.array([[0.0, -1.0], [1.0, 0.0]]) @ matrix
    matrix = matrix @ np.diag([-1.0 if d.flip_x else 1.0, -1.0 if d.flip_y else 1.0]) / d.zoom
    return [[*matrix[0], 2 * d.shift[0]], [*matrix[1], 2 * d.shift[1]]]


def _move_boxes(boxes: Tensor, theta: Tensor, size: int) -> Tensor:
    linear, offset = theta[:, :, :2], theta[:, :, 2]
    inverse = torch.linalg.inv(linear)
    corners = boxes.reshape(*boxes.shape[:-1], 2, 2) / size * 2 - 1
    moved = torch.einsum("nij,nmkj->nmki", inverse, corners - offset[:, None, None, :])
    pixels = ((moved + 1) / 2 * size).clamp(0, size)
    return torch.cat([pixels.amin(dim=2), pixels.amax(dim=2)], dim=-1)


def photometric(pixels: Tensor, draws: list[Draw]) -> Tensor:
    """Gain, contrast, time-gain compensation, speckle, blur and marks of each draw on ``[N, 1, S, S]``; not cut to [0, 1]."""
    size, device = pixels.shape[-1], pixels.device

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values, device=device, dtype=pixels.dtype)[:, None, None, None]

    lit = pixels > 0  # the letterbox's black stays black
    depth = torch.linspace(0, 1, size, device=device)[None, None, :, None]
    slope, wave, phase = (column([d.tgc[i] for d in draws]) for i in range(3))
    changed = pixels.clamp(min=1e-4) ** column([d.exponent for d in draws])
    changed = changed + column([d.gain for d in draws])
    changed = changed * (1 + slope * (depth - 0.5) * 2 + wave * torch.sin(2 * math.pi * depth + phase))
    for i, d in enumerate(draws):
        if d.speckle:
            changed[i] *= 1 + d.speckle * _grain(size, d.noise_seed).to(device)
        if d.blur:
            changed[i] = _blur(changed[i], d.blur)
    changed = torch.where(lit, changed, torch.zeros_like(changed))
    for i, d in enumerate(draws):
        for x, y, kind in d.marks:
            _mark(changed[i, 0], x, y, kind)
    return changed


def _grain(size: int, seed: int) -> Tensor:
    """Correlated noise of unit variance, about two pixels wide."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, 1, size // 2, size // 2, generator=generator)
    return F.interpolate(coarse, size=(size, size), mode="bilinear", align_corners=False)[0]


def _blur(image: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of ``[1, S, S]``, wider across than along the beam as a transducer's is."""
    for axis, width in ((-1, sigma), (-2, sigma / 2)):
        reach = torch.arange(-3, 4, device=image.device, dtype=image.dtype)
        kernel = torch.exp(-0.5 * (reach / width) ** 2)
        shape = (1, 1, 1, 7) if axis == -1 else (1, 1, 7, 1)
        padding = (0, 3) if axis == -1 else (3, 0)
        image = F.conv2d(image[None], (kernel / kernel.sum()).reshape(shape), padding=padding)[0]
    return image


def _mark(image: Tensor, x: float, y: float, kind: float) -> None:
    """A bright plus or cross, as calipers leave it."""
    size = image.shape[-1]
    arm = 3
    column, row = (arm + int(v * (size - 2 * arm - 1)) for v in (x, y))
    if kind < 0.5:
        image[row, column - arm : column + arm + 1] = 0.95
        image[row - arm : row + arm + 1, column] = 0.95
    else:
        for step in range(-arm, arm + 1):
            image[row + step, column + step] = 0.95
            image[row + step, column - step] = 0.95
