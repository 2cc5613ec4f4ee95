"""Segmentation of the boxes of the key frame: a bounding region a finding, and labelled as no more than that.

The model gives boxes, not outlines. A box drawn as a segment helps in viewers that show segmentations but no report, and it must
not be taken for the lesion: category, type and label of each segment say "bounding region, not its outline", and no area or volume
of it means anything.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import usnet
from usnet.dicom import codes
from usnet.dicom.base import equipment, finish, identity, proxy
from usnet.dicom.sr_groups import tracking_name
from usnet.dicom.uids import tracking_uid, uid
from usnet.extras import need
from usnet.values import Box, Finding

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from usnet.dicom.instance import Instance
    from usnet.dicom.kinds import Options


def segmentation(instance: Instance, options: Options) -> Dataset:
    """Binary segments of the key frame's findings, on the whole stored matrix.

    Raises
    ------
    DataError
        The source is no DICOM object.
    MissingExtra
        highdicom is not installed.
    """
    need("highdicom", extra="dicom", feature="Writing DICOM objects")
    from highdicom import seg

    source = proxy(instance, single=True)
    findings = instance.key_diagnosis.findings
    rows, columns = int(source.Rows), int(source.Columns)
    masks = np.stack([region_mask(instance.in_image(f.box), rows, columns) for f in findings], axis=-1)
    made: Dataset = seg.Segmentation(
        source_images=[source],
        pixel_array=masks[np.newaxis],
        segmentation_type=seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_segment(instance, number, f) for number, f in enumerate(findings, 1)],
        **identity(instance, "seg", options),
        **equipment(instance),
        content_label="BOUNDING_BOXES",
        content_description="Boxes around findings, not outlines",
        content_creator_name="usnet^",
        omit_empty_frames=False,
    )
    made.PatientOrientation = ""
    _point_to_frame(made, instance)
    dimensions = uid("dimensions", str(made.SOPInstanceUID))
    for item in (*made.DimensionOrganizationSequence, *made.DimensionIndexSequence):
        item.DimensionOrganizationUID = dimensions
    return finish(made, instance, options)


def region_mask(box: Box, rows: int, columns: int) -> npt.NDArray[np.uint8]:
    """``uint8 [rows, columns]``, 1 where the middle of a pixel lies in the box; at least one pixel."""
    x0, y0, x1, y1 = box.corners
    left, right = _span(x0, x1, columns)
    top, bottom = _span(y0, y1, rows)
    mask = np.zeros((rows, columns), dtype=np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


def _span(start: float, end: float, size: int) -> tuple[int, int]:
    first = min(max(round(start), 0), size - 1)
    return first, min(max(round(end), first + 1), size)


def _segment(instance: Instance, number: int, finding: Finding) -> Any:
    import highdicom as hd
    from highdicom import seg

    frame, model = instance.key.number, instance.model
    colour = (255, 122, 51) if finding.label == "malignant" else (86, 180, 233)
    return seg.SegmentDescription(
        segment_number=number,
        segment_label=f"Finding {number}: bounding box, no outline",
        segmented_property_category=codes.concept(codes.SPATIAL_CONCEPT),
        segmented_property_type=codes.concept(codes.BOUNDING_REGION),
        algorithm_type=seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=hd.AlgorithmIdentificationSequence(
            name=model.name[:64],
            family=codes.concept(codes.ARTIFICIAL_INTELLIGENCE),
            version=f"usnet {usnet.__version__}, weights {model.sha256[:12]}",
        ),
        tracking_uid=tracking_uid(instance, frame, number),
        tracking_id=tracking_name(instance, frame, number),
        display_color=hd.color.CIELabColor.from_rgb(*colour),
    )


def _point_to_frame(made: Dataset, instance: Instance) -> None:
    """Every reference to the source names the frame that was segmented."""
    if not instance.is_multiframe:
        return
    source = str(instance.reference.SOPInstanceUID)

    def visit(_: Dataset, element: Any) -> None:
        if element.keyword == "SourceImageSequence":
            element.value = [
                copy.deepcopy(item) for item in element.value
            ]  # highdicom shares items with other sequences
            for item in element.value:
                if str(item.ReferencedSOPInstanceUID) == source:
                    item.ReferencedFrameNumber = instance.key.number + 1

    made.walk(visit)
