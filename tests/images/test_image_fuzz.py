"""Damaged bytes give a frame or :class:`UnreadableImage`, and nothing else."""

from __future__ import annotations

import io

import numpy as np
import pytest
from dicom_files import dataset, encode, jpeg, ramp, region, with_regions
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from usnet.errors import UnreadableImage
from usnet.images import Limits, read, read_frames
from usnet.values import Frame

SMALL = ramp(20, 24)
LIMITS = Limits(max_bytes=1 << 20, max_pixels=1 << 16, max_frames=8, max_inflated_bytes=1 << 20)


def _png() -> bytes:
    target = io.BytesIO()
    Image.fromarray(SMALL).save(target, "PNG")
    return target.getvalue()


SEEDS = {
    "png": _png(),
    "dicom": encode(dataset(SMALL, PatientAge="045Y", WindowCenter="120", WindowWidth="200")),
    "regions": with_regions(ramp(40, 40), region(2, 2, 35, 35)),
    "deflated": encode(dataset(SMALL), DeflatedExplicitVRLittleEndian),
    "rle": encode(dataset(SMALL), RLELossless),
    "jpeg-ls": encode(dataset(SMALL), JPEGLSLossless),
    "jpeg 2000": encode(dataset(SMALL), JPEG2000Lossless),
    "jpeg loop": jpeg(dataset(np.stack([SMALL, SMALL]), NumberOfFrames="2"), [SMALL, SMALL]),
}


def frames_or_nothing(data: bytes) -> list[Frame]:
    try:
        read(data, limits=LIMITS)
        return list(read_frames(data, limits=LIMITS))
    except UnreadableImage as error:
        assert "\n" not in str(error)  # noqa: PT017 - either outcome is right
        return []


@pytest.mark.parametrize("name", SEEDS)
def test_the_seeds_are_readable(name: str) -> None:
    assert frames_or_nothing(SEEDS[name])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SEEDS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damage(name: str, data: st.DataObject) -> None:
    damaged = bytearray(SEEDS[name])
    for _ in range(data.draw(st.integers(0, 6), label="flips")):
        place = data.draw(st.integers(0, len(damaged) - 1), label="place")
        damaged[place] ^= 1 << data.draw(st.integers(0, 7), label="bit")
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(damaged))), label="cut")
    for frame in frames_or_nothing(bytes(damaged[:cut])):
        assert frame.pixels.dtype == np.uint8
        assert frame.pixels.ndim == 2
        assert frame.pixels.size <= LIMITS.max_pixels
