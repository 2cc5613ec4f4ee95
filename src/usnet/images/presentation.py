"""From stored DICOM values to what a viewer shows: ``uint8`` grey ``[H, W]`` or RGB ``[H, W, 3]``.

PS3.3 C.11: modality LUT or rescale, then VOI LUT or window, then the photometric interpretation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut, apply_modality_lut, apply_voi

from usnet.errors import UnreadableImage
from usnet.images.grey import floats_to_uint8, integers_to_uint8
from usnet.values import UInt8Image

Stored = npt.NDArray[Any]
Presentation = Callable[[Stored], UInt8Image]

_SEGMENTED = "Segmented{}PaletteColorLookupTableData"
_LARGEST_TABLE = 1 << 16


def presentation(dataset: Dataset, source: str) -> Presentation:
    """How to show the frames of a file: a function of one decoded frame (colour already RGB).

    Raises
    ------
    UnreadableImage
        The photometric interpretation is unknown, or the palette is larger than the standard allows.
    """
    kind = str(dataset.get("PhotometricInterpretation", ""))
    bits = int(dataset.get("BitsStored") or dataset.get("BitsAllocated") or 8)
    if kind == "PALETTE COLOR":
        return _palette(dataset, source)
    if kind in ("MONOCHROME1", "MONOCHROME2"):
        return lambda stored: _monochrome(stored, dataset, bits, inverted=kind == "MONOCHROME1")
    if kind == "RGB" or kind.startswith("YBR_"):
        return lambda stored: integers_to_uint8(stored, bits)
    raise UnreadableImage(
        f"photometric interpretation {kind!r}",
        source=source,
        expected="MONOCHROME1, MONOCHROME2, RGB, YBR_* or PALETTE COLOR",
    )


def _monochrome(stored: Stored, dataset: Dataset, bits: int, inverted: bool) -> UInt8Image:
    if np.issubdtype(stored.dtype, np.floating):
        grey = floats_to_uint8(stored)
    elif "VOILUTSequence" in dataset or "WindowWidth" in dataset:
        grey = _windowed(apply_modality_lut(stored, dataset), dataset)
    elif "ModalityLUTSequence" in dataset:
        grey = integers_to_uint8(apply_modality_lut(stored, dataset))
    else:  # a rescale alone is linear, so the stored range shows the same
        lift = 1 << (bits - 1) if dataset.get("PixelRepresentation") == 1 else 0
        grey = integers_to_uint8(stored + np.int64(lift) if lift else stored, bits)
    return 255 - grey if inverted else grey


def _windowed(values: Stored, dataset: Dataset) -> UInt8Image:
    """First VOI LUT, else first window, to the full range (PS3.3 C.11.2.1)."""
    if dataset.get("VOILUTSequence"):
        depth = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        return integers_to_uint8(apply_voi(values, dataset, 0), depth)
    centre, width = (_first(dataset.get(name)) for name in ("WindowCenter", "WindowWidth"))
    function = str(dataset.get("VOILUTFunction") or "LINEAR").upper()
    shifted = values.astype(np.float64) - centre
    if function == "SIGMOID":
        share = 1.0 / (1.0 + np.exp(np.clip(-4.0 * shifted / width, -700.0, 700.0)))
    elif function == "LINEAR_EXACT" or width <= 1:
        share = shifted / width + 0.5
    else:
        share = (shifted + 0.5) / (width - 1) + 0.5
    grey: UInt8Image = np.rint(np.clip(share, 0.0, 1.0) * 255.0).astype(np.uint8)
    return grey


def _first(value: Any) -> float:
    """The first of one or several numbers."""
    return float(value if isinstance(value, int | float | str) else value[0])


def _palette(dataset: Dataset, source: str) -> Presentation:
    """Colour table of the file, scaled as a whole, so that every frame is shown alike."""
    _check_segments(dataset, source)
    entries, first, *_ = (int(value) for value in dataset.RedPaletteColorLookupTableDescriptor)
    entries = entries or _LARGEST_TABLE
    table = integers_to_uint8(apply_color_lut(np.arange(first, first + entries, dtype=np.int32), dataset)[..., :3])

    def show(stored: Stored) -> UInt8Image:
        shown: UInt8Image = table[np.clip(stored.astype(np.int64) - first, 0, entries - 1)]
        return shown

    return show


def _check_segments(dataset: Dataset, source: str) -> None:
    """Refuse segmented palettes that would expand to more entries than a table may have (PS3.3 C.7.9.2)."""
    for colour in ("Red", "Green", "Blue", "Alpha"):
        data = dataset.get(_SEGMENTED.format(colour))
        if not data:
            continue
        wide = int(dataset.RedPaletteColorLookupTableDescriptor[2]) > 8
        words = np.frombuffer(data[: len(data) // 2 * 2], dtype="<u2") if wide else np.frombuffer(data, dtype=np.uint8)
        total = position = 0
        while position + 1 < len(words) and total <= _LARGEST_TABLE:
            code, length = int(words[position]), int(words[position + 1])
            if code == 2:
                raise UnreadableImage("its palette has indirect segments", source=source, expected="a plain palette")
            total += length
            position += 2 + (length if code == 0 else 1)
        if total > _LARGEST_TABLE:
            raise UnreadableImage(
                "its segmented palette is too large", source=source, expected=f"at most {_LARGEST_TABLE} entries"
            )
