"""DICOM files made for the purpose: every photometric interpretation, depth and transfer syntax."""

from __future__ import annotations

import numpy as np
import pytest
from dicom_files import dataset, encapsulated, encode, jpeg, ramp
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from usnet.errors import UnreadableImage
from usnet.images import Limits, frame_count, read, read_frames

GREY = ramp()
LOSSLESS = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
    JPEGLSLossless,
    JPEG2000Lossless,
]


def colours() -> np.ndarray:
    y, x = np.mgrid[:48, :64]
    return np.stack([(4 * x) % 256, (5 * y) % 256, (x * y) % 256], axis=2).astype(np.uint8)


def luma(rgb: np.ndarray) -> np.ndarray:
    return rgb.astype(float) @ [0.299, 0.587, 0.114]


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda s: s.name)
def test_grey_comes_back_exactly(syntax: str) -> None:
    frame = read(encode(dataset(GREY), syntax))
    np.testing.assert_array_equal(frame.pixels, GREY)
    assert frame.uid
    assert frame.spacing_mm is None


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda s: s.name)
def test_twelve_bits_are_scaled_by_bits_stored(syntax: str) -> None:
    values = np.linspace(0, 3000, GREY.size).reshape(GREY.shape).astype(np.uint16)
    pixels = read(encode(dataset(values, bits=12), syntax)).pixels
    np.testing.assert_array_equal(pixels, np.rint(values * (255 / 4095)).astype(np.uint8))


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda s: s.name)
def test_colour_becomes_luma_and_is_flagged(syntax: str) -> None:
    rgb = colours()
    photometric = "YBR_RCT" if syntax == JPEG2000Lossless else "RGB"
    made = dataset(rgb, "RGB")
    if syntax == JPEG2000Lossless:
        made.PhotometricInterpretation = photometric
    frame = read(encode(made, syntax))
    np.testing.assert_allclose(frame.pixels, luma(rgb), atol=0.51)
    assert "colour" in frame.flags


def test_near_lossless_stays_near() -> None:
    made = dataset(GREY)
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.compress(JPEGLSNearLossless, jls_error=2)
    pixels = read(encapsulated(made, [_only_frame(made)], JPEGLSNearLossless)).pixels
    assert np.abs(pixels.astype(int) - GREY).max() <= 2


def _only_frame(made: Dataset) -> bytes:
    from pydicom.encaps import get_frame

    return get_frame(made.PixelData, 0, number_of_frames=1)


def test_monochrome1_is_inverted() -> None:
    np.testing.assert_array_equal(read(encode(dataset(GREY, "MONOCHROME1"))).pixels, 255 - GREY)


def test_planar_configuration_1() -> None:
    rgb = colours()
    made = dataset(rgb, "RGB", PlanarConfiguration=1)
    made.PixelData = rgb.transpose(2, 0, 1).tobytes()
    np.testing.assert_allclose(read(encode(made)).pixels, luma(rgb), atol=0.51)


@pytest.mark.parametrize("photometric", ["YBR_FULL", "YBR_FULL_422"])
def test_uncompressed_ybr(photometric: str) -> None:
    ybr = np.full((48, 64, 3), 128, np.uint8)
    ybr[..., 0] = GREY
    made = dataset(ybr, photometric)
    if photometric == "YBR_FULL_422":
        pairs = np.full((48, 32, 4), 128, np.uint8)
        pairs[..., 0], pairs[..., 1] = GREY[:, ::2], GREY[:, 1::2]
        made.PixelData = pairs.tobytes()
    frame = read(encode(made))
    assert np.abs(frame.pixels.astype(int) - GREY).max() <= 1
    assert "colour" not in frame.flags


def test_jpeg_baseline_colour_loop() -> None:
    levels = (20, 120, 220)
    frames = [np.full((48, 64, 3), level, np.uint8) for level in levels]
    made = dataset(np.stack(frames), "YBR_FULL_422", NumberOfFrames="3")
    data = jpeg(made, frames)
    assert frame_count(data) == 3
    seen = list(read_frames(data))
    assert [f.number for f in seen] == [0, 1, 2]
    assert [int(f.pixels.mean().round()) for f in seen] == pytest.approx(levels, abs=1)
    assert int(read(data, frame=1).pixels.mean().round()) == pytest.approx(120, abs=1)


@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda s: s.name)
def test_frames_are_read_one_by_one(syntax: str) -> None:
    stack = np.stack([np.roll(GREY, k, axis=1) for k in range(4)])
    data = encode(dataset(stack, NumberOfFrames="4"), syntax)
    for number, frame in enumerate(read_frames(data)):
        assert frame.number == number
        np.testing.assert_array_equal(frame.pixels, stack[number])
    np.testing.assert_array_equal(read(data, frame=3).pixels, stack[3])
    for number in (-1, 4):
        with pytest.raises(UnreadableImage, match="no frame"):
            read(data, frame=number)
    with pytest.raises(UnreadableImage, match="4 frames"):
        frame_count(data, limits=Limits(max_frames=3))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"WindowCenter": "128", "WindowWidth": "256"}, lambda v: v),
        ({"WindowCenter": "100", "WindowWidth": "101"}, lambda v: np.clip((v - 49.5 - 0.0) / 100 * 255, 0, 255)),
        ({"WindowCenter": "100", "WindowWidth": "100", "VOILUTFunction": "LINEAR_EXACT"}, lambda v: (v - 50) * 2.55),
        ({"WindowCenter": ["100", "7"], "WindowWidth": ["100", "9"], "VOILUTFunction": "LINEAR_EXACT"}, lambda v: (v - 50) * 2.55),
        ({"WindowCenter": "100", "WindowWidth": "40", "VOILUTFunction": "SIGMOID"}, lambda v: 255 / (1 + np.exp((100 - v) / 10))),
        (
            {"RescaleSlope": "2", "RescaleIntercept": "-10", "WindowCenter": "90", "WindowWidth": "100"}
            | {"VOILUTFunction": "LINEAR_EXACT"},
            lambda v: (2 * v - 10 - 40) * 2.55,
        ),
    ],
)  # fmt: skip
def test_windows(fields: dict, expected) -> None:  # type: ignore[no-untyped-def]
    pixels = read(encode(dataset(GREY, **fields))).pixels
    wanted = np.rint(np.clip(expected(GREY.astype(float)), 0, 255))
    assert np.abs(pixels - wanted).max() <= 1


def test_voi_lut_wins_over_the_window() -> None:
    item = Dataset()
    item.LUTDescriptor = [256, 0, 16]
    item.LUTData = (np.arange(256, dtype=np.uint16)[::-1] * 257).tobytes()
    item["LUTData"].VR = "OW"
    made = dataset(GREY, VOILUTSequence=Sequence([item]), WindowCenter="10", WindowWidth="5")
    made["VOILUTSequence"][0]["LUTDescriptor"].VR = "US"
    np.testing.assert_array_equal(read(encode(made)).pixels, 255 - GREY)


def test_a_rescale_alone_keeps_the_contrast() -> None:
    np.testing.assert_array_equal(read(encode(dataset(GREY, RescaleSlope="3", RescaleIntercept="-7"))).pixels, GREY)


def test_signed_values_are_lifted_by_their_type() -> None:
    values = GREY.astype(np.int16) - 128
    made = dataset(values, bits=8, BitsAllocated=16, HighBit=7)
    np.testing.assert_array_equal(read(encode(made)).pixels, GREY)


def palette(entries: int, bits: int, first: int = 0) -> dict:
    dtype = np.uint16 if bits == 16 else np.uint8
    top = 65535 if bits == 16 else 255
    levels = np.linspace(0, top, entries).astype(dtype)
    fields: dict = {}
    for name, table in (("Red", levels), ("Green", levels[::-1].copy()), ("Blue", np.zeros(entries, dtype))):
        fields[f"{name}PaletteColorLookupTableDescriptor"] = [entries % 65536, first, bits]
        fields[f"{name}PaletteColorLookupTableData"] = table.tobytes()
    return fields


@pytest.mark.parametrize(("entries", "bits", "first"), [(256, 16, 0), (256, 8, 0), (100, 16, 20)])
def test_palette_colour(entries: int, bits: int, first: int) -> None:
    made = dataset(GREY, "PALETTE COLOR", **palette(entries, bits, first))
    for name in ("Red", "Green", "Blue"):
        made[f"{name}PaletteColorLookupTableDescriptor"].VR = "US"
    frame = read(encode(made))
    red = np.linspace(0, 255, entries)
    index = np.clip(GREY.astype(int) - first, 0, entries - 1)
    wanted = 0.299 * red[index] + 0.587 * red[::-1][index]
    assert np.abs(frame.pixels - wanted).max() <= 2
    assert "colour" in frame.flags


def test_a_segmented_palette_cannot_explode() -> None:
    fields = palette(256, 16)
    for name in ("Red", "Green", "Blue"):
        del fields[f"{name}PaletteColorLookupTableData"]
        segments = np.array([0, 1, 0] + [1, 60_000, 65_535] * 3_000, np.uint16)
        fields[f"Segmented{name}PaletteColorLookupTableData"] = segments.tobytes()
    with pytest.raises(UnreadableImage, match="palette is too large"):
        read(encode(dataset(GREY, "PALETTE COLOR", **fields)))


def test_identity_and_facts_travel_with_the_frame() -> None:
    made = dataset(
        GREY, PatientID=" P7 ", PatientName="Doe^Jane", PatientSex="F", PatientAge="045Y", Manufacturer="Maker",
        ManufacturerModelName="M1", StudyInstanceUID="1.2.3", SeriesInstanceUID="1.2.3.4", ImageLaterality="L",
        BodyPartExamined="BREAST",
    )  # fmt: skip
    frame = read(encode(made))
    assert frame.attributes == {
        "patient_id": "P7", "sex": "female", "age": 45.0, "manufacturer": "Maker", "model": "M1", "modality": "US",
        "sop_class_uid": made.SOPClassUID, "study_uid": "1.2.3", "series_uid": "1.2.3.4", "laterality": "L", "body_part": "BREAST",
    }  # fmt: skip
    assert frame.uid == made.SOPInstanceUID
    assert "Jane" not in repr(frame.attributes)


@pytest.mark.parametrize(("text", "years"), [("018M", 1.5), ("000Y", 0.0), ("45", None), ("abcY", None), ("", None)])
def test_age_strings(text: str, years: float | None) -> None:
    assert read(encode(dataset(GREY, PatientAge=text))).attributes.get("age") == years


def test_colour_data_that_the_header_states_is_flagged() -> None:
    assert "colour" in read(encode(dataset(GREY, UltrasoundColorDataPresent=1))).flags
    assert "colour" not in read(encode(dataset(GREY, UltrasoundColorDataPresent=0))).flags


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("meta", [True, False])
def test_files_without_preamble(syntax: str, meta: bool) -> None:
    whole = encode(dataset(GREY), syntax)
    length = int.from_bytes(whole[140:144], "little")  # of the meta group, after its own length element
    bare = whole[132:] if meta else whole[144 + length :]
    np.testing.assert_array_equal(read(bare).pixels, GREY)
