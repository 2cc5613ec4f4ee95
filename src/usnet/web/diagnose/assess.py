"""What the doctor says: descriptors, category, remarks and boxes of their own; every save is kept.

Terms are those of DICOM's context groups for breast ultrasound (PS3.16, CID 6004 to 6006, 6152, 6154, 6155), as data with a
version, because lexicons change. The machine fills none of them in.
"""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, field_validator
from sqlalchemy import select
from sqlalchemy.orm import Session

from usnet.web.guard import audit
from usnet.web.roles import User
from usnet.web.tables import Assessment, View
from usnet.web.words import N_
from usnet.web.workplace import Workplace

LEXICON = 1
"""Version of :data:`TERMS`, kept with each assessment."""

TERMS: dict[str, tuple[str, tuple[str, ...]]] = {
    "category": (N_("BI-RADS category"), ("0", "1", "2", "3", "4", "4A", "4B", "4C", "5", "6")),
    "shape": (N_("Shape"), (N_("oval"), N_("round"), N_("irregular"))),
    "orientation": (N_("Orientation"), (N_("parallel"), N_("not parallel"))),
    "margin": (
        N_("Margin"),
        (N_("circumscribed"), N_("indistinct"), N_("angular"), N_("microlobulated"), N_("spiculated")),
    ),
    "echo": (
        N_("Echo pattern"),
        (
            N_("anechoic"),
            N_("hyperechoic"),
            N_("complex cystic and solid"),
            N_("hypoechoic"),
            N_("isoechoic"),
            N_("heterogeneous"),
        ),
    ),
    "posterior": (
        N_("Posterior features"),
        (N_("no posterior features"), N_("enhancement"), N_("shadowing"), N_("combined pattern")),
    ),
}
MOST_BOXES = 50
Coordinate = Annotated[FiniteFloat, Field(ge=-1e6, le=1e6)]
Share = Annotated[FiniteFloat, Field(ge=0, le=1)]


class OwnBox(BaseModel):
    """A box that the doctor drew: ``box`` is x, y, width, height in frame pixels; what the model said of it, if it was asked."""

    model_config = ConfigDict(extra="forbid")
    frame: int = Field(ge=0, le=100_000)
    box: tuple[Coordinate, Coordinate, Coordinate, Coordinate]
    probability: Share | None = None
    score: Share | None = None


class Fields(BaseModel):
    """An assessment. A field that is ``null`` was not answered."""

    model_config = ConfigDict(extra="forbid")
    category: str | None = None
    shape: str | None = None
    orientation: str | None = None
    margin: str | None = None
    echo: str | None = None
    posterior: str | None = None
    remarks: str = Field(default="", max_length=4000)
    boxes: list[OwnBox] = Field(default_factory=list, max_length=MOST_BOXES)

    @field_validator(*TERMS, mode="after")
    @classmethod
    def _known(cls, value: str | None, info: Any) -> str | None:
        if value is not None and value not in TERMS[info.field_name][1]:
            raise ValueError(f"is none of {', '.join(TERMS[info.field_name][1])}")
        return value


class Saved(BaseModel):
    """An assessment as it was saved; version 0 is an empty one that nobody saved."""

    version: int
    lexicon: int = LEXICON
    author: str | None = None
    saved_at: float | None = None
    fields: Fields


class Save(BaseModel):
    """A new version; ``version`` is the one that the doctor saw."""

    model_config = ConfigDict(extra="forbid")
    version: int = Field(ge=0, le=1_000_000)
    fields: Fields


class Outdated(Exception):
    """Somebody saved meanwhile; ``current`` is what they saved."""

    def __init__(self, current: Saved) -> None:
        self.current = current
        super().__init__(f"version {current.version} was saved meanwhile")


def latest(session: Session, view: str) -> Saved:
    """The newest version."""
    row = session.scalar(select(Assessment).where(Assessment.view == view).order_by(Assessment.version.desc()).limit(1))
    return _saved(row) if row else Saved(version=0, fields=Fields())


def history(session: Session, view: str) -> list[Saved]:
    """Every version, the newest first."""
    query = select(Assessment).where(Assessment.view == view).order_by(Assessment.version.desc())
    return [_saved(row) for row in session.scalars(query)]


def save(session: Session, place: Workplace, user: User, view: View, given: Save) -> Saved:
    """Add a version within the caller's transaction.

    Raises
    ------
    Outdated
        ``given`` rests on a version that is not the newest.
    """
    session.execute(select(View.id).where(View.id == view.id).with_for_update())  # savers of one view queue
    current = latest(session, view.id)
    if current.version != given.version:
        raise Outdated(current)
    if current.fields == given.fields:
        return current
    row = Assessment(
        view=view.id,
        version=given.version + 1,
        author=user.id,
        created_at=time.time(),
        body=json.dumps({"lexicon": LEXICON, "fields": given.fields.model_dump()}, ensure_ascii=False),
    )
    session.add(row)
    session.flush()
    audit(session, place, user, "assessment saved", view=view.id, version=row.version)
    return _saved(row)


def _saved(row: Assessment) -> Saved:
    body = json.loads(row.body)
    return Saved(
        version=row.version,
        lexicon=body["lexicon"],
        author=row.author,
        saved_at=row.created_at,
        fields=Fields.model_validate(body["fields"]),
    )
