"""A picture of augmented training images with their boxes, before step one: what the network really sees."""

from __future__ import annotations

from pathlib import Path

import lightning as L
import numpy as np
import torch
from PIL import Image, ImageDraw

from usnet.models.matching import PADDING
from usnet.training.augment import augment, draw, visible
from usnet.training.loader import Data
from usnet.training.module import Detector

COLOURS = {0: (86, 180, 233), 1: (230, 159, 0), 2: (160, 160, 160)}
"""Benign blue, malignant orange, unknown grey: told apart by colour-blind eyes too."""


class AugmentedBatches(L.Callback):
    """Writes a sheet of up to 16 augmented images to ``path`` when training starts."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Lightning's hook."""
        data = trainer.datamodule  # type: ignore[attr-defined]
        if trainer.is_global_zero and isinstance(data, Data) and isinstance(pl_module, Detector):
            augmented_sheet(data, pl_module).save(self.path)


def augmented_sheet(data: Data, detector: Detector, columns: int = 4, images: int = 16) -> Image.Image:
    """The first training images of epoch 0 as the network meets them; benign boxes blue, malignant orange."""
    config = detector.config
    tiles: list[Image.Image] = []
    epoch = data.epoch(0)
    for batch in (epoch[i] for i in range(len(epoch))):
        draws = [draw(config.augment, config.training.seed, 0, p) for p in batch.positions]
        pixels, boxes = augment(batch.pixels.float() / 255, batch.boxes, draws)
        classes = torch.where(visible(batch.boxes, boxes, draws), batch.classes, PADDING)
        tiles += [_tile(*row) for row in zip(pixels, boxes, classes, strict=True)]
        if len(tiles) >= images:
            break
    size = tiles[0].width
    rows = -(-min(len(tiles), images) // columns)
    sheet = Image.new("RGB", (columns * size, rows * size))
    for i, tile in enumerate(tiles[:images]):
        sheet.paste(tile, (i % columns * size, i // columns * size))
    return sheet


def _tile(pixels: torch.Tensor, boxes: torch.Tensor, classes: torch.Tensor) -> Image.Image:
    grey = (pixels[0].cpu().numpy() * 255).astype(np.uint8)
    tile = Image.fromarray(grey).convert("RGB")
    pen = ImageDraw.Draw(tile)
    for box, kind in zip(boxes.tolist(), classes.tolist(), strict=True):
        if kind != PADDING:
            pen.rectangle(box, outline=COLOURS[kind], width=2)
    return tile
