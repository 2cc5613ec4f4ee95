"""What a reader says of one image: boxes with their labels, or the statement that there is nothing."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from usnet.datasets.records import ImageRecord
from usnet.values import Box, Label, Nodule, Pathology

BIRADS = ("0", "1", "2", "3", "4", "4A", "4B", "4C", "5", "6")
MOST_MARKS = 50
Birads = Literal["0", "1", "2", "3", "4", "4A", "4B", "4C", "5", "6"]
Coordinate = Annotated[FiniteFloat, Field(ge=0, le=1e6)]
Extent = Annotated[FiniteFloat, Field(gt=0, le=1e6)]


class Mark(BaseModel):
    """A box (x, y, width, height in frame pixels) and what is in it. ``given`` is the place of the dataset's own nodule that the
    mark comes from: its id, histology and diameter stay with it."""

    model_config = ConfigDict(extra="forbid")
    box: tuple[Coordinate, Coordinate, Extent, Extent]
    pathology: Pathology | None = None
    birads: str | None = Field(default=None, max_length=10)
    given: int | None = Field(default=None, ge=0, le=10_000)

    @property
    def value(self) -> Box:
        """As the rest of usnet holds it."""
        return Box(*self.box)


class Body(BaseModel):
    """``normal`` states that the image shows no nodule. Without marks and without that statement nothing has been said."""

    model_config = ConfigDict(extra="forbid")
    marks: list[Mark] = Field(default_factory=list, max_length=MOST_MARKS)
    normal: bool = False
    birads: str | None = Field(default=None, max_length=10)
    note: str = Field(default="", max_length=2000)

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        if self.normal and self.marks:
            raise ValueError("an image with boxes is not normal: remove the boxes, or the statement")
        return self

    @property
    def says_something(self) -> bool:
        """Whether an image may be finished with this: it has a box or is stated to be normal."""
        return self.normal or bool(self.marks)

    @property
    def label(self) -> Label | None:
        """The image's label: its worst mark's, ``normal`` where that is stated, else unknown."""
        if self.normal:
            return "normal"
        kinds = {mark.pathology for mark in self.marks}
        return "malignant" if "malignant" in kinds else "benign" if "benign" in kinds else None

    def problem(self, width: int, height: int) -> str | None:
        """Why the marks do not fit an image of that size, in pixels."""
        for mark in self.marks:
            x, y, w, h = mark.box
            if x + w > width + 1e-6 or y + h > height + 1e-6:
                return f"the box {list(mark.box)} leaves the image of {width} x {height} pixels"
        return None

    def text(self) -> str:
        """As it is stored."""
        return json.dumps(self.model_dump(), ensure_ascii=False, allow_nan=False)


def given_body(record: ImageRecord) -> Body:
    """What the dataset says of an image. Boxes are cut to the image; one that lies outside is left out."""
    marks = []
    for place, nodule in enumerate(record.nodules[:MOST_MARKS]):
        box = nodule.box.clipped(record.width, record.height)
        if box.area > 0:
            four = (box.x, box.y, box.width, box.height)
            marks.append(Mark(box=four, pathology=nodule.pathology, birads=_short(nodule.birads), given=place))
    return Body(marks=marks, normal=record.label == "normal" and not marks, birads=_short(record.birads))


def nodules_of(body: Body, record: ImageRecord) -> tuple[Nodule, ...]:
    """The marks as nodules, with what the dataset knew of those that come from it."""
    return tuple(_nodule(mark, record.nodules) for mark in body.marks)


def _nodule(mark: Mark, known: tuple[Nodule, ...]) -> Nodule:
    more: dict[str, Any] = {}
    if mark.given is not None and mark.given < len(known):
        old = known[mark.given]
        more = {"nodule_id": old.nodule_id, "histology": old.histology, "diameter_mm": old.diameter_mm}
    return Nodule(mark.value, mark.pathology, birads=mark.birads, **more)


def _short(text: object) -> str | None:
    return None if text is None else str(text)[:10]
