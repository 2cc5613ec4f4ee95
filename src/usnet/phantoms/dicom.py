"""Phantoms as calibrated ultrasound DICOM: Ultrasound Image and Ultrasound Multi-frame Image Storage (PS3.3 A.6, A.7).

The calibration is a tissue region in Sequence of Ultrasound Regions (C.8.5.5) that covers the picture, in cm. Every UID follows
from the seed, so files of one patient share study and series, and writing again gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
    generate_uid,
)

from usnet.phantoms.simulate import Phantom
from usnet.values import UInt8Image

DATE = "20200101"
"""Made up and fixed: bytes must not depend on the day."""


@dataclass(frozen=True, slots=True)
class Exam:
    """Whose image it is: everything in the header that the picture does not say. ``key`` seeds the UIDs of patient and study."""

    key: str
    patient_id: str = "phantom"
    age: float | None = None
    sex: str | None = "female"
    instance: int = 1


def write_image(path: Path, phantom: Phantom, exam: Exam, *, banner: int = 0) -> Path:
    """Write one phantom as Ultrasound Image Storage.

    ``banner`` rows of scanner text are added above the picture; the region then covers the picture only, as on most real scanners.
    """
    dataset = _dataset(phantom, exam, UltrasoundImageStorage, banner)
    _save(dataset, _with_banner(phantom.pixels, banner, exam), path)
    return path


def write_cine(path: Path, frames: Sequence[Phantom], exam: Exam, frame_time_ms: float) -> Path:
    """Write the frames of a sweep as Ultrasound Multi-frame Image Storage."""
    dataset = _dataset(frames[0], exam, UltrasoundMultiFrameImageStorage, 0)
    dataset.NumberOfFrames = len(frames)
    dataset.FrameTime = frame_time_ms
    dataset.FrameIncrementPointer = 0x00181063  # Frame Time
    dataset.CineRate = round(1000 / frame_time_ms)
    dataset.PreferredPlaybackSequencing = 0
    _save(dataset, np.stack([frame.pixels for frame in frames]), path)
    return path


def _dataset(phantom: Phantom, exam: Exam, kind: UID, banner: int) -> FileDataset:
    study, series, instance = (
        generate_uid(entropy_srcs=["usnet phantom", exam.key, *more])
        for more in (("study",), ("series", kind), ("instance", kind, str(exam.instance)))
    )
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = kind
    meta.MediaStorageSOPInstanceUID = instance
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = generate_uid(entropy_srcs=["usnet"])
    meta.ImplementationVersionName = "USNET"
    dataset = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)  # type: ignore[arg-type]
    dataset.SOPClassUID, dataset.SOPInstanceUID = kind, instance
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
    _describe(dataset, phantom, exam, kind)
    _describe_pixels(dataset, phantom)
    dataset.SequenceOfUltrasoundRegions = [_region(phantom, banner)]
    return dataset


def _describe(dataset: Dataset, phantom: Phantom, exam: Exam, kind: UID) -> None:
    """Patient, study, series and equipment."""
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "BREAST", "0001"]  # C.8.5.6.1.1: 2D imaging
    dataset.StudyDate = dataset.SeriesDate = dataset.ContentDate = DATE
    dataset.StudyTime = dataset.SeriesTime = dataset.ContentTime = "120000"
    dataset.AccessionNumber = dataset.ReferringPhysicianName = ""
    dataset.StudyID = "1"
    dataset.Modality = "US"
    dataset.Manufacturer = "usnet"
    dataset.ManufacturerModelName = f"phantom {phantom.scanner}"
    dataset.DeviceSerialNumber = "0"
    dataset.SoftwareVersions = version("usnet")
    dataset.StudyDescription = "Simulated breast ultrasound"
    dataset.PatientName = f"PHANTOM^{exam.patient_id}"
    dataset.PatientID = exam.patient_id
    dataset.PatientBirthDate = ""
    dataset.PatientSex = {"female": "F", "male": "M"}.get(exam.sex or "", "")
    if exam.age is not None:
        dataset.PatientAge = f"{round(exam.age):03d}Y"
    dataset.BodyPartExamined = "BREAST"
    dataset.Laterality = phantom.side[0].upper()
    dataset.PatientOrientation = ""
    dataset.SeriesNumber = 2 if kind == UltrasoundMultiFrameImageStorage else 1
    dataset.InstanceNumber = exam.instance
    dataset.BurnedInAnnotation = "NO"  # of identity: side, depth and calipers do not name anybody


def _describe_pixels(dataset: Dataset, phantom: Phantom) -> None:
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelRepresentation = 0
    dataset.UltrasoundColorDataPresent = 0
    dataset.LossyImageCompression = "00"


def _region(phantom: Phantom, banner: int) -> Dataset:
    rows, columns = phantom.pixels.shape
    region = Dataset()
    region.RegionSpatialFormat = 1  # 2D
    region.RegionDataType = 1  # tissue
    region.RegionFlags = 2  # picture is protected from being drawn over
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, banner
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = columns - 1, banner + rows - 1
    region.ReferencePixelX0, region.ReferencePixelY0 = columns // 2, 0
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3  # cm
    region.ReferencePixelPhysicalValueX = region.ReferencePixelPhysicalValueY = 0.0
    region.PhysicalDeltaX, region.PhysicalDeltaY = phantom.spacing_mm[1] / 10, phantom.spacing_mm[0] / 10
    return region


def _with_banner(pixels: UInt8Image, banner: int, exam: Exam) -> UInt8Image:
    if banner <= 0:
        return pixels
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("L", (pixels.shape[1], banner), 24)
    font = ImageFont.load_default(size=max(8, banner // 2))
    ImageDraw.Draw(image).text((4, banner // 5), f"USNET {exam.patient_id}", fill=220, font=font)
    return np.concatenate([np.asarray(image), pixels])


def _save(dataset: FileDataset, pixels: UInt8Image, path: Path) -> None:
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    data = np.ascontiguousarray(pixels, dtype=np.uint8).tobytes()
    dataset.PixelData = data + b"\0" * (len(data) % 2)
    dataset["PixelData"].VR = "OB"
    dataset.save_as(path, enforce_file_format=True)
