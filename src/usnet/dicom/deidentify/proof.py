"""A written file read back before it is let out: hidden is black, shown is as before, on every frame."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import ndimage

from usnet.dicom.deidentify.hiding import Hiding
from usnet.errors import UnreadableImage
from usnet.values import UInt8Image

MARGIN = 16
"""Pixels: blocks of a JPEG frame that lie across an edge ring on both of its sides."""
MOST_RANGE = 24
"""Grey levels between the darkest and the brightest hidden pixel of a frame, in any colour."""
MOST_CHANGE = 4.0
"""Grey levels on average between shown pixels before and after, in any colour."""


def proven(after: Iterable[UInt8Image], before: UInt8Image, hiding: Hiding, name: str) -> tuple[UInt8Image, UInt8Image]:
    """The first frame, and the brightest value of each pixel over all frames.

    Raises
    ------
    UnreadableImage
        A frame shows something where it should not, or its colours have changed.
    """
    hidden = ndimage.binary_erosion(hiding.pixels, np.ones((3, 3)), iterations=MARGIN // 2, border_value=1)
    first: UInt8Image | None = None
    brightest: UInt8Image | None = None
    for number, view in enumerate(after):
        inside = view[hidden]
        if len(inside) and int(np.ptp(inside, axis=0).max()) > MOST_RANGE:
            raise UnreadableImage(f"frame {number} still shows something after it was hidden", source=name)
        if first is None:
            first = view
            _check_shown(view, before, hiding, name)
        brightest = view if brightest is None else np.maximum(brightest, view)
    if first is None or brightest is None:
        raise UnreadableImage("no frames after cleaning", source=name)
    return first, brightest


def _check_shown(after: UInt8Image, before: UInt8Image, hiding: Hiding, name: str) -> None:
    shown = ~ndimage.binary_dilation(hiding.pixels, np.ones((3, 3)), iterations=MARGIN // 2)
    if not shown.any():
        return
    change = np.abs(after[shown].astype(np.int16) - before[shown].astype(np.int16)).mean(axis=0)
    if after.shape != before.shape or float(np.max(change)) > MOST_CHANGE:
        raise UnreadableImage(
            "its colours would change", source=name, hint="Report the file's photometric interpretation"
        )
