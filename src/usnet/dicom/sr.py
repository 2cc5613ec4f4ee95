"""Structured report: Comprehensive 3D SR (or Comprehensive SR) with TID 1500, one TID 1410 group a finding.

IHE AI Results (AIR) asks for this root and class. The first group of the report speaks of the whole image or loop, so that a report
without a finding is complete too. In a loop every nodule has a group of its own, and one for each of its boxes, all under one
tracking UID.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from usnet.dicom import codes
from usnet.dicom.base import equipment, finish, identity, proxy
from usnet.dicom.sr_groups import finding_group, lesion_group, summary_group
from usnet.dicom.uids import device_uid
from usnet.extras import need

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from usnet.dicom.instance import Instance
    from usnet.dicom.kinds import Options, Verifier


def structured_report(instance: Instance, options: Options) -> Dataset:
    """The report of one source object: every finding on every frame, in pixels of the whole stored image.

    Raises
    ------
    DataError
        The source is no DICOM object.
    MissingExtra
        highdicom is not installed.
    """
    need("highdicom", extra="dicom", feature="Writing DICOM objects")
    from highdicom import sr

    source = proxy(instance)
    document = {"comprehensive3d": sr.Comprehensive3DSR, "comprehensive": sr.ComprehensiveSR}[options.sr_class]
    verifier = options.verifier
    root = _report(instance, source)
    made: Dataset = document(
        evidence=[source],
        content=_without_children(root),
        **identity(instance, "sr", options),
        **equipment(instance),
        is_complete=True,
        is_final=verifier is not None,
        is_verified=verifier is not None,
        verifying_observer_name=None if verifier is None else verifier.name,
        verifying_organization=None if verifier is None else verifier.organisation,
    )
    made.ContentSequence = root.ContentSequence
    if verifier is not None:
        _verified(made, instance, options, verifier)
    return finish(made, instance, options)


def _without_children(root: Dataset) -> Dataset:
    """The root alone: highdicom copies and searches a document's whole tree, which takes longer than a diagnosis."""
    from pydicom.dataset import Dataset

    made = Dataset()
    for element in root:
        if element.keyword != "ContentSequence":
            made.add(element)
    made.ContentSequence = []
    return made


def _report(instance: Instance, source: Dataset) -> Dataset:
    """The content tree: TID 1500 with the observer (TID 1004), procedure, image library and groups."""
    from highdicom import sr

    groups = [summary_group(instance)]
    if instance.loop is not None:
        groups += [lesion_group(instance, lesion) for lesion in instance.lesions]
    groups += [finding_group(instance, frame, number, finding) for frame, number, finding in instance.findings()]
    breast = codes.is_breast(instance.reference)
    report = sr.MeasurementReport(
        observation_context=_observer(instance),
        procedure_reported=codes.concept(codes.ULTRASONOGRAPHY_OF_BREAST if breast else codes.ULTRASONOGRAPHY),
        imaging_measurements=groups,
        title=codes.concept(codes.REPORT_TITLE),
        referenced_images=[source],
    )
    root: Dataset = report[0]
    return root


def _observer(instance: Instance) -> Any:
    from highdicom import sr
    from pydicom.sr.codedict import codes as dicom_codes

    names = equipment(instance)
    return sr.ObservationContext(
        observer_device_context=sr.ObserverContext(
            observer_type=dicom_codes.DCM.Device,
            observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
                uid=device_uid(instance.model.sha256),
                name=names["manufacturer_model_name"],
                manufacturer_name="usnet",
                model_name=names["manufacturer_model_name"],
                serial_number=names["device_serial_number"],
            ),
        )
    )


def _verified(made: Dataset, instance: Instance, options: Options, verifier: Verifier) -> None:
    """When the doctor signed, and the preliminary report that this one replaces."""
    from dataclasses import replace

    from pydicom.dataset import Dataset

    made.VerifyingObserverSequence[0].VerificationDateTime = f"{verifier.when:%Y%m%d%H%M%S}"
    earlier = identity(instance, "sr", replace(options, verifier=None))
    instance_item, series_item, study_item = Dataset(), Dataset(), Dataset()
    instance_item.ReferencedSOPClassUID = made.SOPClassUID
    instance_item.ReferencedSOPInstanceUID = earlier["sop_instance_uid"]
    series_item.SeriesInstanceUID = earlier["series_instance_uid"]
    series_item.ReferencedSOPSequence = [instance_item]
    study_item.StudyInstanceUID = instance.study_uid
    study_item.ReferencedSeriesSequence = [series_item]
    made.PredecessorDocumentsSequence = [study_item]
