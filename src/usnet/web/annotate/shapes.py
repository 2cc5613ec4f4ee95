"""What the routes of annotation take and give."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path
from pydantic import BaseModel

from usnet.web.annotate.bodies import Body

Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="32 hexadecimal digits")]


class Row(BaseModel):
    """An image in the list, as one reader sees it: ``state`` is untouched, begun, done or unreadable."""

    image: str
    number: int
    name: str
    state: str
    label: str | None
    marks: int


class Suggestion(BaseModel):
    """A box that the model proposes: x, y, width, height in frame pixels."""

    box: tuple[float, float, float, float]
    score: float
    probability: float
    label: str


class Other(BaseModel):
    """What another reader said; sent to adjudicators alone. Readers are called A, B ... so that no name sways the decision."""

    reader: str
    body: Body
    finished: bool


class Work(BaseModel):
    """One image with all that the page needs. ``suggestions`` is ``None`` where the model was not asked."""

    image: str
    number: int
    name: str
    width: int
    height: int
    picture: str
    version: int
    finished: bool
    body: Body
    suggestions: list[Suggestion] | None
    others: list[Other]


class Accepted(BaseModel):
    """Work that was queued: ask for the job until it is done."""

    job: int
    state: str
    reason: str | None = None
    result: dict[str, Any] | None = None


class Progress(BaseModel):
    """How far a project's dataset has been read."""

    project: str
    state: str
    reason: str | None
    done: int
    total: int | None
