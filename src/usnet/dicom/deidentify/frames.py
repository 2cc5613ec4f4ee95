"""Pixel data of a DICOM file with pixels made black on every frame, coded as before where that is possible.

Uncompressed frames stay uncompressed in their own colour space. Lossless codings are decoded and coded again, which changes nothing
else. Baseline JPEG frames are coded again only where something was hidden. Codings that cannot be written (lossless and 12-bit
JPEG, near-lossless JPEG-LS, lossy JPEG 2000) become lossless ones, so that nothing is lost a second time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLSLossless,
    RLELossless,
)

from usnet.dicom.deidentify import jpeg
from usnet.errors import UnreadableImage
from usnet.images.dicom_pixels import encoded_frames, stored_frames
from usnet.images.limits import Limits

JPEG_2000 = frozenset([JPEG2000, JPEG2000Lossless, HTJ2K, HTJ2KLossless, HTJ2KLosslessRPCL])
MOST_BYTES = 1 << 31
"""Of decoded pixels in memory at once."""

Array = npt.NDArray[Any]
Hidden = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Source:
    """A file with pixels: ``stream`` is rewound to ``start``, the pixel data element, for every pass."""

    stream: IO[bytes]
    start: int
    header: Dataset
    syntax: UID
    name: str
    limits: Limits

    @property
    def count(self) -> int:
        """Frames that the header states."""
        return int(self.header.get("NumberOfFrames") or 1)

    def passed(self, read: Callable[..., Any], **options: Any) -> Any:
        """``read`` applied to the pixel data from its start: one of the readers of :mod:`usnet.images.dicom_pixels`."""
        self.stream.seek(self.start)
        return read(self.stream, self.header, self.syntax, self.name, self.limits, range(self.count), **options)


def recode(source: Source, hidden: Hidden) -> tuple[Dataset, UID, int]:
    """New pixel attributes, their transfer syntax, and on how many frames something was hidden.

    Raises
    ------
    UnreadableImage
        A frame cannot be decoded, or the decoded file is larger than :data:`MOST_BYTES`.
    """
    if _is_plain_jpeg(source):
        return _jpeg(source, hidden)
    return _lossless(source, hidden)


def _is_plain_jpeg(source: Source) -> bool:
    bits = int(source.header.BitsAllocated)
    return source.syntax in (JPEGBaseline8Bit, JPEGExtended12Bit) and bits == 8


def _jpeg(source: Source, hidden: Hidden) -> tuple[Dataset, UID, int]:
    photometric = str(source.header.get("PhotometricInterpretation", ""))
    frames, changed = [], 0
    for data in source.passed(encoded_frames):
        black = jpeg.blackened(data, hidden, photometric)
        changed += black is not None
        frames.append(jpeg.bare(data) if black is None else black)
    _check_count(len(frames), source)
    made = Dataset()
    made.PixelData = encapsulate(frames)
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    if changed:
        plain = source.count * int(source.header.Rows) * int(source.header.Columns) * int(source.header.SamplesPerPixel)
        _record_loss(made, source.header, plain / sum(map(len, frames)))
    return made, source.syntax, changed


def _record_loss(made: Dataset, header: Dataset, ratio: float) -> None:
    """PS3.3 C.7.6.1.1.5: ratios and methods of all lossy codings, in order."""
    for keyword, value in (
        ("LossyImageCompressionRatio", f"{ratio:.2f}"),
        ("LossyImageCompressionMethod", "ISO_10918_1"),
    ):
        earlier = header.get(keyword)
        listed = [] if earlier in (None, "") else [earlier] if isinstance(earlier, str | float | int) else list(earlier)
        setattr(made, keyword, [*listed, value])
    made.LossyImageCompression = "01"


def _lossless(source: Source, hidden: Hidden) -> tuple[Dataset, UID, int]:
    frames, total = [], 0
    for stored in source.passed(stored_frames, raw=True):
        frames.append(np.array(stored))
        total += stored.nbytes
        if total > MOST_BYTES:
            raise UnreadableImage(
                "the decoded frames are too large", source=source.name, expected=f"at most {MOST_BYTES} bytes"
            )
    _check_count(len(frames), source)
    stack = np.stack(frames)
    black = _black(source.header, source.syntax, stack)
    changed = sum(bool((frame[hidden] != black).any()) for frame in stack)
    stack[:, hidden] = black
    return *_coded(source, stack), changed


def _black(header: Dataset, syntax: UID, frames: Array) -> Array:
    """The stored value of black, ``[]`` or ``[3]``; for wide grey values the darkest of the file, so that its range stays."""
    kind = str(header.get("PhotometricInterpretation", ""))
    bits = int(header.get("BitsStored") or header.BitsAllocated)
    signed = header.get("PixelRepresentation") == 1
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    if kind == "PALETTE COLOR":
        return np.array(_darkest_entry(header, low, high))
    if kind.startswith("MONOCHROME") and frames.dtype.itemsize > 1:
        low, high = int(frames.min()), int(frames.max())
    if kind == "MONOCHROME1":
        return np.array(high)
    if kind.startswith("YBR") and syntax not in JPEG_2000:
        return np.array([0, 1 << (bits - 1), 1 << (bits - 1)])
    return np.array([0, 0, 0] if int(header.SamplesPerPixel) == 3 else low)


def _darkest_entry(header: Dataset, low: int, high: int) -> int:
    from pydicom.pixels.processing import apply_color_lut

    count, first = (int(value) for value in header.RedPaletteColorLookupTableDescriptor[:2])
    indices = np.arange(first, first + (count or 1 << 16), dtype=np.int32)
    indices = indices[(indices >= low) & (indices <= high)]
    if not len(indices):
        raise UnreadableImage("a palette that no pixel can use", expected="entries for the stored values")
    return int(indices[apply_color_lut(indices, header)[..., :3].astype(np.int64).sum(axis=-1).argmin()])


def _coded(source: Source, frames: Array) -> tuple[Dataset, UID]:
    """Attributes of the image pixel module for decoded frames ``[F, H, W]`` or ``[F, H, W, 3]``."""
    made = _pixel_module(source, frames)
    target = _target(source.syntax, int(made.BitsAllocated))
    data = np.ascontiguousarray(frames).astype(frames.dtype.newbyteorder("<"))
    if target == ExplicitVRLittleEndian:
        plain = data.tobytes()
        made.PixelData = plain + b"\0" * (len(plain) % 2)
        made["PixelData"].VR = "OB" if made.BitsAllocated == 8 else "OW"
        return made, target
    if target == JPEG2000Lossless and made.SamplesPerPixel == 3:
        made.PhotometricInterpretation = "YBR_RCT"
    try:
        made.compress(target, data if len(data) > 1 else data[0], generate_instance_uid=False)
    except Exception as error:
        raise UnreadableImage(
            f"its pixels cannot be coded as {target.name} ({type(error).__name__})", source=source.name
        ) from error
    del made.file_meta
    return made, target


def _pixel_module(source: Source, frames: Array) -> Dataset:
    header, made = source.header, Dataset()
    for keyword in ("SamplesPerPixel", "Rows", "Columns", "BitsStored", "HighBit", "PixelRepresentation"):
        if keyword in header:
            setattr(made, keyword, header[keyword].value)
    if len(frames) > 1:
        made.NumberOfFrames = len(frames)
    made.BitsAllocated = 8 * frames.dtype.itemsize
    kind = str(header.get("PhotometricInterpretation", ""))
    if kind in ("YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420"):  # decoded to full resolution
        kind = "YBR_FULL"
    made.PhotometricInterpretation = "RGB" if source.syntax in JPEG_2000 and kind.startswith("YBR") else kind
    if made.SamplesPerPixel > 1:
        made.PlanarConfiguration = 0
    return made


def _target(syntax: UID, bits: int) -> UID:
    if not syntax.is_compressed:
        return ExplicitVRLittleEndian
    if syntax in JPEG_2000:
        return JPEG2000Lossless
    if syntax == RLELossless:
        return RLELossless
    return JPEGLSLossless if bits in (8, 16) else ExplicitVRLittleEndian


def _check_count(found: int, source: Source) -> None:
    if found != source.count:
        raise UnreadableImage(f"{found} frames", source=source.name, expected=f"{source.count}, as the header says")
