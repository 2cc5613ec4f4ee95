"""Which box of one reader is which of another's."""

from __future__ import annotations

from dataclasses import dataclass

from usnet.boxes import iou_matrix
from usnet.values import corners_array
from usnet.web.annotate.bodies import Body, Mark

IOU = 0.5


@dataclass(frozen=True, slots=True)
class Pair:
    """A mark of each reader and their intersection over union."""

    first: Mark
    second: Mark
    iou: float


def matched(first: Body, second: Body, threshold: float = IOU) -> list[Pair]:
    """Pairs of marks that overlap by ``threshold`` or more, each mark once, the closest first."""
    if not first.marks or not second.marks:
        return []
    overlap = iou_matrix(*(corners_array([m.value for m in body.marks]) for body in (first, second)))
    order = sorted((-overlap[i, j], i, j) for i in range(len(first.marks)) for j in range(len(second.marks)))
    pairs, used, taken = [], set(), set()
    for negative, i, j in order:
        if -negative >= threshold and i not in used and j not in taken:
            used.add(i)
            taken.add(j)
            pairs.append(Pair(first.marks[i], second.marks[j], float(-negative)))
    return pairs


def agree(first: Body, second: Body) -> bool:
    """Whether two readings say the same: normal both, or the same boxes (IoU 0.5) with the same labels and BI-RADS."""
    if first.normal != second.normal or len(first.marks) != len(second.marks):
        return False
    pairs = matched(first, second)
    same = all(p.first.pathology == p.second.pathology and p.first.birads == p.second.birads for p in pairs)
    return same and len(pairs) == len(first.marks) and first.birads == second.birads


def middle(first: Body, second: Body) -> Body:
    """Of two readings that agree: the mean of each pair of boxes, with what both say."""
    marks = [
        p.first.model_copy(update={"box": tuple((a + b) / 2 for a, b in zip(p.first.box, p.second.box, strict=True))})
        for p in matched(first, second)
    ]
    notes = [note for note in (first.note, second.note) if note]
    return first.model_copy(update={"marks": marks, "note": "\n".join(dict.fromkeys(notes))[:2000]})
