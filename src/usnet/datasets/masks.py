"""From a lesion mask to boxes.

A mask pixel in column ``c`` covers ``[c, c + 1)``, so a box is 0-based and half-open: one pixel at (row 3, column 5) is the box
``x=5, y=3, width=1, height=1``. MATLAB tables (BUS-BRA's ``BBOX``) count from 1 and give ``max - min``: one less each way.

Two lesions that touch in a mask are one component and become one box; nothing in a mask tells them apart, so sources that draw
a mask file a lesion are read file by file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from usnet.errors import UnreadableImage
from usnet.values import Box

SPECK_PIXELS = 20
"""Components below this many pixels at the original size are slips of the pen (BUSI has six)."""

BoolMask = npt.NDArray[np.bool_]


def boxes_from_mask(mask: BoolMask, min_area: float = SPECK_PIXELS) -> tuple[list[Box], int]:
    """One box per 8-connected component of at least ``min_area`` pixels, and how many smaller ones were left out.

    ``mask`` is ``bool [H, W]``. Boxes are in reading order of their upper-left corner.
    """
    from scipy import ndimage

    labelled, count = ndimage.label(mask, structure=np.ones((3, 3), dtype=int))
    if count == 0:
        return [], 0
    sizes = np.bincount(labelled.ravel())[1:]
    boxes = [
        Box(float(cols.start), float(rows.start), float(cols.stop - cols.start), float(rows.stop - rows.start))
        for (rows, cols), size in zip(ndimage.find_objects(labelled), sizes, strict=True)
        if size >= min_area
    ]
    boxes.sort(key=lambda box: (box.y, box.x))
    return boxes, count - len(boxes)


def read_mask(path: Path, size: tuple[int, int]) -> tuple[npt.NDArray[np.uint8], str | None]:
    """Mask file as ``uint8 [H, W]`` (grey files) or ``[H, W, 3]`` in the size of its image; a note where it had another size.

    ``size`` is the image's (width, height). A mask of another size is resized without interpolation (nearest neighbour).

    Raises
    ------
    UnreadableImage
        The file is missing or cannot be decoded.
    """
    from PIL import Image

    try:
        with Image.open(path) as opened:
            image = opened.convert("L" if opened.mode in ("1", "L") else "RGB")
    except FileNotFoundError:
        raise UnreadableImage("the mask is missing", source=path) from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadableImage(f"the mask cannot be decoded ({error})", source=path) from error
    note = None
    if image.size != size:
        note = f"mask is {image.size[0]} x {image.size[1]}, its image {size[0]} x {size[1]}: resized"
        image = image.resize(size, Image.Resampling.NEAREST)
    return np.asarray(image), note


def foreground(mask: npt.NDArray[np.uint8]) -> BoolMask:
    """``bool [H, W]``: brighter than half of the range in any channel (masks saved as JPEG carry grey fringes)."""
    bright: BoolMask = np.asarray(mask > 127)
    if bright.ndim == 3:
        bright = np.any(bright, axis=2)
    return bright
