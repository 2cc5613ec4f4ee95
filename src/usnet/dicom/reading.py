"""Structured reports back to marks on images: ours, and those of others that put coordinates on images.

Works on the content tree, not on one template: every SCOORD that is selected from an image becomes a mark, described by what stands
in the nearest group around it. So TID 1500 reports of viewers, and CAD reports that refer by content item number, are read too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from usnet.dicom.tree import Node, content_tree, decoding, read_report, unit_of
from usnet.values import Box

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Point = tuple[float, float]

TRACKING_ID, TRACKING_UID = "112039", "112040"
FINDING = "121071"
GROUP = "125007"
_ROWS, _COLUMNS = "110910", "110911"


@dataclass(frozen=True, slots=True)
class Number:
    """A measurement: code value, name, value and unit (UCUM code)."""

    code: str
    name: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Mark:
    """Coordinates on one image with what the report says of them.

    ``points`` are (column, row) in pixels of the whole stored image, sub-pixel, ``0, 0`` at the corner of the first pixel;
    ``frame`` is 0-based, ``None`` where the report names no frame. ``evaluations`` are (name, value) in words.
    """

    graphic: str
    points: tuple[Point, ...]
    image_uid: str
    frame: int | None
    name: str
    tracking_uid: str | None
    finding: str | None
    numbers: tuple[Number, ...]
    evaluations: tuple[tuple[str, str], ...]

    @property
    def box(self) -> Box:
        """The smallest box around the graphic."""
        xs, ys = [x for x, _ in self.points], [y for _, y in self.points]
        if self.graphic == "CIRCLE" and len(self.points) == 2:
            (cx, cy), (ex, ey) = self.points
            radius = ((ex - cx) ** 2 + (ey - cy) ** 2) ** 0.5
            return Box(cx - radius, cy - radius, 2 * radius, 2 * radius)
        return Box.from_corners(min(xs), min(ys), max(xs), max(ys))

    def number(self, code: str) -> float | None:
        """The measurement with this code value."""
        return next((number.value for number in self.numbers if number.code == code), None)


@dataclass(frozen=True, slots=True)
class Report:
    """What a report shows and says.

    ``statements`` are sentences of groups that mark nothing, such as "no findings"; ``sizes`` are (columns, rows) of images by UID,
    where the report's image library knows them.
    """

    title: str
    verified: bool
    marks: tuple[Mark, ...]
    statements: tuple[str, ...]
    sizes: dict[str, tuple[int, int]]


def read_marks(source: str | Path | bytes) -> Report:
    """Read a structured report.

    Raises
    ------
    DataError
        Not a structured report, damaged, or larger than a report is.
    """
    label = "<bytes>" if isinstance(source, bytes) else str(source)
    dataset = read_report(source)
    with decoding(label):
        return _report(dataset, content_tree(dataset, label))


def _report(dataset: Dataset, root: Node) -> Report:
    marks: list[Mark] = []
    _visit(root, root, root, marks)
    groups = [node for node in root.walk() if node.value_type == "CONTAINER" and node.code[0] == GROUP]
    statements = [_sentence(group) for group in groups if not _has_coordinates(group)]
    return Report(
        title=root.meaning,
        verified=str(dataset.get("VerificationFlag", "")) == "VERIFIED",
        marks=tuple(marks),
        statements=tuple(dict.fromkeys(statements)),
        sizes=_sizes(root),
    )


def _visit(node: Node, group: Node, root: Node, marks: list[Mark]) -> None:
    """Depth first, with the nearest container as the group; the tree's depth is bounded."""
    if node.value_type == "CONTAINER":
        group = node
    if node.value_type == "SCOORD":
        marks += _marks_of(node, group, root)
    for child in node.children:
        _visit(child, group, root, marks)


def _marks_of(node: Node, group: Node, root: Node) -> list[Mark]:
    """One mark for each image and frame that the coordinates are selected from."""
    data = [float(value) for value in node.item.get("GraphicData") or ()]
    if not all(map(math.isfinite, data)):
        return []
    points = tuple(zip(data[::2], data[1::2], strict=False))
    made = []
    for image in filter(None, (_resolved(child, root) for child in node.children)):
        for reference in image.item.get("ReferencedSOPSequence") or ():
            uid = str(reference.get("ReferencedSOPInstanceUID", ""))
            made += [_mark(node, group, points, uid, frame) for frame in _frames(reference)]
    return [mark for mark in made if mark.points]


def _mark(node: Node, group: Node, points: tuple[Point, ...], image: str, frame: int | None) -> Mark:
    names = [str(n.value()) for n in group.children if n.value_type == "TEXT" and n.code[0] == TRACKING_ID]
    uids = [str(n.value()) for n in group.children if n.value_type == "UIDREF" and n.code[0] == TRACKING_UID]
    finding = next((n.value()[2] for n in group.having(FINDING, value_type="CODE") if n.value()), None)
    return Mark(
        graphic=str(node.item.get("GraphicType", "")),
        points=points,
        image_uid=image,
        frame=frame,
        name=names[0] if names else node.meaning or group.meaning,
        tracking_uid=uids[0] if uids else None,
        finding=finding,
        numbers=tuple(_numbers(group)),
        evaluations=tuple(
            _evaluation(n) for n in group.children if n.value_type == "CODE" and n.value() and n.code[0] != FINDING
        ),
    )


def _evaluation(node: Node) -> tuple[str, str]:
    """Name and value of a coded item, the value with its modifiers: ``Breast, Left``."""
    modifiers = [n.value()[2] for n in node.children if n.value_type == "CODE" and n.value()]
    return node.meaning, ", ".join([node.value()[2], *modifiers])


def _numbers(group: Node) -> list[Number]:
    made = []
    for node in group.children:
        value = node.value() if node.value_type == "NUM" else None
        if value is not None:
            made.append(Number(node.code[0], node.meaning, value, unit_of(node)))
    return made


def _resolved(node: Node, root: Node) -> Node | None:
    """The image item itself, also where it is referred to by its place in the tree."""
    if node.target:
        found: Node | None = root
        for step in node.target[1:]:
            found = found.children[step - 1] if found is not None and 0 < step <= len(found.children) else None
        node = found if found is not None else node
    return node if node.value_type == "IMAGE" else None


def _frames(reference: Any) -> list[int | None]:
    numbers = reference.get("ReferencedFrameNumber")
    if numbers is None:
        return [None]
    several = numbers if hasattr(numbers, "__iter__") and not isinstance(numbers, str) else [numbers]
    return [int(number) - 1 for number in several]


def _has_coordinates(node: Node) -> bool:
    return any(below.value_type in ("SCOORD", "SCOORD3D") for below in node.walk())


def _sentence(group: Node) -> str:
    """What a group says that marks nothing, under its tracking identifier."""
    names = [str(n.value()) for n in group.having(TRACKING_ID, value_type="TEXT")]
    said = [f"{name}: {value}" for name, value in map(_evaluation, _coded(group))]
    said += [f"{number.name} {number.value:g} {number.unit}" for number in _numbers(group)]
    return ": ".join([*names[:1], "; ".join(said)])


def _coded(group: Node) -> list[Node]:
    return [node for node in group.children if node.value_type == "CODE" and node.value()]


def _sizes(root: Node) -> dict[str, tuple[int, int]]:
    """Image library: rows and columns of each image (TID 1602)."""
    made = {}
    for node in root.walk():
        if node.value_type != "IMAGE":
            continue
        rows, columns = (next((n.value() for n in node.having(code)), None) for code in (_ROWS, _COLUMNS))
        if rows and columns and node.item.get("ReferencedSOPSequence"):
            made[str(node.item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID)] = (int(columns), int(rows))
    return made
