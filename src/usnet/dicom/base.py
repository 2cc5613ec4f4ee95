"""What every object has in common: patient, study, own series, the model as its equipment, and who wrote the file."""

from __future__ import annotations

import copy
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, UltrasoundImageStorage, UltrasoundMultiFrameImageStorage

import usnet
from usnet.dicom import codes
from usnet.dicom.source import PATIENT, STUDY
from usnet.dicom.uids import result_uid, series_uid

if TYPE_CHECKING:
    from usnet.dicom.instance import Instance
    from usnet.dicom.kinds import Kind, Options

MANUFACTURER = "usnet"
IMPLEMENTATION_UID = "2.25.148186372049063263104962512873246391043"
SERIES = {  # number and description of the series of each kind
    "sr": (9601, "usnet findings (SR), research use only"),
    "sc": (9602, "usnet picture (SC), research use only"),
    "pr": (9603, "usnet boxes (PR), research use only"),
    "seg": (9604, "usnet segments (SEG), research use only"),
    "ko": (9605, "usnet key frame (KO), research use only"),
    "pdf": (9606, "usnet report (PDF), research use only"),
}
_COPIED = (
    *PATIENT,
    *STUDY,
    *("IssuerOfPatientID", "PatientAge", "PatientIdentityRemoved", "DeidentificationMethod", "StudyDescription"),
    *("DeidentificationMethodCodeSequence", "SpecificCharacterSet"),
)


def moment(options: Options) -> datetime:
    """Date and time of the content, in local time to the second."""
    when = options.when or datetime.now()
    return when.replace(microsecond=0)


def identity(instance: Instance, kind: Kind, options: Options) -> dict[str, Any]:
    """Arguments that every highdicom object takes."""
    number, description = SERIES[kind]
    return {
        "series_instance_uid": series_uid(instance, kind, options),
        "series_number": number,
        "sop_instance_uid": result_uid(instance, kind, options),
        "instance_number": _instance_number(instance),
        "manufacturer": MANUFACTURER,
        "series_description": description,
    }


def equipment(instance: Instance) -> dict[str, Any]:
    """Equipment arguments of highdicom: usnet, the model's name, both versions, the weights' sha256 as serial number."""
    model = instance.model
    return {
        "manufacturer_model_name": model.name[:64],
        "software_versions": f"usnet {usnet.__version__}, weights {model.sha256[:12]}",
        "device_serial_number": model.sha256[:64],
    }


def proxy(instance: Instance, *, single: bool = False) -> Dataset:
    """The header as highdicom wants it; :func:`finish` puts it right.

    ``single`` makes a single image of a loop: highdicom expects functional groups in every multi-frame image, and ultrasound has
    none. Names stay out, because highdicom warns of every name that is no ``Family^Given``, and nothing may be done about it.
    """
    made = copy.deepcopy(instance.reference)  # setting a value of an element that two share would change both
    several = instance.is_multiframe and not single
    made.SOPClassUID = proxy_class(instance) if several else UltrasoundImageStorage
    made.PatientName = made.ReferringPhysicianName = ""
    made.Modality = made.get("Modality", "US")
    if not several and "NumberOfFrames" in made:
        del made.NumberOfFrames
    return made


def proxy_class(instance: Instance) -> UID:
    """Today's ultrasound class, whatever the source's is: highdicom does not know the retired ones."""
    return UltrasoundMultiFrameImageStorage if instance.is_multiframe else UltrasoundImageStorage


def blank(instance: Instance, kind: Kind, options: Options, sop_class: str, modality: str) -> Dataset:
    """An object with everything but its own content, for the kinds that highdicom has no use for."""
    made = Dataset()
    made.preamble = b"\0" * 128
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = UID(sop_class)
    names = identity(instance, kind, options)
    made.SOPClassUID, made.SOPInstanceUID = UID(sop_class), UID(names["sop_instance_uid"])
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    _copy_patient_and_study(made, instance)
    made.Modality = modality
    made.SeriesInstanceUID, made.SeriesNumber = UID(names["series_instance_uid"]), names["series_number"]
    made.SeriesDescription, made.InstanceNumber = names["series_description"], names["instance_number"]
    return made


def finish(made: Dataset, instance: Instance, options: Options) -> Dataset:
    """Dates, equipment, laterality, private codes and file meta information of an object; the references as they must be."""
    _copy_patient_and_study(made, instance)
    when = moment(options)
    for name in ("ContentDate", "InstanceCreationDate", "DateOfSecondaryCapture", "PresentationCreationDate"):
        if name in made or name == "InstanceCreationDate":
            setattr(made, name, f"{when:%Y%m%d}")
    for name in ("ContentTime", "InstanceCreationTime", "TimeOfSecondaryCapture", "PresentationCreationTime"):
        if name in made or name == "InstanceCreationTime":
            setattr(made, name, f"{when:%H%M%S}")
    names = equipment(instance)
    made.Manufacturer = MANUFACTURER
    made.ManufacturerModelName = names["manufacturer_model_name"]
    made.SoftwareVersions = names["software_versions"]
    made.DeviceSerialNumber = names["device_serial_number"]
    if made.Modality in ("OT", "PR"):  # the other kinds have no place for a side
        made.Laterality = instance.reference.get("Laterality", "")
    made.ContributingEquipmentSequence = _acquisition(instance)
    if not made.ContributingEquipmentSequence:
        del made.ContributingEquipmentSequence
    if made.Modality in ("SR", "SEG"):  # the kinds with codes of our own
        made.CodingSchemeIdentificationSequence = [_private_scheme()]
    made.file_meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    made.file_meta.ImplementationVersionName = f"USNET_{usnet.__version__}"[:16]
    _restore_class(made, instance)
    return made


def source_reference(instance: Instance, frame: int | None) -> Dataset:
    """Item of a Source Image Sequence: the source, one frame of it where it is a loop, and why it is referred to."""
    item = image_reference(instance, frame)
    item.PurposeOfReferenceCodeSequence = [codes.code_item(codes.SOURCE_IMAGE)]
    return item


def image_reference(instance: Instance, frame: int | None) -> Dataset:
    """Item that refers to the source object."""
    item = Dataset()
    item.ReferencedSOPClassUID = instance.reference.SOPClassUID
    item.ReferencedSOPInstanceUID = instance.reference.SOPInstanceUID
    if frame is not None and instance.is_multiframe:
        item.ReferencedFrameNumber = frame + 1
    return item


def _copy_patient_and_study(made: Dataset, instance: Instance) -> None:
    for name in _COPIED:
        if name in instance.reference:
            made[name] = copy.copy(instance.reference[name])


def _instance_number(instance: Instance) -> int:
    number = instance.reference.get("InstanceNumber")
    return max(1, int(number)) if number is not None else 1


def _acquisition(instance: Instance) -> list[Dataset]:
    """The scanner, where the source names it."""
    header = instance.reference
    if not header.get("Manufacturer"):
        return []
    item = Dataset()
    item.Manufacturer = header.Manufacturer
    item.PurposeOfReferenceCodeSequence = [codes.code_item(codes.ACQUISITION_EQUIPMENT)]
    for name in ("ManufacturerModelName", "DeviceSerialNumber"):
        if name in header:
            setattr(item, name, header[name].value)
    return [item]


def _private_scheme() -> Dataset:
    item = Dataset()
    item.CodingSchemeDesignator = codes.PRIVATE_SCHEME
    item.CodingSchemeName = "Terms of usnet for which DICOM has no code"
    item.CodingSchemeResponsibleOrganization = "usnet"
    return item


def _restore_class(made: Dataset, instance: Instance) -> None:
    """Every reference to the source carries the source's own SOP class, also where :func:`proxy` had to name another."""
    source, kind = str(instance.reference.SOPInstanceUID), instance.reference.SOPClassUID

    def visit(_: Dataset, element: Any) -> None:
        """Name the class in every item that refers to the source."""
        if element.VR == "SQ":
            for item in element.value:
                if str(item.get("ReferencedSOPInstanceUID", "")) == source:
                    item.ReferencedSOPClassUID = kind

    made.walk(visit)
