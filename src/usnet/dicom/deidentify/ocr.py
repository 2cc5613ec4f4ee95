"""Words inside the picture that tesseract can read: a second look beside the search for rows of letter-like shapes."""

from __future__ import annotations

import csv
import io
import os
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from usnet.errors import ConfigError, UnreadableImage
from usnet.values import UInt8Image

PROGRAM = "tesseract"
SURE = 80.0
"""Per cent: what tesseract is less sure of is speckle more often than a word."""
LEAST_LETTERS = 3
"""Letters and digits of a word: shorter ones are found in speckle too."""
ENLARGED, LONGEST = (2, 3), 3000
"""Letters of 8 px are too small for tesseract, and what it misses in one size it often reads in another; the longest side that an
enlarged picture may have."""
SECONDS = 120
BESIDE = 0.6
"""Letter heights that a word is enlarged by on all sides."""

SMALLEST = 8
"""Pixels of an area's shorter side: no word has room in less."""
SURROUND = 25
FAINTEST, STRONGEST = 40.0, 140.0
"""A stroke is told from tissue by the mean of this window, in pixels; grey levels above it from which ink begins, and is black."""

Polarity = Literal["bright", "dark"]
POLARITIES: tuple[Polarity, ...] = get_args(Polarity)
Corners = tuple[int, int, int, int]
Rectangles = npt.NDArray[np.intp]


def is_installed() -> bool:
    """Whether there is a tesseract on this machine."""
    return shutil.which(PROGRAM) is not None


@cache
def version() -> str:
    """``tesseract 5.3.0``.

    Raises
    ------
    ConfigError
        It is not installed.
    """
    if not is_installed():
        raise ConfigError(
            "reading text in pictures needs tesseract, which is not installed",
            hint="On Debian: apt-get install tesseract-ocr; or leave it out with --no-ocr",
        )
    done = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=False, timeout=SECONDS)
    return (done.stdout or done.stderr).splitlines()[0].strip()


def words(view: UInt8Image, area: Corners, name: str, polarities: Sequence[Polarity] = POLARITIES) -> Rectangles:
    """Rectangles ``[N, 4]`` (x0, y0, x1, y1) in frame pixels around words inside ``area`` of ``uint8 [H, W]`` or RGB ``[H, W, 3]``.

    ``polarities`` says whether words brighter, darker than what is behind them, or both are looked for.

    Raises
    ------
    UnreadableImage
        Tesseract failed or took too long, so that nobody knows what stands there.
    """
    x0, y0, x1, y1 = area
    part = view[y0:y1, x0:x1]
    if min(part.shape[:2]) < SMALLEST:
        return np.zeros((0, 4), np.intp)
    copies = {
        "bright": part.max(axis=2) if part.ndim == 3 else part,
        "dark": 255 - (part.min(axis=2) if part.ndim == 3 else part),
    }
    scales = {max(1, min(scale, LONGEST // max(part.shape[:2]))) for scale in ENLARGED}
    found = [
        _rectangle(row, scale)
        for scale in sorted(scales)
        for polarity in polarities
        for row in _rows(_raised(copies[polarity], scale), name)
        if _is_word(row)
    ]
    made = np.array(found, dtype=np.float64).reshape(-1, 4)
    made += (x0, y0, x0, y0)
    made = np.concatenate([np.floor(made[:, :2]), np.ceil(made[:, 2:])], axis=1)
    return np.clip(made, (x0, y0, x0, y0), (x1, y1, x1, y1)).astype(np.intp)


def _raised(grey: UInt8Image, scale: int) -> Image.Image:
    """The picture enlarged, black on white where it is brighter than its surround: tesseract cannot read on tissue."""
    size = (grey.shape[1] * scale, grey.shape[0] * scale)
    large = np.asarray(Image.fromarray(np.ascontiguousarray(grey)).resize(size, Image.Resampling.LANCZOS), np.float32)
    ink = (large - ndimage.uniform_filter(large, SURROUND * scale) - FAINTEST) / (STRONGEST - FAINTEST)
    return Image.fromarray((255 * (1 - np.clip(ink, 0, 1))).astype(np.uint8))


def _rows(image: Image.Image, name: str) -> list[dict[str, str]]:
    """Tesseract's table: a row a word, with its place and how sure it is."""
    buffer = io.BytesIO()
    image.save(buffer, "BMP")
    command = [PROGRAM, "stdin", "stdout", "--psm", "11", "tsv"]  # 11: sparse text, in no order
    quiet = os.environ | {"OMP_THREAD_LIMIT": "1"}
    try:
        done = subprocess.run(
            command, input=buffer.getvalue(), env=quiet, capture_output=True, check=True, timeout=SECONDS
        )
    except (subprocess.SubprocessError, OSError) as error:
        raise UnreadableImage(
            f"tesseract could not look for text in it ({type(error).__name__})",
            source=name,
            hint="Leave it out with --no-ocr, and look at the picture yourself",
        ) from error
    text = done.stdout.decode("utf-8", "replace")
    return list(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))


def _is_word(row: dict[str, str]) -> bool:
    letters = sum(letter.isalnum() for letter in row.get("text") or "")
    return letters >= LEAST_LETTERS and float(row["conf"]) >= SURE


def _rectangle(row: dict[str, str], scale: int) -> list[float]:
    left, top, width, height = (float(row[key]) / scale for key in ("left", "top", "width", "height"))
    margin = BESIDE * height + 1
    return [left - margin, top - margin, left + width + margin, top + height + margin]
