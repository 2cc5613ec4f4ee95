"""Kinds to objects: one place that knows which module makes which."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from usnet.dicom.kinds import Kind, Made, Options
from usnet.errors import DataError, UsnetError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from usnet.dicom.instance import Instance

logger = logging.getLogger(__name__)

_MAKERS: dict[Kind, tuple[str, str]] = {
    "sr": ("sr", "structured_report"),
    "sc": ("secondary_capture", "secondary_capture"),
    "pr": ("presentation", "presentation_state"),
    "seg": ("segmentation", "segmentation"),
    "ko": ("key_object", "key_object"),
    "pdf": ("pdf", "encapsulated_pdf"),
}
NO_FINDING = "no finding to show"
_NEED_FINDING = ("pr", "seg", "ko")


def make(instance: Instance, kind: Kind, options: Options = Options()) -> Made:
    """One kind for one source object.

    Raises
    ------
    DataError
        A DICOM object is wanted of a source that is none, or of one whose header allows none.
    MissingExtra
        The extra ``dicom``, or ``pdf`` for a PDF, is not installed.
    """
    if kind == "fhir":
        from usnet.dicom.fhir import diagnostic_report

        return Made(kind, document=diagnostic_report(instance, options))
    if kind in _NEED_FINDING and not instance.lesions:
        return Made(kind, reason=NO_FINDING)
    module, name = _MAKERS[kind]
    maker = getattr(import_module(f"usnet.dicom.{module}"), name)
    try:
        return Made(kind, dataset=maker(instance, options))
    except UsnetError:
        raise
    except Exception as error:  # a header that passed, and that highdicom does not like; the rest of a batch goes on
        logger.exception("no %s of %s", kind, instance.source)
        raise DataError(
            f"no {kind} can be made of it ({type(error).__name__}: {' '.join(str(error).split())[:200]})",
            source=instance.source,
        ) from error


def results(instance: Instance, kinds: Sequence[Kind] = ("sr", "sc"), options: Options = Options()) -> list[Dataset]:
    """DICOM objects of ``kinds``, in that order; a kind with nothing to say, and ``fhir``, are left out.

    Raises
    ------
    DataError, MissingExtra
        As :func:`make`.
    """
    made = [make(instance, kind, options) for kind in kinds if kind != "fhir"]
    return [one.dataset for one in made if one.dataset is not None]
