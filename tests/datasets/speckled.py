"""Made-up speckle images and datasets of them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from usnet.datasets.records import Dataset, ImageRecord, save
from usnet.values import Box, Nodule

UInt8 = npt.NDArray[np.uint8]
SIZE = (240, 200)
"""Width, height."""
BOX = Box(60, 50, 80, 50)


@lru_cache(maxsize=256)
def speckle(seed: int, anatomy: int | None = None) -> UInt8:
    """B-mode-like ``uint8 [200, 240]``: layers and a dark ellipse in log-compressed speckle.

    Images with one ``anatomy`` and different seeds are two views of one place: the same structures, other speckle.
    """
    shape = (SIZE[1], SIZE[0])
    structure = np.random.default_rng(seed if anatomy is None else anatomy)
    layers = ndimage.gaussian_filter(structure.normal(size=shape), (6, 40)) * 250
    y, x = np.mgrid[: shape[0], : shape[1]]
    cx, cy = structure.uniform(90, 150), structure.uniform(60, 120)
    layers = layers - 14.0 * (((x - cx) / 40) ** 2 + ((y - cy) / 25) ** 2 < 1)
    generator = np.random.default_rng([seed, 1])
    field = generator.normal(size=shape) + 1j * generator.normal(size=shape)
    field = ndimage.gaussian_filter(field.real, (1.2, 2.0)) + 1j * ndimage.gaussian_filter(field.imag, (1.2, 2.0))
    decibel = 20 * np.log10(np.abs(field) + 1e-4) + layers
    pixels = np.clip(190 + 4.2 * decibel, 0, 255).astype(np.uint8)
    pixels.setflags(write=False)
    return pixels


def write(root: Path, images: dict[str, UInt8]) -> None:
    """Save ``images`` under ``root/images``."""
    for name, pixels in images.items():
        path = root / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)


def record(number: int, **changes: object) -> ImageRecord:
    """A benign image with one box, of its own patient."""
    values: dict[str, object] = {
        "image_id": number,
        "file_name": f"{number}.png",
        "width": SIZE[0],
        "height": SIZE[1],
        "label": "benign",
        "nodules": (Nodule(BOX, "benign"),),
        "patient_id": f"p{number}",
    }
    return ImageRecord(**(values | changes))  # type: ignore[arg-type]


def dataset(root: Path, records: list[ImageRecord], images: dict[str, UInt8] | None = None) -> Dataset:
    """A saved dataset; images that are not given are speckle of their own."""
    images = {r.file_name: speckle(r.image_id) for r in records} | (images or {})
    write(root, images)
    made = Dataset(root, "made up", tuple(records))
    save(made)
    return made
