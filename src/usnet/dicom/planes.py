"""Where segments lie: each finding's outline on every frame where it can be seen, else its box on one frame."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from usnet.dicom.outlines import outline_on
from usnet.errors import UnreadableImage
from usnet.values import Box

if TYPE_CHECKING:
    from usnet.dicom.instance import Instance
    from usnet.dicom.lesions import Lesion
    from usnet.values import Frame

logger = logging.getLogger(__name__)

MOST_FRAMES = 60
"""Of a loop that are read again for outlines, evenly spread over those with a finding."""

Mask = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Plane:
    """One segment (its lesion's number) on one 0-based frame; ``mask`` is ``uint8 [rows, columns]`` of the whole stored image."""

    segment: int
    frame: int
    mask: Mask
    outlined: bool


def planes_of(instance: Instance) -> list[Plane]:
    """Planes of every lesion, ordered by segment and frame. A lesion has outlines only, or one box and nothing else.

    A loop's frames are read again from its file, because an instance keeps the pixels of its key frame alone; where that fails,
    the key frame's outlines are all there is.
    """
    found: dict[tuple[int, int], Plane] = {}
    for frame in _frames(instance):
        for lesion in instance.lesions:
            if frame.number in lesion.frames:
                finding = lesion.findings[lesion.frames.index(frame.number)]
                outline = outline_on(frame, finding.box)
                if outline is not None:
                    place = (lesion.number, frame.number)
                    found[place] = Plane(*place, outline.mask(instance), outlined=True)
    outlined = {segment for segment, _ in found}
    boxes = [_boxed(instance, lesion) for lesion in instance.lesions if lesion.number not in outlined]
    return sorted([*found.values(), *boxes], key=lambda plane: (plane.segment, plane.frame))


def region_mask(box: Box, rows: int, columns: int) -> Mask:
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


def _boxed(instance: Instance, lesion: Lesion) -> Plane:
    """The box, on the frame that is shown or else where the lesion is seen best."""
    frame = instance.key.number if instance.key.number in lesion.frames else lesion.frame
    box = instance.in_image(lesion.findings[lesion.frames.index(frame)].box)
    mask = region_mask(box, int(instance.reference.Rows), int(instance.reference.Columns))
    return Plane(lesion.number, frame, mask, outlined=False)


def _frames(instance: Instance) -> Iterator[Frame]:
    """The key frame, then the others that have a finding."""
    yield instance.key
    wanted = _spread({frame for one in instance.lesions for frame in one.frames} - {instance.key.number})
    if not wanted or not Path(instance.source).is_file():
        return
    from usnet.images import read_frames

    try:
        for frame in read_frames(instance.source):
            if frame.sha256 != instance.key.sha256:
                return
            if frame.number in wanted:
                yield frame
            if frame.number >= max(wanted):
                return
    except UnreadableImage as error:  # it was judged up to there, and so are the outlines
        logger.info("outlines of a part only: %s", error)


def _spread(frames: set[int]) -> set[int]:
    """At most :data:`MOST_FRAMES` of them."""
    ordered = sorted(frames)
    if len(ordered) <= MOST_FRAMES:
        return frames
    return {ordered[round(step)] for step in np.linspace(0, len(ordered) - 1, MOST_FRAMES)}
