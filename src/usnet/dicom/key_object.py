"""Key object selection: which image, or which frames of a loop, to look at first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from usnet.dicom import codes
from usnet.dicom.base import finish, identity, proxy
from usnet.dicom.text import summary_text
from usnet.extras import need
from usnet.reports.style import RESEARCH_USE

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from usnet.dicom.instance import Instance
    from usnet.dicom.kinds import Options


def key_object(instance: Instance, options: Options) -> Dataset:
    """The source as an object of interest; of a loop, the frames with a finding.

    Raises
    ------
    DataError
        The source is no DICOM object.
    MissingExtra
        highdicom is not installed.
    """
    need("highdicom", extra="dicom", feature="Writing DICOM objects")
    from highdicom import ko

    source = proxy(instance)
    made: Dataset = ko.KeyObjectSelectionDocument(
        evidence=[source],
        content=ko.KeyObjectSelection(
            document_title=codes.concept(codes.OF_INTEREST),
            referenced_objects=[source],
            description=f"{summary_text(instance)}. {RESEARCH_USE}",
        ),
        **identity(instance, "ko", options),
    )
    if instance.is_multiframe:
        frames = sorted({frame + 1 for frame, _, _ in instance.findings()})
        for item in made.ContentSequence:
            for reference in item.get("ReferencedSOPSequence") or ():
                reference.ReferencedFrameNumber = frames if len(frames) > 1 else frames[0]
    return finish(made, instance, options)
