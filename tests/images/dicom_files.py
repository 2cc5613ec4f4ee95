"""Small DICOM files made up for the tests."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"
ULTRASOUND_MULTIFRAME = "1.2.840.10008.5.1.4.1.1.3.1"


def ramp(height: int = 48, width: int = 64) -> np.ndarray:
    """``uint8 [H, W]`` that no flip or transposition leaves as it is."""
    y, x = np.mgrid[:height, :width]
    return ((3 * x + 2 * y) % 256).astype(np.uint8)


def dataset(pixels: np.ndarray, photometric: str = "MONOCHROME2", bits: int = 8, **fields: Any) -> Dataset:
    """Data set of frames ``[H, W]``, ``[H, W, 3]`` or, with ``NumberOfFrames``, stacks of them."""
    samples = pixels.shape[-1] if pixels.shape[-1] == 3 else 1
    height, width = pixels.shape[-3:-1] if samples == 3 else pixels.shape[-2:]
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.SOPClassUID = ULTRASOUND_MULTIFRAME if "NumberOfFrames" in fields else ULTRASOUND
    made.SOPInstanceUID = generate_uid()
    made.Modality = "US"
    made.Rows, made.Columns = height, width
    made.SamplesPerPixel = samples
    made.PhotometricInterpretation = photometric
    made.BitsAllocated = pixels.dtype.itemsize * 8
    made.BitsStored, made.HighBit = bits, bits - 1
    made.PixelRepresentation = int(np.issubdtype(pixels.dtype, np.signedinteger))
    if samples == 3:
        made.PlanarConfiguration = 0
    for name, value in fields.items():
        setattr(made, name, value)
    made.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    return made


def encode(made: Dataset, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """The file: uncompressed and deflated syntaxes are written as they are, RLE and JPEG-LS by pydicom, JPEG 2000 by Pillow."""
    if syntax == JPEG2000Lossless:
        return encapsulated(made, [_jpeg2000(frame) for frame in _frames(made)], syntax)
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if syntax in (RLELossless, JPEGLSLossless):
        made.compress(syntax, generate_instance_uid=False)
    made.file_meta.TransferSyntaxUID = UID(syntax)
    if syntax == ExplicitVRBigEndian and made.BitsAllocated == 16:
        made.PixelData = np.frombuffer(made.PixelData, "<u2").astype(">u2").tobytes()
    made["PixelData"].VR = "OB" if made.BitsAllocated == 8 and syntax != ImplicitVRLittleEndian else "OW"
    target = io.BytesIO()
    made.save_as(target, enforce_file_format=True)
    return target.getvalue()


def _frames(made: Dataset) -> np.ndarray:
    count = int(made.get("NumberOfFrames", 1))
    shape = (count, made.Rows, made.Columns, made.SamplesPerPixel)
    dtype = np.uint8 if made.BitsAllocated == 8 else np.uint16
    stack = np.frombuffer(made.PixelData, dtype, np.prod(shape)).reshape(shape)
    return stack if made.SamplesPerPixel == 3 else stack[..., 0]


def _jpeg2000(frame: np.ndarray) -> bytes:
    target = io.BytesIO()
    colour = frame.ndim == 3
    Image.fromarray(frame).save(target, "JPEG2000", no_jp2=True, irreversible=False, mct=int(colour))
    return target.getvalue()


def jpeg(made: Dataset, frames: list[np.ndarray], **options: Any) -> bytes:
    """The file with its frames as baseline JPEG, written by Pillow."""
    encoded = []
    for frame in frames:
        target = io.BytesIO()
        Image.fromarray(frame).save(target, "JPEG", quality=95, **options)
        encoded.append(target.getvalue())
    return encapsulated(made, encoded, JPEGBaseline8Bit)


def encapsulated(made: Dataset, frames: list[bytes], syntax: str) -> bytes:
    """The file with frames that are compressed already."""
    made.file_meta.TransferSyntaxUID = UID(syntax)
    made.PixelData = encapsulate(frames)
    made["PixelData"].is_undefined_length = True
    made["PixelData"].VR = "OB"
    target = io.BytesIO()
    made.save_as(target, enforce_file_format=True)
    return target.getvalue()


def region(x0: int, y0: int, x1: int, y1: int, **fields: Any) -> Dataset:
    """A 2D tissue region with inclusive corners, 0.01 cm a pixel along x and 0.02 along y."""
    made = Dataset()
    made.RegionSpatialFormat, made.RegionDataType, made.RegionFlags = 1, 1, 0
    made.RegionLocationMinX0, made.RegionLocationMinY0 = x0, y0
    made.RegionLocationMaxX1, made.RegionLocationMaxY1 = x1, y1
    made.PhysicalUnitsXDirection = made.PhysicalUnitsYDirection = 3
    made.PhysicalDeltaX, made.PhysicalDeltaY = 0.01, -0.02
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def with_regions(pixels: np.ndarray, *regions: Dataset, **fields: Any) -> bytes:
    """A grey file with these ultrasound regions."""
    return encode(dataset(pixels, SequenceOfUltrasoundRegions=Sequence(regions), **fields))
