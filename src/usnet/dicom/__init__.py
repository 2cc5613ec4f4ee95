"""Diagnoses as DICOM objects: structured report, secondary capture, presentation state, segmentation, key object, PDF, and FHIR.

One :class:`Instance` is one source object (an image or a cine loop) with the diagnoses of its frames. Whatever runs a model gets
instances from its stream, and hands each to :func:`results`::

    from usnet import dicom
    from usnet.diagnosis import Diagnoser

    with_frames = Diagnoser().stream_frames(paths)          # (Frame, Diagnosis) or Failure
    for instance in dicom.instances(with_frames):           # Instance or Failure, one a file
        if isinstance(instance, dicom.Instance):
            for dataset in dicom.results(instance, ("sr", "sc")):
                send(dataset)                               # a pydicom Dataset with file_meta, ready to save or send

``results(instance, kinds=("sr", "sc"), options=Options()) -> list[pydicom.Dataset]`` gives the objects in the order of ``kinds``; a
kind with nothing to say (``pr``, ``seg`` and ``ko`` without a finding) is left out. ``make(instance, kind, options) -> Made`` gives
one kind with the reason where there is nothing, and is the way to the kinds that are no DICOM (``fhir``).

UIDs follow from the source's SOP Instance UID, the model's sha256, the operating point and the kind, so that a second run gives
the same objects. ``result_uid(instance, kind, options)`` tells an object's UID before it is made. Needs the extra ``dicom``;
``pdf`` needs the extra ``pdf`` too. ``fhir`` and reading need neither.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from usnet.dicom.collecting import Collector as Collector
    from usnet.dicom.collecting import instances as instances
    from usnet.dicom.instance import Instance as Instance
    from usnet.dicom.kinds import DICOM_KINDS as DICOM_KINDS
    from usnet.dicom.kinds import KINDS as KINDS
    from usnet.dicom.kinds import Kind as Kind
    from usnet.dicom.kinds import Made as Made
    from usnet.dicom.kinds import Options as Options
    from usnet.dicom.kinds import Verifier as Verifier
    from usnet.dicom.making import make as make
    from usnet.dicom.making import results as results
    from usnet.dicom.reading import read_marks as read_marks
    from usnet.dicom.uids import result_uid as result_uid

_HOMES = {
    "Collector": "collecting",
    "Instance": "instance",
    "instances": "collecting",
    "DICOM_KINDS": "kinds",
    "KINDS": "kinds",
    "Kind": "kinds",
    "Made": "kinds",
    "Options": "kinds",
    "Verifier": "kinds",
    "make": "making",
    "results": "making",
    "read_marks": "reading",
    "result_uid": "uids",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"usnet.dicom.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
