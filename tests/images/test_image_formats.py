"""PNG, JPEG, BMP and TIFF: every depth and colour type to the same grey, and every bad file to one error."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from dicom_files import ramp
from PIL import Image

from usnet.errors import UnreadableImage
from usnet.images import Limits, frame_count, read, read_frames

GREY = ramp()


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
def test_lossless_formats_give_the_stored_grey(kind: str, mode: str) -> None:
    frame = read(encoded(Image.fromarray(GREY).convert(mode), kind))
    np.testing.assert_array_equal(frame.pixels, GREY)
    assert frame.pixels.dtype == np.uint8


def test_jpeg_is_close() -> None:
    smooth = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
    pixels = read(encoded(Image.fromarray(smooth), "JPEG", quality=95)).pixels
    assert np.abs(pixels.astype(int) - smooth).max() <= 4


def test_one_bit_is_black_and_white() -> None:
    bits = GREY > 128
    np.testing.assert_array_equal(read(encoded(Image.fromarray(bits))).pixels, bits * np.uint8(255))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_laid_on_black(mode: str) -> None:
    image = Image.fromarray(GREY).convert(mode)
    alpha = np.full(GREY.shape, 255, np.uint8)
    alpha[:, :32] = 0
    image.putalpha(Image.fromarray(alpha))
    np.testing.assert_array_equal(read(encoded(image)).pixels, np.where(alpha, GREY, 0))


def test_palette_with_a_transparent_entry() -> None:
    image = Image.fromarray(GREY).convert("P")
    clear = int(GREY[0, 5])
    pixels = read(encoded(image, transparency=clear)).pixels
    np.testing.assert_array_equal(pixels, np.where(clear == GREY, 0, GREY))


def test_colour_becomes_rec_601_luma() -> None:
    colours = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8)
    assert read(encoded(Image.fromarray(colours))).pixels.tolist() == [[76, 150, 29, 255]]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize(("largest", "top"), [(65535, 65535), (4095, 4095), (1023, 1023), (255, 255), (40000, 65535)])
def test_wide_integers_are_scaled_by_the_depth_they_use(kind: str, largest: int, top: int) -> None:
    values = np.linspace(0, largest, 48 * 64).reshape(48, 64).astype(np.uint16)
    pixels = read(encoded(Image.fromarray(values), kind)).pixels
    np.testing.assert_array_equal(pixels, np.rint(values * (255.0 / top)).astype(np.uint8))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, (0, 255)), (0, 255, (0, 255)), (0, 0.5, (0, 128)), (-3, 7, (0, 255)), (0, 9e4, (0, 255))],
)
def test_floats_are_scaled_by_their_range(low: float, high: float, expected: tuple[int, int]) -> None:
    values = np.linspace(low, high, 64, dtype=np.float32).reshape(8, 8)
    pixels = read(encoded(Image.fromarray(values), "TIFF")).pixels
    assert (pixels.min(), pixels.max()) == expected
    assert (np.diff(pixels.ravel().astype(int)) >= 0).all()


def test_not_a_number_is_black() -> None:
    values = np.ones((8, 8), np.float32)
    values[0, 0], values[1, 1] = np.nan, np.inf
    pixels = read(encoded(Image.fromarray(values), "TIFF")).pixels
    assert (pixels[0, 0], pixels[1, 1], pixels[2, 2]) == (0, 0, 255)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    upright = ramp(40, 64)
    stored = {  # how a camera that is held this way stores the upright picture
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
        5: upright.T, 6: np.rot90(upright, 1), 7: upright[::-1, ::-1].T, 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = read(encoded(Image.fromarray(np.ascontiguousarray(stored)), exif=exif)).pixels
    np.testing.assert_array_equal(pixels, upright)


def test_path_bytes_and_name_identify_the_source(tmp_path: Path) -> None:
    data = encoded(Image.fromarray(GREY))
    path = tmp_path / "ein Bild.png"
    path.write_bytes(data)
    frame = read(str(path))
    assert (frame.source, frame.sha256) == (str(path), hashlib.sha256(data).hexdigest())
    assert read(data).source == "<bytes>"
    assert read(data, name="upload 3").source == "upload 3"
    assert (frame.width, frame.height, frame.spacing_mm, frame.region, frame.number) == (64, 48, None, None, 0)


def test_tiff_pages_are_frames() -> None:
    pages = [Image.fromarray(np.full((8, 8), level, np.uint8)) for level in (10, 20, 30)]
    data = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert frame_count(data) == 3
    assert [(f.number, int(f.pixels[0, 0])) for f in read_frames(data)] == [(0, 10), (1, 20), (2, 30)]
    assert read(data, frame=2).pixels[0, 0] == 30
    with pytest.raises(UnreadableImage, match="no frame 3"):
        read(data, frame=3)
    with pytest.raises(UnreadableImage, match="3 frames"):
        read(data, limits=Limits(max_frames=2))


def png_header(width: int, height: int) -> bytes:
    """A valid PNG of this size up to its first, tiny IDAT."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    )


PNG = encoded(Image.fromarray(GREY))
BAD = {
    "empty": (b"", "empty"),
    "text": (b"BI-RADS 4a, right breast\n" * 4, "text, not an image"),
    "noise": (bytes(range(128, 256)) * 4, "no known image"),
    "truncated": (PNG[: len(PNG) // 2], "damaged"),
    "header only": (PNG[:20], "header is damaged|decoder failed|damaged"),
    "huge": (png_header(65_000, 65_000), "65000 x 65000|4225000000"),
    "large": (png_header(9_000, 9_000), "9000 x 9000 pixels"),
    "gif": (encoded(Image.fromarray(GREY), "GIF"), "no known image"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_file_gives_one_error_that_names_it(name: str, tmp_path: Path) -> None:
    data, reason = BAD[name]
    path = tmp_path / f"{name}.png"
    path.write_bytes(data)
    for call in (read, frame_count if name in ("empty", "text", "huge", "large", "gif") else read):
        with pytest.raises(UnreadableImage, match=reason) as caught:
            call(path)
        assert caught.value.source == str(path)
        assert "\n" not in str(caught.value)
        assert caught.value.exit_code == 3


def test_missing_file_folder_and_pipe(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match="no such file"):
        read(tmp_path / "nothing.png")
    with pytest.raises(UnreadableImage, match="folder"):
        read(tmp_path)
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UnreadableImage, match="no regular file"):
        read(tmp_path / "pipe.png")
    with pytest.raises(UnreadableImage):
        read("a\0b.png")


def test_limits_are_the_callers() -> None:
    with pytest.raises(UnreadableImage, match="64 x 48 pixels"):
        read(PNG, limits=Limits(max_pixels=64 * 48 - 1))
    with pytest.raises(UnreadableImage, match=f"{len(PNG)} bytes"):
        read(PNG, limits=Limits(max_bytes=len(PNG) - 1))
    read(PNG, limits=Limits(max_pixels=64 * 48, max_bytes=len(PNG)))
