"""Segmentation of the findings: the outline where it can be seen, else the box, and each says which it is.

The model gives boxes. Inside each an outline is looked for (:mod:`usnet.dicom.outlines`), in a loop on every frame with a finding.
Where it is found, the segment is a mass, and its algorithm is the search for the outline. Where it is not, the segment is the box
on one frame: it helps in viewers that show segments but no report, and must not be taken for the lesion, so that category, type and
label say "bounding box, no outline".
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

import usnet
from usnet.dicom import codes
from usnet.dicom.base import equipment, finish, identity, proxy
from usnet.dicom.outlines import MOST_UNSEEN
from usnet.dicom.planes import Plane, planes_of
from usnet.dicom.sr_groups import tracking_name
from usnet.dicom.uids import tracking_uid, uid
from usnet.extras import need

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydicom.dataset import Dataset

    from usnet.dicom.instance import Instance
    from usnet.dicom.kinds import Options
    from usnet.dicom.lesions import Lesion

_TEMPORAL_POSITION, _FRAME_CONTENT = 0x00209128, 0x00209111


def segmentation(instance: Instance, options: Options) -> Dataset:
    """Binary segments of the findings, on the whole stored matrix; of a loop one plane for each frame with an outline.

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
    planes = planes_of(instance)
    first = {plane.segment: plane for plane in reversed(planes)}
    outlined = [first[lesion.number].outlined for lesion in instance.lesions]
    made: Dataset = seg.Segmentation(
        source_images=[source],
        pixel_array=np.stack([first[lesion.number].mask for lesion in instance.lesions], axis=-1)[np.newaxis],
        segmentation_type=seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[_segment(instance, *both) for both in zip(instance.lesions, outlined, strict=True)],
        **identity(instance, "seg", options),
        **equipment(instance),
        content_label="FINDINGS",
        content_description=_description(outlined),
        content_creator_name="usnet^",
        omit_empty_frames=False,
    )
    made.PatientOrientation = ""
    if instance.is_multiframe:
        _spread_over_frames(made, instance, planes)
    dimensions = uid("dimensions", str(made.SOPInstanceUID))
    for item in (*made.DimensionOrganizationSequence, *made.DimensionIndexSequence):
        item.DimensionOrganizationUID = dimensions
    return finish(made, instance, options)


def _description(outlined: Sequence[bool]) -> str:
    """What the segments are, for lists that show no more than this."""
    if all(outlined):
        return "Outlines of findings"
    return "Outlines of findings, and boxes: see labels" if any(outlined) else "Boxes around findings, not outlines"


def _segment(instance: Instance, lesion: Lesion, outlined: bool) -> Any:
    import highdicom as hd
    from highdicom import seg

    number = lesion.number
    colour = (255, 122, 51) if lesion.label == "malignant" else (86, 180, 233)
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
        tracking_uid=tracking_uid(instance, lesion.frame, number),
        tracking_id=tracking_name(instance, lesion.frame, number) if instance.loop is None else f"finding {number}",
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


def _spread_over_frames(made: Dataset, instance: Instance, planes: Sequence[Plane]) -> None:
    """Put each plane on its frame of the loop. highdicom knows loops with positions in space only, which ultrasound has not."""
    from pydicom.pixels.utils import pack_bits

    patterns = list(made.PerFrameFunctionalGroupsSequence)  # one for each segment
    frames = sorted({plane.frame for plane in planes})
    groups = []
    for plane in planes:
        group = copy.deepcopy(patterns[plane.segment - 1])
        content = group.FrameContentSequence[0]
        content.TemporalPositionIndex = plane.frame + 1
        content.DimensionIndexValues = [plane.segment, frames.index(plane.frame) + 1]
        for item in group.DerivationImageSequence[0].SourceImageSequence:
            item.ReferencedFrameNumber = plane.frame + 1
        groups.append(group)
    made.PerFrameFunctionalGroupsSequence = groups
    made.DimensionIndexSequence.append(_by_time())
    made.NumberOfFrames = len(planes)
    made.PixelData = pack_bits(np.stack([plane.mask for plane in planes]))
    made.SegmentsOverlap = "YES" if _overlap(planes) else "NO"
    made.SourceImageSequence = [copy.deepcopy(item) for item in made.SourceImageSequence]  # highdicom shares items
    for item in made.SourceImageSequence:
        item.ReferencedFrameNumber = [frame + 1 for frame in frames]


def _by_time() -> Dataset:
    """Second dimension: the frame of the loop."""
    from pydicom.dataset import Dataset

    item = Dataset()
    item.DimensionIndexPointer, item.FunctionalGroupPointer = _TEMPORAL_POSITION, _FRAME_CONTENT
    item.DimensionDescriptionLabel = "Frame of the loop"
    return item


def _overlap(planes: Sequence[Plane]) -> bool:
    """Whether two segments share a pixel of a frame."""
    by_frame: dict[int, list[Plane]] = {}
    for plane in planes:
        by_frame.setdefault(plane.frame, []).append(plane)
    return any(np.sum([one.mask for one in together], axis=0).max() > 1 for together in by_frame.values())
