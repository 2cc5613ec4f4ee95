"""The content tree of any structured report as plain nodes, with bounds: reports come from outside."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from usnet.errors import DataError, UsnetError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MAX_DEPTH = 32
"""TID 1500 has 6 levels, TID 4000 (mammography CAD) 9."""

MAX_ITEMS = 200_000
"""A loop of 3,600 frames with two findings a frame has half of them."""

MAX_BYTES = 256 << 20


@dataclass(slots=True)
class Node:
    """A content item: how it hangs on its parent, what kind of value it has, its concept name, and what hangs on it.

    ``path`` is its place as PS3.3 C.17.3.2.5 counts it (``1`` is the root). ``target`` is such a path for an item by reference.
    """

    relationship: str
    value_type: str
    code: tuple[str, str]
    meaning: str
    item: Dataset
    path: tuple[int, ...]
    target: tuple[int, ...] = ()
    children: list[Node] = field(default_factory=list)

    def walk(self) -> Iterator[Node]:
        """This node and everything below it, in document order."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))

    def having(self, *values: str, value_type: str | None = None) -> list[Node]:
        """Children with one of these code values, of this value type."""
        return [
            child
            for child in self.children
            if child.code[0] in values and (value_type is None or child.value_type == value_type)
        ]

    def value(self) -> Any:
        """Text, UID, code ``(value, scheme, meaning)`` or number of the item; ``None`` for others."""
        return value_of(self.item, self.value_type)


def read_report(source: str | Path | bytes) -> Dataset:
    """A structured report as a dataset.

    Raises
    ------
    DataError
        Not a file that holds a structured report, larger than a report is, or damaged.
    """
    import io

    from pydicom import dcmread

    from usnet.images import Limits
    from usnet.images.inflate import inflated

    label = "<bytes>" if isinstance(source, bytes) else str(source)
    try:
        with io.BytesIO(source) if isinstance(source, bytes) else Path(source).open("rb") as stream:
            if stream.seek(0, io.SEEK_END) > MAX_BYTES:
                raise DataError(
                    "too large for a structured report", source=label, expected=f"at most {MAX_BYTES} bytes"
                )
            dataset = dcmread(inflated(stream, label, Limits()), stop_before_pixels=True)
    except UsnetError as error:
        raise DataError(error.message, source=label) from error
    except Exception as error:  # pydicom raises anything on damaged files
        raise DataError(f"not readable as DICOM ({type(error).__name__})", source=label) from error
    with decoding(label):
        if "ContentSequence" not in dataset or "ValueType" not in dataset:
            kind = str(dataset.get("SOPClassUID", ""))
            raise DataError(f"no structured report (SOP class {kind or 'unknown'})", source=label)
    return dataset


def content_tree(dataset: Dataset, source: str | Path = "<dataset>") -> Node:
    """The root node.

    Raises
    ------
    DataError
        Deeper than :data:`MAX_DEPTH`, more items than :data:`MAX_ITEMS`, or an item that cannot be decoded.
    """
    with decoding(source):
        root = _node(dataset, (1,))
        pending, count = [root], 0
        while pending:
            node = pending.pop()
            for number, item in enumerate(node.item.get("ContentSequence") or (), 1):
                node.children.append(_node(item, (*node.path, number)))
                count += 1
            if len(node.path) > MAX_DEPTH or count > MAX_ITEMS:
                raise DataError("its content tree is too large", source=source, expected="a report of measurements")
            pending += node.children
        return root


@contextmanager
def decoding(source: str | Path) -> Iterator[None]:
    """Inside, whatever pydicom raises on a damaged value (it converts on access) becomes one :class:`DataError`."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"a value in it cannot be decoded ({type(error).__name__})", source=source) from error


def _node(item: Dataset, path: tuple[int, ...]) -> Node:
    name = first(item, "ConceptNameCodeSequence")
    value, scheme, meaning = ("", "", "") if name is None else _code(name)
    target = item.get("ReferencedContentItemIdentifier")
    return Node(
        relationship=str(item.get("RelationshipType", "")),
        value_type=str(item.get("ValueType", "")),
        code=(value, scheme),
        meaning=meaning,
        item=item,
        path=path,
        target=() if target is None else tuple(int(step) for step in (target if _is_list(target) else [target])),
    )


def value_of(item: Dataset, value_type: str) -> Any:
    """The value of a content item; see :meth:`Node.value`."""
    if value_type == "TEXT":
        return str(item.get("TextValue", ""))
    if value_type == "UIDREF":
        return str(item.get("UID", ""))
    if value_type == "CODE":
        code = first(item, "ConceptCodeSequence")
        return None if code is None else _code(code)
    if value_type == "NUM":
        measured = first(item, "MeasuredValueSequence")
        value = None if measured is None else measured.get("NumericValue")
        return None if value is None else float(value)
    return None


def unit_of(node: Node) -> str:
    """Code value of the unit of a number (UCUM), empty where there is none."""
    measured = first(node.item, "MeasuredValueSequence")
    unit = None if measured is None else first(measured, "MeasurementUnitsCodeSequence")
    return "" if unit is None else _code(unit)[0]


def first(item: Dataset, keyword: str) -> Dataset | None:
    """The first item of a sequence that may be empty or absent."""
    items = list(item.get(keyword) or ())
    return items[0] if items else None


def _code(item: Dataset) -> tuple[str, str, str]:
    value = item.get("CodeValue") or item.get("LongCodeValue") or item.get("URNCodeValue") or ""
    return str(value), str(item.get("CodingSchemeDesignator", "")), str(item.get("CodeMeaning", ""))


def _is_list(value: Any) -> bool:
    return not isinstance(value, int | str) and hasattr(value, "__iter__")
