"""The size that a compressed frame itself declares, read before a decoder allocates it.

A DICOM header may say 64 x 64 while the JPEG 2000 stream inside says 12,000 x 12,000, and decoders believe the stream.
"""

from __future__ import annotations

from struct import unpack_from

from usnet.errors import UnreadableImage
from usnet.images.limits import Limits

_START_OF_FRAME = frozenset({*range(0xC0, 0xD0), 0xF7}) - {0xC4, 0xC8, 0xCC}  # ITU-T T.81 B.1.1.3, T.87 C.1.1
_START_OF_IMAGE = b"\xff\xd8"
_JPEG_LS_FRAME = b"\xff\xf7"
_END_OF_IMAGE = b"\xff\xd9"
_JP2_SIGNATURE = b"\0\0\0\x0cjP  "


def check_codestream(data: bytes, columns: int, rows: int, source: str, limits: Limits) -> None:
    """Compare a JPEG, JPEG-LS or JPEG 2000 stream with its DICOM header.

    Raises
    ------
    UnreadableImage
        The stream declares another size than ``columns`` x ``rows``, more than four components, or too many pixels; or a JPEG-LS
        stream has no end. Streams of other kinds, or without a readable size, pass: their decoders check them.
    """
    jpeg_ls = data[:2] == _START_OF_IMAGE and _JPEG_LS_FRAME in data[:4096]
    if jpeg_ls and not data.rstrip(b"\0").endswith(_END_OF_IMAGE):  # CharLS searches for it for many seconds
        raise UnreadableImage("a compressed frame ends early", source=source, hint="Copy or export it again")
    declared = jpeg_size(data) or jpeg2000_size(data)
    if declared is None:
        return
    width, height, components = declared
    limits.check_pixels(width, height, source)
    if (width, height) != (columns, rows) or components > 4:
        raise UnreadableImage(
            f"the compressed frame declares {width} x {height} pixels with {components} components",
            source=source,
            expected=f"{columns} x {rows} with at most 4, as the DICOM header says",
            hint="The file is damaged or made to harm",
        )


def jpeg_size(data: bytes) -> tuple[int, int, int] | None:
    """(width, height, components) of a JPEG or JPEG-LS stream (ITU-T T.81 B.2.2, T.87 C.2.2), ``None`` for others."""
    if data[:2] != _START_OF_IMAGE:
        return None
    offset = 2
    while offset + 10 <= len(data) and data[offset] == 0xFF:
        marker = data[offset + 1]
        if marker in _START_OF_FRAME:
            height, width, components = unpack_from(">HHB", data, offset + 5)
            return width, height, components
        offset += 1 if marker == 0xFF else 2 + unpack_from(">H", data, offset + 2)[0]
    return None


def jpeg2000_size(data: bytes) -> tuple[int, int, int] | None:
    """(width, height, components) of a JPEG 2000 stream, bare or in JP2 boxes (ISO/IEC 15444-1 A.5.1, I.4)."""
    offset = 0
    if data.startswith(_JP2_SIGNATURE):
        while data[offset + 4 : offset + 8] != b"jp2c":
            length = int.from_bytes(data[offset : offset + 4], "big")
            if length < 8 or offset + length >= len(data):
                return None
            offset += length
        offset += 8
    if data[offset : offset + 4] != b"\xff\x4f\xff\x51" or len(data) < offset + 42:
        return None
    right, bottom, left, top = unpack_from(">4I", data, offset + 8)
    (components,) = unpack_from(">H", data, offset + 40)
    return right - left, bottom - top, components
