"""DICOM files to frames: header, region crop, calibration, pixels. Nothing here loads more than one frame at a time."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Sequence
from typing import IO

from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.tag import Tag
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from usnet.errors import UnreadableImage
from usnet.images.attributes import FIELDS, attributes
from usnet.images.dicom_pixels import printable, stored_frames
from usnet.images.flags import image_flags
from usnet.images.grey import luma
from usnet.images.inflate import inflated
from usnet.images.limits import Limits
from usnet.images.presentation import presentation
from usnet.images.regions import Geometry, geometry
from usnet.values import Flag, Frame, UInt8Image

_PALETTE = [f"{s}{c}PaletteColorLookupTableData" for s in ("", "Segmented") for c in ("Red", "Green", "Blue", "Alpha")]
_KEYWORDS = (
    "SOPInstanceUID",
    "PatientSex",
    "PatientAge",
    "Laterality",
    "SequenceOfUltrasoundRegions",
    "PixelSpacing",
    "NominalScannedPixelSpacing",
    "UltrasoundColorDataPresent",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "RescaleSlope",
    "RescaleIntercept",
    "ModalityLUTSequence",
    "VOILUTSequence",
    "VOILUTFunction",
    "WindowCenter",
    "WindowWidth",
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
)
_TAGS = [Tag(keyword) for keyword in (*_KEYWORDS, *FIELDS.values(), *_PALETTE)]


def frame_count(stream: IO[bytes], source: str, limits: Limits) -> int:
    """Frames that the header states, within ``limits``."""
    dataset, _ = _header(stream, source, limits)
    return _frames(dataset, source, limits)


def frames(
    stream: IO[bytes], source: str, sha256: str, limits: Limits, wanted: Sequence[int] | None = None
) -> Generator[Frame, None, None]:
    """Frames by number (0-based, in order), all of them for ``None``, cropped to the tissue region.

    Raises
    ------
    UnreadableImage
        No pixel data, a size or count outside ``limits``, an unknown transfer syntax, or a frame that is not there.
    """
    dataset, stream = _header(stream, source, limits)
    count = _frames(dataset, source, limits)
    numbers = range(count) if wanted is None else wanted
    if any(not 0 <= number < count for number in numbers):
        raise UnreadableImage(f"no frame {max(numbers)}", source=source, expected=f"0 to {count - 1}")
    columns, rows = int(dataset.Columns), int(dataset.Rows)
    limits.check_pixels(columns, rows, source)
    place = geometry(dataset, columns, rows)
    show = presentation(dataset, source)
    facts = attributes(dataset) | _notes(dataset, place)
    for number, stored in zip(
        numbers, stored_frames(stream, dataset, _syntax(dataset), source, limits, numbers), strict=True
    ):
        shown = _crop(show(stored), place)
        yield Frame(
            pixels=luma(shown) if shown.ndim == 3 else shown,
            source=source,
            sha256=sha256,
            spacing_mm=place.spacing_mm,
            spacing_source=place.spacing_source,
            region=place.region,
            number=number,
            uid=str(dataset.SOPInstanceUID) if dataset.get("SOPInstanceUID") else None,
            flags=image_flags(shown) | _colour(dataset, place),
            attributes=dict(facts),
        )


def _header(stream: IO[bytes], source: str, limits: Limits) -> tuple[FileDataset, IO[bytes]]:
    """The elements that matter, and the (inflated) stream at the start of the pixel data element."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stream = inflated(stream, source, limits)
        dataset = dcmread(stream, stop_before_pixels=True, force=True, specific_tags=_TAGS)
    place = stream.tell()
    if not stream.read(1):
        kind = UID(str(dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID") or "")).name
        raise UnreadableImage(
            f"a DICOM file without pixel data ({printable(kind) or 'of unknown kind'})",
            source=source,
            expected="an image",
            hint="It is no image, or it ends before its pixels",
        )
    stream.seek(place)
    missing = [name for name in ("Rows", "Columns", "BitsAllocated", "SamplesPerPixel") if not dataset.get(name)]
    if missing:
        raise UnreadableImage(f"its DICOM header has no {', '.join(missing)}", source=source, hint="Export it again")
    return dataset, stream


def _frames(dataset: FileDataset, source: str, limits: Limits) -> int:
    count = int(dataset.get("NumberOfFrames") or 1)
    limits.check_frames(count, source)
    return count


def _syntax(dataset: FileDataset) -> UID:
    """Transfer syntax of the file, or what pydicom guessed of one without file meta information."""
    stated = dataset.file_meta.get("TransferSyntaxUID")
    if stated:
        return UID(str(stated))
    implicit, little = dataset.original_encoding
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _crop(pixels: UInt8Image, place: Geometry) -> UInt8Image:
    if place.region is None:
        return pixels
    x0, y0, x1, y1 = (int(value) for value in place.region.corners)
    return pixels[y0:y1, x0:x1].copy()


def _notes(dataset: FileDataset, place: Geometry) -> dict[str, tuple[str, ...]]:
    modality = str(dataset.get("Modality") or "US")
    other = () if modality == "US" else (f"modality {modality} is not ultrasound",)
    notes = (*place.notes, *other)
    return {"notes": notes} if notes else {}


def _colour(dataset: FileDataset, place: Geometry) -> frozenset[Flag]:
    stated = dataset.get("UltrasoundColorDataPresent") == 1
    return frozenset({"colour"}) if stated or place.colour else frozenset()
