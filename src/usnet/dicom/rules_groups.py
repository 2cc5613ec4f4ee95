"""Rules for the measurement groups of TID 1500: tracking, region, numbers, algorithm (TID 1410, 1501, 300, 4019)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator

from usnet.dicom.instance import MULTIFRAME
from usnet.dicom.tree import Node, unit_of

GROUP = "125007"
TRACKING_ID, TRACKING_UID = "112039", "112040"
REGION = "111030"
ALGORITHM_NAME, ALGORITHM_VERSION = "111001", "111003"
PROBABILITIES = {"111047", "111012"}  # probability of cancer, certainty of finding
LENGTHS = {"103355008", "121207", "410668003", "103339001", "103340004", "131197000"}  # CID 7470
_ROWS, _COLUMNS = "110910", "110911"
LENGTH_UNITS = {"mm", "cm", "um", "m"}
EDGE = 0.01
"""Coordinates are stored in single precision, which may pass the edge of a large image by that much, in pixels."""

Found = tuple[str, str, str]
Images = dict[str, tuple[int, int, int]]


def check_groups(root: Node, images: Images) -> Iterator[Found]:
    """``(rule, place, text)`` of every broken rule in measurement groups."""
    groups = [node for node in root.walk() if node.code[0] == GROUP and node.value_type == "CONTAINER"]
    known = _library(root) | images
    yield from _check_tracking(groups)
    for group in groups:
        for node in group.children:
            if node.value_type == "SCOORD":
                yield from _check_region(node, known)
            if node.value_type == "NUM":
                yield from _check_number(node)
        yield from _check_algorithm(group)
    for node in root.walk():
        yield from _check_frames(node, known)


def _check_tracking(groups: list[Node]) -> Iterator[Found]:
    """TID 1410 and 1411 need both identifiers; a UID stands for one lesion, so two findings on one image cannot share it."""
    uids: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
    for group in groups:
        if not any(child.value_type in ("SCOORD", "SCOORD3D") for child in group.children):
            continue
        identifiers, own = group.having(TRACKING_ID, value_type="TEXT"), group.having(TRACKING_UID, value_type="UIDREF")
        if not identifiers or not identifiers[0].value():
            yield "tracking", _place(group), "a region without a tracking identifier (TID 1410 row 3)"
        if not own:
            yield "tracking", _place(group), "a region without a tracking unique identifier (TID 1410 row 3b)"
            continue
        key = (str(own[0].value()), tuple(sorted(_frames_of(group))))
        uids[key] += 1
        if uids[key] == 2:
            yield "tracking", _place(group), f"tracking UID {key[0]} is used twice on one image"


def _check_region(node: Node, images: Images) -> Iterator[Found]:
    """TID 1410: coordinates are selected from exactly one image, closed, finite and inside it."""
    pictures = [child for child in node.children if child.value_type == "IMAGE" or child.target]
    if len(pictures) != 1 or pictures[0].relationship not in ("SELECTED FROM", "R-SELECTED FROM"):
        yield "region", _place(node), f"coordinates selected from {len(pictures)} images (TID 1410)"
    data = [float(value) for value in node.item.get("GraphicData") or ()]
    xs, ys = data[::2], data[1::2]
    if len(xs) != len(ys) or not xs or not all(map(math.isfinite, data)):
        yield "region", _place(node), "graphic data is no list of finite pairs (PS3.3 C.18.6.1.1)"
        return
    kind, count = str(node.item.get("GraphicType", "")), len(xs)
    wrong = {"POINT": count != 1, "CIRCLE": count != 2, "ELLIPSE": count != 4, "POLYLINE": count < 2}
    if wrong.get(kind, False):
        yield "region", _place(node), f"{kind} with {count} points (PS3.3 C.18.6.1.2)"
    if node.code[0] == REGION and kind == "POLYLINE" and (xs[0], ys[0]) != (xs[-1], ys[-1]):
        yield "region", _place(node), "the outline of an image region is not closed (TID 1410)"
    for uid in _images_of(node):
        columns, rows, _ = images.get(uid, (0, 0, 0))
        if columns and kind != "CIRCLE" and not (_within(xs, columns) and _within(ys, rows)):
            yield "region", _place(node), f"coordinates outside the image of {columns} x {rows} pixels"


def _check_number(node: Node) -> Iterator[Found]:
    """TID 300 and 1419: a value with a unit that fits its name."""
    value = node.value()
    if value is None:
        if not node.item.get("NumericValueQualifierCodeSequence"):
            yield "number", _place(node), f"{node.meaning} has neither a value nor a reason for none"
        return
    unit = unit_of(node)
    if node.code[0] in PROBABILITIES:
        top = {"%": 100.0, "1": 1.0}.get(unit)
        if top is None:
            yield "number", _place(node), f"{node.meaning} in {unit or 'no unit'}, expected % or 1"
        elif not 0 <= value <= top:
            yield "number", _place(node), f"{node.meaning} is {value:g} {unit}, expected 0 to {top:g}"
    if node.code[0] in LENGTHS and (unit not in LENGTH_UNITS or not value > 0 or not math.isfinite(value)):
        yield "number", _place(node), f"{node.meaning} is {value:g} {unit or 'without unit'}, expected a length above 0"


def _check_algorithm(group: Node) -> Iterator[Found]:
    """TID 4019: an algorithm has a name and a version."""
    named, versioned = group.having(ALGORITHM_NAME), group.having(ALGORITHM_VERSION)
    if bool(named) != bool(versioned):
        missing = "version" if named else "name"
        yield "algorithm", _place(group), f"an algorithm without a {missing} (TID 4019)"


def _check_frames(node: Node, images: Images) -> Iterator[Found]:
    """PS3.3 10.3: coordinates on a loop name a frame, and it exists."""
    if node.value_type != "IMAGE":
        return
    for reference in node.item.get("ReferencedSOPSequence") or ():
        uid = str(reference.get("ReferencedSOPInstanceUID", ""))
        numbers = reference.get("ReferencedFrameNumber")
        count = images.get(uid, (0, 0, 0))[2]
        several = count > 1 or (not count and str(reference.get("ReferencedSOPClassUID", "")) in MULTIFRAME)
        if numbers is None:
            if several and node.relationship == "SELECTED FROM":
                yield "frame", _place(node), "coordinates on a multi-frame image without a frame number"
            continue
        for number in numbers if hasattr(numbers, "__iter__") and not isinstance(numbers, str) else [numbers]:
            if int(number) < 1 or (count and int(number) > count):
                yield "frame", _place(node), f"frame {number} of an image of {count or 'unknown'} frames"


def _library(root: Node) -> Images:
    """Sizes that the report's image library states; it does not state the number of frames."""
    made: Images = {}
    for node in root.walk():
        if node.value_type != "IMAGE":
            continue
        rows, columns = (next((n.value() for n in node.having(code)), None) for code in (_ROWS, _COLUMNS))
        if rows and columns:
            made |= {uid: (int(columns), int(rows), 0) for uid in _images_of(node)}
    return made


def _images_of(node: Node) -> set[str]:
    """SOP Instance UIDs of every image below a node, itself included."""
    return {uid for uid, _ in _frames_of(node)}


def _frames_of(node: Node) -> set[tuple[str, str]]:
    """(SOP Instance UID, frame numbers as text) of every image below a node: one lesion may be on many frames, once on each."""
    return {
        (str(reference.get("ReferencedSOPInstanceUID", "")), str(reference.get("ReferencedFrameNumber", "")))
        for below in node.walk()
        if below.value_type == "IMAGE"
        for reference in below.item.get("ReferencedSOPSequence") or ()
    }


def _within(values: list[float], size: int) -> bool:
    return min(values) >= -EDGE and max(values) <= size + EDGE


def _place(node: Node) -> str:
    return ".".join(map(str, node.path))
