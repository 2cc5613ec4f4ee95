"""Segmentation of the findings of the key frame: the outline where it can be seen, else the box, and each says which it is.

The model gives boxes. Inside each an outline is looked for (:mod:`usnet.dicom.outlines`). Where it is found, the segment is a mass,
and its algorithm is the search for the outline. Where it is not, the segment is the box: it helps in viewers that show segments but
no report, and must not be taken for the lesion, so that category, type and label say "bounding box, no outline".
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import usnet
from usnet.dicom import codes
from usnet.dicom.base import equipment, finish, identity, proxy
from usnet.dicom.outlines import MOST_UNSEEN, outline_of
from usnet.dicom.sr_groups import tracking_name
from usnet.dicom.uids import tracking_uid, uid
from usnet.extras import need
from usnet.values import Box, Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    outlines = [outline_of(instance, instance.key.number, finding) for finding in findings]
    masks = [
        region_mask(instance.in_image(finding.box), rows, columns) if outline is None else outline.mask(instance)
        for finding, outline in zip(findings, outlines, strict=True)
    ]
    made: Dataset = seg.Segmentation(
        source_images=[source],
        pixel_array=np.stack(masks, axis=-1)[np.newaxis],
        segmentation_type=seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[
            _segment(instance, number, finding, outline is not None)
            for number, (finding, outline) in enumerate(zip(findings, outlines, strict=True), 1)
        ],
        **identity(instance, "seg", options),
        **equipment(instance),
        content_label="FINDINGS",
        content_description=_description([outline is not None for outline in outlines]),
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


def _description(outlined: Sequence[bool]) -> str:
    """What the segments are, for lists that show no more than this."""
    if all(outlined):
        return "Outlines of findings"
    return "Outlines of findings, and boxes: see labels" if any(outlined) else "Boxes around findings, not outlines"


def _segment(instance: Instance, number: int, finding: Finding, outlined: bool) -> Any:
    import highdicom as hd
    from highdicom import seg

    frame = instance.key.number
    colour = (255, 122, 51) if finding.label == "malignant" else (86, 180, 233)
    category, kind = (
        (codes.ABNORMAL_STRUCTURE, codes.MASS) if outlined else (codes.SPATIAL_CONCEPT, codes.BOUNDING_REGION)
    )
    return seg.SegmentDescription(
        segment_number=number,
        segment_label=f"Finding {number}: " + ("outline" if outlined else "bounding box, no outline"),
        segmented_property_category=codes.concept(category),
        segmented_property_type=codes.concept(kind),
        algorithm_type=seg.SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=_algorithm(instance, outlined),
        tracking_uid=tracking_uid(instance, frame, number),
        tracking_id=tracking_name(instance, frame, number),
        display_color=hd.color.CIELabColor.from_rgb(*colour),
    )


def _algorithm(instance: Instance, outlined: bool) -> Any:
    """Who drew the segment: the model its box, or the search for the outline in that box."""
    import highdicom as hd

    model = instance.model
    return hd.AlgorithmIdentificationSequence(
        name="usnet outline: closed path along edges, in polar coordinates" if outlined else model.name[:64],
        family=codes.concept(codes.EDGE_DETECTION if outlined else codes.ARTIFICIAL_INTELLIGENCE),
        version=f"usnet {usnet.__version__}, weights {model.sha256[:12]}",
        source="usnet",
        parameters={"box of the model": model.name[:64], "most of the outline unseen": f"{MOST_UNSEEN:g}"}
        if outlined
        else None,
    )


def _point_to_frame(made: Dataset, instance: Instance) -> None:
    """Every reference to the source names the frame that was segmented."""
    if not instance.is_multiframe:
        return
    source = str(instance.reference.SOPInstanceUID)

    def visit(_: Dataset, element: Any) -> None:
        """Name the frame in every item that refers to the source."""
        if element.keyword == "SourceImageSequence":
            element.value = [
                copy.deepcopy(item) for item in element.value
            ]  # highdicom shares items with other sequences
            for item in element.value:
                if str(item.ReferencedSOPInstanceUID) == source:
                    item.ReferencedFrameNumber = instance.key.number + 1

    made.walk(visit)
