"""One DICOM object from its file to a clean file: header, pixels, file meta information, and what was done said in it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import IO

import numpy as np
from pydicom import dcmread
from pydicom._uid_dict import UID_dictionary
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)

from usnet.dicom.deidentify.frames import Source, recode
from usnet.dicom.deidentify.header import Cleaner, patient_key
from usnet.dicom.deidentify.hiding import SURE, Hiding, header_regions, hiding
from usnet.dicom.deidentify.identifiers import Identifiers
from usnet.dicom.deidentify.options import Options
from usnet.dicom.deidentify.profile import EDITION
from usnet.dicom.deidentify.secret import Secret
from usnet.errors import UnreadableImage
from usnet.images.dicom_pixels import stored_frames
from usnet.images.inflate import inflated
from usnet.images.limits import Limits
from usnet.images.presentation import presentation
from usnet.values import UInt8Image

Span = tuple[int, int]

DOCUMENTS = ("Structured Report", "SR Storage", "Key Object Selection", "Softcopy Presentation State")
"""Kinds without pixels that can be cleaned; documents, waveforms and raw data cannot, and are refused."""

CODES = {
    "basic": ("113100", "Basic Application Confidentiality Profile"),
    "pixels": ("113101", "Clean Pixel Data Option"),
    "graphics": ("113103", "Clean Graphics Option"),
    "structured": ("113104", "Clean Structured Content Option"),
    "descriptions": ("113105", "Clean Descriptors Option"),
    "dates": ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    "patient": ("113108", "Retain Patient Characteristics Option"),
    "device": ("113109", "Retain Device Identity Option"),
}
"""PS3.16 CID 7050."""


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A clean object, ready to be written, and what was done.

    ``places`` names the study's folder and the file; ``first`` is the first frame of the source as it was
    looked at, ``span`` the range of its grey values for :func:`views`.
    """

    dataset: FileDataset
    patient: str
    places: tuple[str, str]
    kind: str
    actions: dict[str, int]
    coding_in: str
    hiding: Hiding | None = None
    first: UInt8Image | None = None
    span: Span | None = None
    frames: int = 0
    changed_frames: int = 0


def cleaned(stream: IO[bytes], name: str, secret: Secret, options: Options, limits: Limits) -> Cleaned:
    """De-identify the DICOM object in ``stream``.

    Raises
    ------
    UnreadableImage
        It cannot be read or decoded as a whole, or is of a kind that cannot be made clean.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stream = inflated(stream, name, limits)
        dataset = dcmread(stream, stop_before_pixels=True, force=True)
        start = stream.tell()
        pixels = stream.read(1) != b""
        kind = _kind(dataset, pixels, name)
        if not pixels:
            return _document(dataset, secret, options, kind)
        source = Source(stream, start, dataset, _syntax(dataset), name, limits)
        _check_pixels(source)
        return _image(source, secret, options, kind)


def _document(dataset: FileDataset, secret: Secret, options: Options, kind: str) -> Cleaned:
    patient, places, coding = patient_key(dataset), _places(dataset, secret), _syntax(dataset).name
    actions = _clean_header(dataset, secret, options, patient)
    _declare(dataset, options, pixels=None)
    made = _fresh(dataset, ExplicitVRLittleEndian)
    return Cleaned(made, secret.pseudonym(patient), places, kind, actions, coding)


def _image(source: Source, secret: Secret, options: Options, kind: str) -> Cleaned:
    dataset = source.header
    regions = header_regions(dataset, int(dataset.Columns), int(dataset.Rows))
    span = span_of(source)
    first = next(views(source, span))
    hidden = hiding(views(source, span), regions, options, source.name)
    pixels, syntax, changed = recode(source, hidden.pixels)
    patient, places, frames = patient_key(dataset), _places(dataset, secret), source.count
    if not source.syntax.is_little_endian:
        _swap_words(dataset)
    actions = _clean_header(dataset, secret, options, patient)
    dataset.update({element.tag: element for element in pixels})
    for keyword in ("ExtendedOffsetTable", "ExtendedOffsetTableLengths"):
        if keyword in dataset:
            del dataset[keyword]
    _declare(dataset, options, pixels=hidden.source in SURE)
    made = _fresh(dataset, syntax)
    coding = source.syntax.name
    return Cleaned(made, secret.pseudonym(patient), places, kind, actions, coding, hidden, first, span, frames, changed)


def pixels_of(stream: IO[bytes], name: str, limits: Limits) -> Source:
    """The pixels of a file that was written here."""
    dataset = dcmread(stream, stop_before_pixels=True)
    return Source(stream, stream.tell(), dataset, _syntax(dataset), name, limits)


def span_of(source: Source) -> Span | None:
    """Darkest and brightest stored value of a grey file whose window may hide what another window shows, else ``None``."""
    header = source.header
    windowed = any(keyword in header for keyword in ("WindowWidth", "VOILUTSequence", "ModalityLUTSequence"))
    if not (int(header.BitsAllocated) > 8 or windowed) or not str(header.PhotometricInterpretation).startswith("MONO"):
        return None
    found = [(int(stored.min()), int(stored.max())) for stored in source.passed(stored_frames)]
    return min(low for low, _ in found), max(high for _, high in found)


def views(source: Source, span: Span | None) -> Iterator[UInt8Image]:
    """The frames as a viewer shows them, or with ``span`` spread over the whole range of grey."""
    if span is None:
        show = presentation(source.header, source.name)
        yield from (show(stored) for stored in source.passed(stored_frames))
        return
    low, high = span
    for stored in source.passed(stored_frames):
        grey = np.clip((stored.astype(np.int64) - low) * 255 // max(1, high - low), 0, 255).astype(np.uint8)
        yield 255 - grey if source.header.PhotometricInterpretation == "MONOCHROME1" else grey


def _kind(dataset: FileDataset, pixels: bool, name: str) -> str:
    """Name of the SOP class, if objects of it can be cleaned."""
    stated = str(dataset.get("SOPClassUID") or dataset.file_meta.get("MediaStorageSOPClassUID") or "")
    if stated not in UID_dictionary:
        raise UnreadableImage("an object of no standard kind", source=name, expected="a SOP class of the standard")
    kind = UID(stated).name
    known = "Image Storage" in kind if pixels else any(word in kind for word in DOCUMENTS)
    if not known:
        raise UnreadableImage(
            f"an object of kind {kind}",
            source=name,
            expected="an image, a report, a key object or a presentation state",
        )
    if not dataset.get("SOPInstanceUID"):
        raise UnreadableImage("an object without SOP Instance UID", source=name, hint="Export it again")
    return kind


def _check_pixels(source: Source) -> None:
    """Refuse what the recoding does not know, before anything is decoded."""
    header, name = source.header, source.name
    missing = [k for k in ("Rows", "Columns", "BitsAllocated", "SamplesPerPixel") if not header.get(k)]
    if missing:
        raise UnreadableImage(f"its DICOM header has no {', '.join(missing)}", source=name, hint="Export it again")
    source.limits.check_frames(source.count, name)
    source.limits.check_pixels(int(header.Columns), int(header.Rows), name)
    source.stream.seek(source.start)
    head = source.stream.read(4)
    if head not in (b"\xe0\x7f\x10\0", b"\x7f\xe0\0\x10") or int(header.BitsAllocated) not in (8, 16):
        raise UnreadableImage("pixels that are no 8 or 16-bit whole numbers", source=name)


def _syntax(dataset: FileDataset) -> UID:
    """Transfer syntax of the file, or what pydicom guessed of one without file meta information."""
    stated = dataset.file_meta.get("TransferSyntaxUID")
    if stated:
        return UID(str(stated))
    implicit, little = dataset.original_encoding
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _places(dataset: Dataset, secret: Secret) -> tuple[str, str]:
    """Names of the study's folder and of the file."""
    study = secret.name("study", str(dataset.get("StudyInstanceUID") or ""), 12)
    return study, secret.name("object", str(dataset.SOPInstanceUID))


def _clean_header(dataset: Dataset, secret: Secret, options: Options, patient: str) -> dict[str, int]:
    cleaner = Cleaner(secret, options, patient, Identifiers.of(dataset))
    cleaner.clean(dataset)
    dataset.PatientName = dataset.PatientID = secret.pseudonym(patient)
    return dict(cleaner.counts)


def _declare(dataset: Dataset, options: Options, *, pixels: bool | None) -> None:
    """Say in the object what was done (PS3.15 E.1.1, E.3). ``pixels``: whether they are clean; ``None``: there are none."""
    done = ["basic", "graphics", *sorted(options.keep)]
    done += ["pixels"] if pixels else ["structured"] if pixels is None else []
    done += ["dates"] if options.dates == "shift" else []
    dataset.PatientIdentityRemoved = "NO" if pixels is False else "YES"
    dataset.DeidentificationMethod = f"usnet {version('usnet')}, PS3.15 {EDITION} Basic Profile"
    dataset.DeidentificationMethodCodeSequence = [_code(*CODES[name]) for name in CODES if name in done]
    dataset.LongitudinalTemporalInformationModified = "MODIFIED" if options.dates == "shift" else "REMOVED"
    if pixels:
        dataset.BurnedInAnnotation = "NO"
    elif "BurnedInAnnotation" in dataset:
        del dataset.BurnedInAnnotation


def _code(value: str, meaning: str) -> Dataset:
    made = Dataset()
    made.CodeValue, made.CodingSchemeDesignator, made.CodeMeaning = value, "DCM", meaning
    return made


def _fresh(dataset: Dataset, syntax: UID) -> FileDataset:
    """A file of these elements and nothing of the old one: no preamble, no file meta information, no trailing bytes."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID = syntax
    meta.ImplementationClassUID = generate_uid(entropy_srcs=["usnet"])
    meta.ImplementationVersionName = "USNET"
    made = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)  # type: ignore[arg-type]
    for element in dataset:
        made.add(element)
    return made


def _swap_words(dataset: Dataset) -> None:
    """Tables of 16-bit words from big to little endian: pydicom leaves bytes as they are."""
    for element in dataset:
        if element.VR == "OW" and isinstance(element.value, bytes):
            element.value = b"".join(element.value[i : i + 2][::-1] for i in range(0, len(element.value), 2))
