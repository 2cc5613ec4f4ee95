"""Which boxes of a stream of frames get a second look: in a cine loop a nodule is looked at now and then, not on every frame.

At 30 frames a second neighbouring frames show the same nodule, and the second look costs a third of the detector for every box. A
box that overlaps one looked at a moment ago takes that one's logit. Images on their own are looked at as ever.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from usnet.boxes import iou_matrix
from usnet.bundles.decode import Candidates
from usnet.bundles.fusion import revised, worth_a_look
from usnet.bundles.manifest import SecondLook
from usnet.diagnosis.prepare import Prepared
from usnet.diagnosis.second_look import SecondLooker, box_in_frame
from usnet.values import Box

FRESH = 5
"""Frames for which a look at a nodule holds: a sixth of a second at 30 frames a second."""
SAME = 0.5
"""Least IoU of a box with the one looked at last."""

FloatArray = npt.NDArray[np.float32]


@dataclass(slots=True, eq=False)
class Look:
    """One box of one frame to look at; ``logit`` is filled in when it was."""

    prepared: Prepared
    box: Box
    logit: float = float("nan")


@dataclass(slots=True, eq=False)
class _Known:
    """A nodule of the loop: where it was last (corners in network pixels), its look, and on which frame that was taken."""

    corners: FloatArray
    look: Look
    frame: int


Slots = dict[int, Look]
"""Looks of one frame's candidates by their index."""


@dataclass(slots=True, eq=False)
class LookPlan:
    """Plans looks for frames in their order; what is known of a loop is forgotten when the next file begins."""

    settings: SecondLook
    _source: str = ""
    _known: list[_Known] = field(default_factory=list)

    def plan(self, prepared: Prepared, found: Candidates | None) -> tuple[Slots, list[Look]]:
        """Looks of a frame's candidates, and those of them that have still to be taken."""
        if found is None:
            return {}, []
        chosen = worth_a_look(found, self.settings).tolist()
        if not prepared.cine:
            new = {i: Look(prepared, box_in_frame(found.boxes[i], prepared.transform)) for i in chosen}
            return new, list(new.values())
        if prepared.frame.source != self._source:
            self._source, self._known = prepared.frame.source, []
        number = prepared.frame.number
        self._known = [k for k in self._known if 0 <= number - k.frame < FRESH]
        # the strongest box of a frame that shows nothing is looked at in images, and never part of a track in loops
        lasting = [i for i in chosen if found.scores[i] >= self.settings.min_score]
        known, slots, asked = list(self._known), {}, []
        for index in lasting:
            match = _match(known, found.boxes[index])
            if match is None:
                look = Look(prepared, box_in_frame(found.boxes[index], prepared.transform))
                self._known.append(_Known(found.boxes[index], look, number))
                asked.append(look)
            else:
                known.remove(match)
                match.corners, look = found.boxes[index], match.look
            slots[index] = look
        return slots, asked


def take(looker: SecondLooker, asked: list[Look], *, side_by_side: bool) -> None:
    """Run the second look on all of ``asked``; ``side_by_side``: while other threads run it too.

    Raises
    ------
    BundleError
        The network gave values that are not finite.
    """
    logits = looker.logits([(a.prepared.frame, a.box) for a in asked], side_by_side=side_by_side)
    for look, logit in zip(asked, logits, strict=True):
        look.logit = float(logit)


def joined(found: Candidates, slots: Slots, settings: SecondLook) -> Candidates:
    """Candidates with the second look's word in them."""
    logits = np.full(len(found.boxes), np.nan, dtype=np.float32)
    for index, look in slots.items():
        logits[index] = look.logit
    return revised(found, logits, settings)


def _match(known: list[_Known], corners: FloatArray) -> _Known | None:
    """The known nodule that a box overlaps most, if enough."""
    if not known:
        return None
    overlap = iou_matrix(np.array([k.corners for k in known]), corners[None])[:, 0]
    best = int(overlap.argmax())
    return known[best] if overlap[best] >= SAME else None
