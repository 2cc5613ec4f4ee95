"""Secondary capture: the picture with boxes, probabilities and "research use only" burned in. Every viewer shows it.

Of a loop it shows the key frame. It carries no pixel spacing, because it is enlarged and has text around the image: sizes are in
its text, and nobody shall measure on it. Its modality is OT, so that rules which route ultrasound do not send it round again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydicom.uid import SecondaryCaptureImageStorage

from usnet.dicom.base import blank, equipment, finish, source_reference
from usnet.dicom.text import key_notes, warnings
from usnet.reports.overlay import draw_overlay
from usnet.reports.style import RESEARCH_USE

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from usnet.dicom.instance import Instance
    from usnet.dicom.kinds import Options


def secondary_capture(instance: Instance, options: Options) -> Dataset:
    """The picture of one source object, RGB.

    Raises
    ------
    DataError
        The source is no DICOM object.
    """
    made = blank(instance, "sc", options, SecondaryCaptureImageStorage, "OT")
    picture = draw_overlay(instance.key, instance.key_diagnosis, key_notes(instance))
    _describe(made, instance)
    _add_pixels(made, np.asarray(picture.convert("RGB")))
    return finish(made, instance, options)


def _describe(made: Dataset, instance: Instance) -> None:
    header, names = instance.reference, equipment(instance)
    made.ConversionType = "WSD"
    made.SecondaryCaptureDeviceManufacturer = "usnet"
    made.SecondaryCaptureDeviceManufacturerModelName = names["manufacturer_model_name"]
    made.SecondaryCaptureDeviceSoftwareVersions = names["software_versions"]
    made.DateOfSecondaryCapture = made.TimeOfSecondaryCapture = made.ContentDate = made.ContentTime = ""
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.PatientOrientation = ""
    made.DerivationDescription = (
        "Boxes and probabilities of a detection model burned in; enlarged, with text around the image"
    )
    made.SourceImageSequence = [source_reference(instance, instance.key.number)]
    made.ImageComments = ". ".join([*warnings(instance), RESEARCH_USE])
    for name in ("BurnedInAnnotation", "LossyImageCompression", "ImageLaterality", "BodyPartExamined"):
        if name in header:
            made[name] = header[name]


def _add_pixels(made: Dataset, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> None:
    made.Rows, made.Columns, made.SamplesPerPixel = pixels.shape
    made.PhotometricInterpretation, made.PlanarConfiguration = "RGB", 0
    made.BitsAllocated = made.BitsStored = 8
    made.HighBit, made.PixelRepresentation = 7, 0
    data = np.ascontiguousarray(pixels).tobytes()
    made.PixelData = data + b"\0" * (len(data) % 2)
    made["PixelData"].VR = "OB"
