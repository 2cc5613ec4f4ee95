"""Ultrasound files with a made-up patient's name wherever a file can hold one."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    RLELossless,
    generate_uid,
)

from usnet.phantoms.simulate import simulate

NAME = "CANARYBIRD"
NUMBER = "7418529630"
BORN = "19610412"
FRAMES, HEIGHT, WIDTH, BANNER = 2, 256, 352, 56
INSIDE = (200, 190)
"""Upper-left corner of the name inside the picture; 18 px high."""

Pixels = npt.NDArray[np.uint8]


@cache
def tissue() -> Pixels:
    """Frames ``[F, H - BANNER, W]`` of a phantom."""
    frames = [simulate(seed, label="benign", size=(HEIGHT - BANNER, WIDTH)).pixels for seed in (3, 4)]
    return np.stack(frames)


def named_frames(*, inside: bool = True, colour: bool = True) -> Pixels:
    """RGB frames ``[F, H, W, 3]`` with a banner above the picture and, if wanted, the name inside it too."""
    made = []
    for number, picture in enumerate(tissue()):
        image = Image.new("RGB", (WIDTH, HEIGHT), (20, 20, 60) if colour else (20, 20, 20))
        image.paste(Image.fromarray(picture).convert("RGB"), (0, BANNER))
        draw = ImageDraw.Draw(image)
        draw.text((6, 4), f"{NAME} ANNA", fill=(255, 230, 90) if colour else 230, font=ImageFont.load_default(22))
        draw.text((6, 29), f"ID {NUMBER} F{number}", fill=(240, 240, 240), font=ImageFont.load_default(22))
        if inside:
            draw.text(INSIDE, NAME, fill=(250, 250, 250), font=ImageFont.load_default(18))
        if colour:
            draw.ellipse((60, 110, 90, 130), fill=(200, 40, 20))  # a bit of Doppler
        made.append(np.asarray(image))
    return np.stack(made)


def plain(kind: str = "MONOCHROME2", *, frames: int = FRAMES, inside: bool = True, planar: int = 0) -> Dataset:
    """Uncompressed data set in a colour space, with regions that leave the banner out."""
    rgb = named_frames(inside=inside, colour=not kind.startswith("MONO"))[:frames]
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    many = frames > 1
    made.SOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1" if many else "1.2.840.10008.5.1.4.1.1.6.1"
    made.SOPInstanceUID, made.StudyInstanceUID, made.SeriesInstanceUID = (generate_uid() for _ in range(3))
    made.Modality, made.PatientID, made.PatientName = "US", NUMBER, f"{NAME}^ANNA"
    made.PatientBirthDate, made.StudyDate, made.StudyTime = BORN, "20210315", "101500"
    made.Rows, made.Columns, made.PhotometricInterpretation = HEIGHT, WIDTH, kind
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    if many:
        made.NumberOfFrames, made.FrameTime, made.FrameIncrementPointer = frames, 40.0, 0x00181063
    made.SequenceOfUltrasoundRegions = Sequence([_region()])
    stored = _stored(rgb, kind, made)
    made.SamplesPerPixel = 3 if stored.ndim == 4 else 1
    if made.SamplesPerPixel == 3:
        made.PlanarConfiguration = planar
        stored = stored.transpose(0, 3, 1, 2) if planar else stored
    made.PixelData = stored.tobytes()
    made["PixelData"].VR = "OB"
    return made


def _region() -> Dataset:
    made = Dataset()
    made.RegionSpatialFormat, made.RegionDataType, made.RegionFlags = 1, 1, 0
    made.RegionLocationMinX0, made.RegionLocationMinY0 = 0, BANNER
    made.RegionLocationMaxX1, made.RegionLocationMaxY1 = WIDTH - 1, HEIGHT - 1
    made.PhysicalUnitsXDirection = made.PhysicalUnitsYDirection = 3
    made.PhysicalDeltaX = made.PhysicalDeltaY = 0.01
    return made


def _stored(rgb: Pixels, kind: str, made: Dataset) -> Pixels:
    grey = np.stack([np.asarray(Image.fromarray(frame).convert("L")) for frame in rgb])
    if kind == "MONOCHROME2":
        return grey
    if kind == "MONOCHROME1":
        return 255 - grey
    if kind == "YBR_FULL":
        return np.stack([np.asarray(Image.fromarray(frame).convert("YCbCr")) for frame in rgb])
    if kind == "PALETTE COLOR":
        ramp = (np.arange(256, dtype=np.uint16) * 257)[::-1]  # the highest index is black here
        for colour, share in (("Red", 1.0), ("Green", 0.9), ("Blue", 0.6)):
            setattr(made, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
            setattr(made, f"{colour}PaletteColorLookupTableData", (ramp * share).astype(np.uint16).tobytes())
        return 255 - grey
    return rgb


def wide(*, signed: bool) -> Dataset:
    """16-bit grey without a window: signed around zero, or 12 bits with a bit of an overlay in the unused ones."""
    made = plain("MONOCHROME2")
    values = np.frombuffer(made.PixelData, np.uint8)
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 16, 15, 1
    stored = values.astype(np.int16) - 128
    if not signed:
        made.BitsStored, made.HighBit, made.PixelRepresentation = 12, 11, 0
        made.WindowCenter, made.WindowWidth = 300, 600
        stored = values.astype(np.uint16) * 16 | 0x8000
    made.PixelData = stored.tobytes()
    made["PixelData"].VR = "OW"
    return made


def halved_colour() -> Dataset:
    """Uncompressed YBR_FULL_422: two pixels share their colour."""
    made = plain("YBR_FULL")
    full = np.frombuffer(made.PixelData, np.uint8).reshape(FRAMES, HEIGHT, WIDTH, 3)
    pairs = np.stack([full[:, :, ::2, 0], full[:, :, 1::2, 0], full[:, :, ::2, 1], full[:, :, ::2, 2]], axis=-1)
    made.PhotometricInterpretation, made.PixelData = "YBR_FULL_422", pairs.tobytes()
    return made


def compressed(syntax: str, kind: str = "RGB", *, frames: int = FRAMES, inside: bool = True) -> Dataset:
    """Data set of frames coded by pydicom (RLE, JPEG-LS) or Pillow (JPEG, JPEG 2000)."""
    made = plain("MONOCHROME2" if kind == "MONOCHROME2" else "RGB", frames=frames, inside=inside)
    if syntax in (RLELossless, JPEGLSLossless):
        made.compress(syntax, generate_instance_uid=False)
        return made
    pictures = named_frames(inside=inside, colour=kind != "MONOCHROME2")[:frames]
    coded = [_picture(frame if kind != "MONOCHROME2" else frame[..., 0], syntax, kind) for frame in pictures]
    made.PixelData = encapsulate(coded)
    made["PixelData"].VR, made["PixelData"].is_undefined_length = "OB", True
    made.file_meta.TransferSyntaxUID = UID(syntax)
    made.PhotometricInterpretation = kind
    if syntax == JPEGBaseline8Bit:
        made.LossyImageCompression, made.LossyImageCompressionRatio = "01", "7.5"
        made.LossyImageCompressionMethod = "ISO_10918_1"
    return made


def _picture(frame: Pixels, syntax: str, kind: str) -> bytes:
    target = io.BytesIO()
    if syntax == JPEG2000Lossless:
        Image.fromarray(frame).save(target, "JPEG2000", no_jp2=True, irreversible=False, mct=int(kind == "YBR_RCT"))
    else:
        options = {"keep_rgb": True} if kind == "RGB" else {"subsampling": "4:2:2"} if kind != "MONOCHROME2" else {}
        Image.fromarray(frame).save(target, "JPEG", quality=92, comment=f"made for {NAME}".encode(), **options)
    return target.getvalue()


def saved(made: Dataset, path: Path) -> Path:
    """The file, in folders that are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save_as(path, enforce_file_format=True)
    return path


LAYOUTS: dict[str, Callable[[], Dataset]] = {
    "grey": plain,
    "grey, inverted": lambda: plain("MONOCHROME1"),
    "RGB by pixel": lambda: plain("RGB"),
    "RGB by plane": lambda: plain("RGB", planar=1),
    "YBR_FULL": lambda: plain("YBR_FULL"),
    "YBR_FULL_422": halved_colour,
    "12 bits, windowed": lambda: wide(signed=False),
    "16 bits, signed": lambda: wide(signed=True),
    "palette": lambda: plain("PALETTE COLOR"),
    "single RGB": lambda: plain("RGB", frames=1),
    "RLE": lambda: compressed(RLELossless),
    "JPEG-LS": lambda: compressed(JPEGLSLossless),
    "JPEG 2000 RCT": lambda: compressed(JPEG2000Lossless, "YBR_RCT"),
    "JPEG 2000 RGB": lambda: compressed(JPEG2000Lossless, "RGB"),
    "JPEG 4:2:2": lambda: compressed(JPEGBaseline8Bit, "YBR_FULL_422"),
    "JPEG RGB": lambda: compressed(JPEGBaseline8Bit, "RGB"),
    "JPEG grey": lambda: compressed(JPEGBaseline8Bit, "MONOCHROME2"),
}
"""Every colour space and coding of ultrasound files that can be written here."""


@dataclass(frozen=True)
class Place:
    """Where a name can hide, and how it gets there."""

    name: str
    plant: Callable[[Dataset], object]


def _text(keyword: str, value: str = f"{NAME} {NUMBER}") -> Place:
    return Place(keyword, lambda made: setattr(made, keyword, value))


def _nested(*keywords: str) -> Place:
    """A name in the last attribute, inside sequences named by the others."""

    def plant(made: Dataset) -> None:
        inner = made
        for keyword in keywords[:-1]:
            item = Dataset()
            setattr(inner, keyword, Sequence([item]))
            inner = item
        setattr(inner, keywords[-1], NAME)

    return Place(" > ".join(keywords), plant)


def _private(vr: str, value: object) -> Place:
    def plant(made: Dataset) -> None:
        made.private_block(0x0099, NAME, create=True).add_new(ord(vr[0]), vr, value)

    return Place(f"private {vr}", plant)


def _hidden_item() -> Sequence:
    item = Dataset()
    item.PatientName = NAME
    item.private_block(0x0011, "MAKER", create=True).add_new(1, "LO", NAME)
    return Sequence([item])


def _overlay(made: Dataset) -> None:
    made.add_new(0x60000010, "US", 8)
    made.add_new(0x60000011, "US", 80)
    made.add_new(0x60000022, "LO", NAME)
    made.add_new(0x60001500, "LO", NAME)
    made.add_new(0x60003000, "OW", NAME.encode() * 8)


def _curve(made: Dataset) -> None:
    made.add_new(0x50002500, "LO", NAME)
    made.add_new(0x50003000, "OW", NAME.encode())


KEYWORDS = """
PatientName PatientID OtherPatientIDs PatientBirthName PatientMotherBirthName PatientAddress PatientComments EthnicGroup
ReferringPhysicianName PerformingPhysicianName OperatorsName RequestingPhysician InstitutionName InstitutionAddress
InstitutionalDepartmentName StationName StudyDescription SeriesDescription ProtocolName ImageComments DerivationDescription
AdmittingDiagnosesDescription DeviceSerialNumber Manufacturer ManufacturerModelName SoftwareVersions MedicalAlerts Allergies
AdditionalPatientHistory PatientInstitutionResidence TransducerData ProcessingFunction AcquisitionDeviceProcessingDescription
"""

HEADER = (
    *(_text(keyword) for keyword in KEYWORDS.split()),
    _text("AccessionNumber", NUMBER),
    _text("StudyID", NUMBER),
    _text("BodyPartExamined", NAME),
    _text("PatientBirthDate", BORN),
    Place("ImageType", lambda made: setattr(made, "ImageType", ["ORIGINAL", "PRIMARY", NAME])),
    Place("StudyInstanceUID", lambda made: setattr(made, "StudyInstanceUID", f"1.2.3.{NUMBER}.1")),
    Place("number that is a name", lambda made: made.add_new(0x00181088, "LO", NAME)),
    _nested("AnatomicRegionSequence", "CodeMeaning"),
    _nested("RequestAttributesSequence", "RequestedProcedureDescription"),
    _nested("ContributingEquipmentSequence", "InstitutionName"),
    _nested("ReferencedImageSequence", "PurposeOfReferenceCodeSequence", "CodeMeaning"),
    _nested("PerformedProtocolCodeSequence", "ProtocolContextSequence", "TextValue"),
    _private("LO", NAME),
    _private("OB", NAME.encode()),
    _private("SQ", _hidden_item()),
    Place("private in a sequence", lambda made: setattr(made, "SourceImageSequence", _hidden_item())),
    Place("overlay", _overlay),
    Place("curve", _curve),
    Place("unknown attribute", lambda made: made.add_new(0x00280777, "UN", NAME.encode())),
    Place("ICC profile", lambda made: setattr(made, "ICCProfile", b"desc" + NAME.encode())),
    Place("group length", lambda made: made.add_new(0x00100000, "UN", NAME.encode())),
    Place("trailing padding", lambda made: made.add_new(0xFFFCFFFC, "OB", NAME.encode())),
    Place("file meta: application", lambda made: setattr(made.file_meta, "SourceApplicationEntityTitle", NAME)),
    Place("file meta: private", lambda made: _private_meta(made.file_meta)),
    Place("preamble", lambda made: setattr(made, "preamble", NAME.encode().ljust(128, b"\0"))),
)
"""Places in a header; pixels, file name, folder name and JPEG comments come on top."""


def _private_meta(meta: FileMetaDataset) -> None:
    meta.PrivateInformationCreatorUID, meta.PrivateInformation = "1.2.3.4", NAME.encode()
