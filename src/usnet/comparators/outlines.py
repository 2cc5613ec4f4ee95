"""Masks that experts drew beside the images of a dataset, and how well an outline covers them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Literal

import numpy as np
import numpy.typing as npt

from usnet import images
from usnet.datasets.masks import BoolMask, foreground, read_mask
from usnet.datasets.records import ImageRecord
from usnet.descriptors import find_contour
from usnet.errors import DataError
from usnet.values import Box, Frame

_NAMES = (re.compile(r"mask_(?P<image>.+)"), re.compile(r"(?P<image>.+)_(mask(_\d+)?|tumor)"))
_OF_BUSBRA = "bus_"
"""BUS-BRA calls an image ``bus_X.png`` and its mask ``mask_X.png``."""


@dataclass(frozen=True, slots=True)
class Masks:
    """Mask files by the name of their image, and Dice values that were measured already."""

    files: dict[str, list[Path]]
    measured: dict[tuple[str, tuple[float, ...]], float] = field(default_factory=dict)

    def read(self, record: ImageRecord) -> BoolMask | None:
        """``bool [H, W]``: all masks of an image as one; ``None`` where there is no file.

        Raises
        ------
        UnreadableImage
            A mask cannot be decoded.
        """
        stem = PurePath(record.source_name or record.file_name).stem
        drawn = [
            foreground(read_mask(path, (record.width, record.height))[0])
            for path in self.files.get(stem.removeprefix(_OF_BUSBRA), ())
        ]
        return None if not drawn else np.asarray(np.logical_or.reduce(drawn))

    def stack(
        self, records: Sequence[ImageRecord], size: int, mode: Literal["letterbox", "stretch"]
    ) -> npt.NDArray[np.int8]:
        """``int8 [N, S, S]`` as training sees the images: 1 inside, 0 outside, -1 all over an image without a file."""
        found = np.full((len(records), size, size), -1, dtype=np.int8)
        for row, record in enumerate(records):
            mask = self.read(record)
            if mask is not None:
                found[row] = images.letterbox_uint8(mask.astype(np.uint8) * 255, size, mode)[0] > 127
        return found

    def dice(self, record: ImageRecord, frame: Frame, outline: BoolMask | Box | None) -> float | None:
        """Dice of an outline, or of the contour found in a box, with the mask; 0 where nothing was found.

        ``None`` where the image has no mask, or not exactly one nodule: of several only the strongest would be compared.
        """
        if len(record.nodules) != 1:
            return None
        key = (record.file_name, outline.corners) if isinstance(outline, Box) else None
        if key is not None and key in self.measured:
            return self.measured[key]
        truth = self.read(record)
        if truth is None:
            return None
        value = overlap(_mask_in(frame, outline), truth)
        if key is not None:
            self.measured[key] = value
        return value


def find_masks(folders: Sequence[Path]) -> Masks:
    """Index the masks of BUS-BRA (``mask_X.png``), BUSI (``X_mask.png``, ``X_mask_1.png``) and BrEaST (``X_tumor.png``), or files
    named like one of these, in ``folders`` and below.

    Raises
    ------
    DataError
        A folder holds none.
    """
    files: dict[str, list[Path]] = {}
    for folder in folders:
        before = len(files)
        for path in sorted(folder.rglob("*.png")):
            for pattern in _NAMES:
                named = pattern.fullmatch(path.stem)
                if named:
                    files.setdefault(named["image"], []).append(path)
                    break
        if len(files) == before:
            raise DataError(
                "no mask", source=folder, expected="mask_X.png, X_mask.png or X_tumor.png for an image X.png"
            )
    return Masks(files)


def overlap(a: BoolMask, b: BoolMask) -> float:
    """Dice's coefficient (1945): twice the shared pixels over the sum of both; 1 where both are empty."""
    both = int(a.sum()) + int(b.sum())
    return 1.0 if both == 0 else float(2 * (a & b).sum() / both)


def _mask_in(frame: Frame, outline: BoolMask | Box | None) -> BoolMask:
    shape = (frame.height, frame.width)
    if isinstance(outline, Box):
        cut = outline.clipped(frame.width, frame.height)
        return find_contour(frame.pixels, cut).mask(shape) if min(cut.width, cut.height) >= 2 else np.zeros(shape, bool)
    return np.zeros(shape, bool) if outline is None else outline
