"""DICOM files that are damaged, lie, or are made to exhaust the machine."""

from __future__ import annotations

import struct
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_files import dataset, encapsulated, encode, jpeg, ramp
from pydicom.pixels.decoders.base import Decoder
from pydicom.uid import (
    MPEG4HP41,
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from usnet.errors import UnreadableImage
from usnet.images import Limits, frame_count, read, read_frames

FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"
GREY = ramp()


def refused(data: bytes, reason: str, **options: object) -> UnreadableImage:
    with pytest.raises(UnreadableImage, match=reason) as caught:
        read(data, name="bad.dcm", **options)  # type: ignore[arg-type]
    assert caught.value.source == "bad.dcm"
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("name", ["test-SR.dcm", "reportsi.dcm", "waveform_ecg.dcm", "rtplan.dcm"])
def test_no_pixel_data(name: str) -> None:
    with pytest.raises(UnreadableImage, match="without pixel data") as caught:
        read(FOLDER / name)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    "name", ["MR_truncated.dcm", "rtplan_truncated.dcm", "JPEG2000-embedded-sequence-delimiter.dcm"]
)
def test_broken_files_of_pydicom(name: str) -> None:
    with pytest.raises(UnreadableImage):
        read(FOLDER / name)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6, 0.95])
@pytest.mark.parametrize(
    "syntax", [None, RLELossless, JPEGLSLossless, JPEG2000Lossless, DeflatedExplicitVRLittleEndian]
)
def test_truncated(share: float, syntax: str | None) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    data = encode(dataset(noise)) if syntax is None else encode(dataset(noise), syntax)
    try:
        frame = read(data[: int(len(data) * share)])
    except UnreadableImage as error:
        assert "\n" not in str(error)  # noqa: PT017 - either outcome is right
        return
    assert share == 0.95  # a decoder may fill the last rows of a compressed frame
    assert frame.pixels.shape == (64, 64)


def deflated_zeros(megabytes: int) -> bytes:
    """A deflated file whose content is a valid header and then zeros, without holding them."""
    whole = encode(dataset(GREY))
    meta = encode(dataset(GREY), DeflatedExplicitVRLittleEndian)
    meta_end = 144 + int.from_bytes(meta[140:144], "little")
    body_start = 144 + int.from_bytes(whole[140:144], "little")
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    parts = [squeeze.compress(whole[body_start : -GREY.size - 12])]
    parts += [squeeze.compress(b"\xe0\x7f\x10\x00OW\0\0" + struct.pack("<I", megabytes << 20))]
    parts += [squeeze.compress(b"\0" * (1 << 20)) for _ in range(megabytes)]
    return meta[:meta_end] + b"".join(parts) + squeeze.flush()


def test_deflate_bomb() -> None:
    bomb = deflated_zeros(100)
    assert len(bomb) < 200_000
    tracemalloc.start()
    refused(bomb, "too large", limits=Limits(max_inflated_bytes=16 << 20))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 << 20


def test_damaged_deflate_stream() -> None:
    data = bytearray(encode(dataset(GREY), DeflatedExplicitVRLittleEndian))
    end = 144 + int.from_bytes(data[140:144], "little")
    refused(bytes(data[:end]) + b"\xff" * 40, "damaged")
    refused(bytes(data[: end + 30]), "ends early")


def test_header_that_asks_for_too_much() -> None:
    refused(encode(dataset(GREY, Rows=60_000, Columns=60_000)), "60000 x 60000 pixels")
    data = encode(dataset(GREY, NumberOfFrames="100000"))
    refused(data, "100000 frames")
    with pytest.raises(UnreadableImage, match="100000 frames"):
        frame_count(data)
    with pytest.raises(UnreadableImage):
        list(read_frames(encode(dataset(GREY, NumberOfFrames="3"))))


def test_a_jpeg_2000_stream_larger_than_its_header_says() -> None:
    large = encode(dataset(np.zeros((3000, 3000), np.uint8)), JPEG2000Lossless)
    frame = large[large.index(b"\xff\x4f\xff\x51") :]
    made = dataset(np.zeros((64, 64), np.uint8))
    error = refused(encapsulated(made, [frame], JPEG2000Lossless), "declares 3000 x 3000")
    assert "64 x 64" in str(error)
    refused(encapsulated(made, [frame], JPEG2000Lossless), "3000 x 3000", limits=Limits(max_pixels=1 << 20))


def test_a_jpeg_larger_than_its_header_says() -> None:
    made = dataset(np.zeros((64, 64), np.uint8))
    refused(jpeg(made, [np.zeros((128, 128), np.uint8)]), "declares 128 x 128")


def test_an_rle_frame_longer_than_its_pixels() -> None:
    made = dataset(GREY)
    frame = struct.pack("<16I", 1, 64, *[0] * 14) + b"\x81\x00" * 20_000
    refused(encapsulated(made, [frame], RLELossless), "RLE frame")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"PhotometricInterpretation": "HSV"}, "photometric interpretation 'HSV'"),
        ({"Rows": 0}, "no Rows"),
        ({"BitsAllocated": 24}, "decoder failed"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "decoder failed"),
    ],
)
def test_headers_that_make_no_sense(fields: dict, reason: str) -> None:
    made = dataset(GREY)
    payload = encode(made)
    assert read(payload).width == 64
    for name, value in fields.items():
        setattr(made, name, value)
    refused(encode(made), reason)


def test_video_is_refused_in_words() -> None:
    error = refused(encapsulated(dataset(GREY), [b"\0" * 64], MPEG4HP41), "MPEG-4")
    assert "frames" in str(error)


def test_a_missing_decoder_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Decoder, "is_available", property(lambda self: False))
    error = refused(encapsulated(dataset(GREY), [b"\0" * 64], JPEGLosslessSV1), "no decoder for JPEG Lossless")
    assert "usnet[lossless]" in str(error)


def test_other_modalities_are_noted() -> None:
    assert "modality CT" in read(encode(dataset(GREY, Modality="CT"))).attributes["notes"][0]
