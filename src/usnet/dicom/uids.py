"""UIDs that follow from what an object says: the same source, model, operating point and kind give the same UID, always.

``2.25.`` and a UUID as a decimal number (PS3.5 B.2), the UUID being version 5: a hash of a name (RFC 9562, 5.5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID, uuid5

if TYPE_CHECKING:
    from usnet.dicom.instance import Instance
    from usnet.dicom.kinds import Kind, Options

_NAMESPACE = UUID("6f0f27e4-7a55-5d0c-9a57-2f5b6d1c8e31")
"""Drawn once for usnet; a change of it would double every object in every archive."""


def uid(*names: str) -> str:
    """A UID that is a function of ``names``, in order."""
    return f"2.25.{uuid5(_NAMESPACE, _joined(names)).int}"


def _joined(names: tuple[str, ...]) -> str:
    """One text for several, such that no two lists of names give the same one."""
    return "".join(f"{len(name)}:{name}" for name in names)


def result_uid(instance: Instance, kind: Kind, options: Options) -> str:
    """SOP Instance UID of an object of ``kind``, known before the object is made."""
    return uid("instance", *_said(instance, kind, options), instance.sop_instance_uid)


def series_uid(instance: Instance, kind: Kind, options: Options) -> str:
    """Series Instance UID: one result series for each source series, model, operating point and kind."""
    return uid("series", *_said(instance, kind, options), instance.study_uid, instance.series_uid)


def tracking_uid(instance: Instance, frame: int, number: int) -> str:
    """Of lesion ``number``, on 0-based ``frame``: one for all frames of a loop; the same in report, presentation and segments."""
    place = str(frame) if instance.loop is None else "loop"
    return uid("finding", *_speaker(instance), instance.sop_instance_uid, place, str(number))


def device_uid(model_sha256: str) -> str:
    """Of the observer, which is the model with these weights."""
    return uid("device", model_sha256)


def _speaker(instance: Instance) -> tuple[str, ...]:
    """Other thresholds give other findings, so they belong to the identity of whoever speaks."""
    point = instance.operating_point
    return (instance.model.sha256, repr(float(point.detection)), repr(float(point.malignancy)))


def _said(instance: Instance, kind: Kind, options: Options) -> tuple[str, ...]:
    variant: list[str] = [kind]
    if kind == "sr":
        variant.append(options.sr_class)
        if options.verifier is not None:
            variant += ["verified", options.verifier.name, options.verifier.when.isoformat()]
    return (*variant, *_speaker(instance))
