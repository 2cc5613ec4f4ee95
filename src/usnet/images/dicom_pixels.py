"""Stored pixel values of a DICOM file, a frame at a time, through pydicom's decoders."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from struct import unpack
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames, get_frame
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.pixels.utils import as_pixel_options
from pydicom.uid import UID, JPEGLossless, JPEGLosslessSV1, RLELossless

from usnet.errors import UnreadableImage
from usnet.images import isolated
from usnet.images.codestreams import check_codestream
from usnet.images.limits import Limits, refuse_truncated

PLUGINS = ("pydicom", "pyjpegls", "pillow", "pylibjpeg")
"""Decoders that raise when a stream is damaged, in the order in which they are asked. What none of them knows (lossless JPEG,
through gdcm) is decoded in a process of its own."""

KEYWORDS = {0x0008: "FloatPixelData", 0x0009: "DoubleFloatPixelData", 0x0010: "PixelData"}

Stored = npt.NDArray[Any]

logger = logging.getLogger(__name__)


def stored_frames(
    stream: IO[bytes],
    dataset: Dataset,
    syntax: UID,
    source: str,
    limits: Limits,
    wanted: Sequence[int],
    *,
    raw: bool = False,
) -> Iterator[Stored]:
    """Decoded frames ``[H, W]`` or ``[H, W, 3]`` (RGB), with ``stream`` at the start of the pixel data element.

    ``wanted`` are 0-based frame numbers in order. One frame is in memory at a time. With ``raw``, colour stays in the colour space
    of the file; JPEG 2000 is RGB all the same, because its transform is part of the coding.
    """
    decoder = decoder_for(syntax, source)
    options = _options(stream, dataset, syntax) | {"raw": raw}
    if decoder.is_native:
        for index in wanted:
            stream.seek(options["pixel_start"])
            yield _decoded(decoder, stream, index, _frame_options(options))
        return
    encoded = (_checked(data, dataset, syntax, source, limits) for data in _encoded(stream, options, wanted))
    options = _frame_options(options) | {"number_of_frames": 1}
    if not set(PLUGINS) & set(decoder.available_plugins):
        yield from isolated.decoded(encoded, options)
        return
    for data in encoded:
        yield _decoded(decoder, encapsulate([data], has_bot=False), 0, options)


def decoder_for(syntax: UID, source: str) -> Decoder:
    """pydicom's decoder of a transfer syntax.

    Raises
    ------
    UnreadableImage
        No decoder knows the syntax, or the one that does is not installed.
    """
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        raise UnreadableImage(
            f"transfer syntax {printable(syntax.name)}",
            source=source,
            expected="uncompressed, RLE, JPEG, JPEG-LS or JPEG 2000",
            hint="Video has to be exported as frames" if "MPEG" in syntax.name or "HEVC" in syntax.name else None,
        ) from None
    if not decoder.is_available:
        lossless = syntax in (JPEGLossless, JPEGLosslessSV1)
        raise UnreadableImage(
            f"no decoder for {syntax.name} is installed",
            source=source,
            hint="Install the extra: pip install 'usnet[lossless]'" if lossless else "Reinstall usnet",
        )
    return decoder


def encoded_frames(
    stream: IO[bytes], dataset: Dataset, syntax: UID, source: str, limits: Limits, wanted: Sequence[int]
) -> Iterator[bytes]:
    """Compressed frames as they are in the file, checked like those of :func:`stored_frames`."""
    options = _options(stream, dataset, syntax)
    return (_checked(data, dataset, syntax, source, limits) for data in _encoded(stream, options, wanted))


def _options(stream: IO[bytes], dataset: Dataset, syntax: UID) -> dict[str, Any]:
    """Decoding options of the header, and of the pixel element that ``stream`` is at; leaves ``stream`` at its value."""
    order = "<" if syntax.is_little_endian else ">"
    _, element = unpack(order + "HH", stream.read(4))
    vr = stream.read(4)[:2]
    explicit = not syntax.is_implicit_VR and vr.isalpha()  # some writers mix implicit elements into explicit files
    if explicit:
        stream.read(4)  # length
    return as_pixel_options(dataset) | {
        "transfer_syntax_uid": syntax,
        "pixel_keyword": KEYWORDS[element],
        "pixel_vr": vr.decode("ascii") if explicit else "OW",
        "pixel_start": stream.tell(),
    }


def _encoded(stream: IO[bytes], options: dict[str, Any], wanted: Sequence[int]) -> Iterator[bytes]:
    count, offsets = options["number_of_frames"], options.get("extended_offsets")
    if len(wanted) == 1:
        yield get_frame(stream, wanted[0], number_of_frames=count, extended_offsets=offsets)
        return
    frames = generate_frames(stream, number_of_frames=count, extended_offsets=offsets)
    keep = set(wanted)
    yield from (data for number, data in enumerate(frames) if number in keep)


def _checked(data: bytes, dataset: Dataset, syntax: UID, source: str, limits: Limits) -> bytes:
    """The compressed frame, unless it would decode to something else than the header says."""
    if syntax != RLELossless:
        check_codestream(data, int(dataset.Columns), int(dataset.Rows), source, limits)
        return data
    plain = int(dataset.Columns) * int(dataset.Rows) * int(dataset.SamplesPerPixel) * int(dataset.BitsAllocated) // 8
    if len(data) > 2 * plain + 4096:  # run-length coding adds at most one byte in 128
        raise UnreadableImage(f"an RLE frame of {len(data)} bytes", source=source, expected=f"about {plain} at most")
    return data


def _frame_options(options: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in options.items() if key not in ("pixel_start", "extended_offsets")}


def _decoded(decoder: Decoder, data: IO[bytes] | bytes, index: int, options: dict[str, Any]) -> Stored:
    """One frame from the first plugin that can decode it; the last one's error otherwise."""
    refuse_truncated()  # Pillow is one of the decoders
    plugins = [name for name in PLUGINS if name in decoder.available_plugins] or [""]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom warns about every small departure from the standard
        for plugin in plugins[:-1]:
            try:
                return np.asarray(decoder.as_array(data, index=index, decoding_plugin=plugin, **options)[0])  # type: ignore[arg-type]
            except Exception as error:
                logger.info("%s cannot decode the frame: %s", plugin, error)
        return np.asarray(decoder.as_array(data, index=index, decoding_plugin=plugins[-1], **options)[0])  # type: ignore[arg-type]


def printable(text: str) -> str:
    """Text of a file header as one short line: damaged headers hold anything."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:80]
