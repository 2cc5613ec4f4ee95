"""The protocol of a reader study: one TOML file, frozen and hashed when the study starts."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from usnet.readers.levels import Level, check_levels
from usnet.values import Label

Arm = Literal["unaided", "aided", "sequential"]
"""``unaided``: the image alone. ``aided``: with the model's findings from the start. ``sequential``: an answer without the model is
locked, then the findings are shown and a second answer is given."""

BiRads = Literal["2", "3", "4A", "4B", "4C", "5"]
BIRADS: tuple[BiRads, ...] = ("2", "3", "4A", "4B", "4C", "5")


class Part(BaseModel):
    """A table of the protocol: no unknown keys, no changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Stratum(Part):
    """Cases of one kind. ``minimum_mm`` and ``maximum_mm`` bound the largest diameter (the first included, the second not);
    ``birads`` are the categories of the source that count."""

    name: Annotated[str, Field(pattern=r"^[\w .,<>=-]{1,60}$")]
    label: Label
    count: Annotated[int, Field(ge=1, le=100_000)]
    minimum_mm: Annotated[float, Field(ge=0)] | None = None
    maximum_mm: Annotated[float, Field(gt=0)] | None = None
    birads: tuple[str, ...] = ()


class Cases(Part):
    """Which cases are read. ``training`` come first, with feedback, and never count; ``repeats`` are shown a second time.

    ``nodule_gap`` is the least number of cases between two views of one nodule (of one patient where nodules have no name), and
    ``repeat_gap`` that between a case and its repetition. Positives and negatives alternate so that every block of ``block``
    cases holds its share.
    """

    strata: Annotated[tuple[Stratum, ...], Field(min_length=1)]
    training: Annotated[int, Field(ge=0, le=1000)] = 4
    repeats: Annotated[int, Field(ge=0, le=1000)] = 0
    nodule_gap: Annotated[int, Field(ge=0)] = 10
    repeat_gap: Annotated[int, Field(ge=1)] = 30
    block: Annotated[int, Field(ge=1)] = 10

    @field_validator("strata")
    @classmethod
    def _names(cls, strata: tuple[Stratum, ...]) -> tuple[Stratum, ...]:
        if len({s.name for s in strata}) != len(strata):
            raise ValueError("two strata have one name")
        labels = {s.label for s in strata}
        if "malignant" not in labels or labels == {"malignant"}:
            raise ValueError("a study needs malignant cases and others")
        return strata

    @property
    def total(self) -> int:
        """Number of different cases that count."""
        return sum(s.count for s in self.strata)


class Design(Part):
    """How readers and arms cross.

    ``one-arm``: everybody reads once. ``crossover``: two arms, half of each level AB and half BA. ``latin-square``: two or more
    arms in the rows of a Williams square. Between two periods a reader waits ``washout_days`` (28: FDA guidance on CADe, 2022).
    """

    kind: Literal["one-arm", "crossover", "latin-square"] = "one-arm"
    arms: Annotated[tuple[Arm, ...], Field(min_length=1)] = ("unaided",)
    washout_days: Annotated[int, Field(ge=0, le=3650)] = 28

    @model_validator(mode="after")
    def _fits(self) -> Design:
        if len(set(self.arms)) != len(self.arms):
            raise ValueError("an arm is named twice")
        wanted = {"one-arm": (1, 1), "crossover": (2, 2), "latin-square": (2, 3)}[self.kind]
        if not wanted[0] <= len(self.arms) <= wanted[1]:
            raise ValueError(
                f"{self.kind} with {len(self.arms)} arms; it takes {' to '.join(map(str, sorted(set(wanted))))}"
            )
        if len(self.arms) > 1 and self.washout_days < 1:
            raise ValueError(
                "a washout of zero days in a crossover: readers would remember the cases; give washout_days"
            )
        return self


class Questions(Part):
    """What is asked of every case. The decision always is; the probability of malignancy (0 to 100) has no starting position and
    must be touched; ``boxes`` are marks, each with a confidence from 0 to 100."""

    probability: bool = True
    birads: tuple[BiRads, ...] = BIRADS
    boxes: bool = False
    comment: bool = False

    @field_validator("birads")
    @classmethod
    def _in_order(cls, birads: tuple[BiRads, ...]) -> tuple[BiRads, ...]:
        if list(birads) != sorted(set(birads), key=BIRADS.index):
            raise ValueError(f"BI-RADS categories in their order, each once: {', '.join(BIRADS)}")
        return birads


class Reading(Part):
    """Rules of reading. Time without a key, touch or movement for ``idle_seconds`` is not active; a break is advised after
    ``break_minutes`` of active reading. With ``return_allowed`` a reader may answer a case anew (every answer is kept, the last
    counts); by default a committed answer is final."""

    feedback: bool = True
    idle_seconds: Annotated[int, Field(ge=5, le=3600)] = 60
    break_minutes: Annotated[int, Field(ge=1, le=600)] = 30
    return_allowed: bool = False


class Ai(Part):
    """The model that is read against: a shipped bundle's name or a path, the sha256 of its ``model.onnx`` (filled in at the start
    where it is not given) and one of its operating points (its default where not given)."""

    bundle: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    operating_point: str | None = None


class Panel(Part):
    """A group of readers that gives one answer a case: by ``majority`` of what its members said alone, or by ``discussion``, with
    one set of answers entered together."""

    name: Annotated[str, Field(pattern=r"^[\w -]{1,40}$")]
    mode: Literal["majority", "discussion"] = "majority"
    members: Annotated[int, Field(ge=2, le=15)] = 3

    @model_validator(mode="after")
    def _odd(self) -> Panel:
        if self.mode == "majority" and self.members % 2 == 0:
            raise ValueError(f"panel {self.name!r} of {self.members} may split evenly; a majority needs an odd number")
        return self


class About(Part):
    """Name and texts. ``id`` names the study in addresses and files; ``seed`` gives the order of reading and the draw."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$")]
    title: Annotated[str, Field(min_length=1, max_length=200)]
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    contact: str = ""
    consent: Annotated[str, Field(min_length=1)]
    thanks: str = "Thank you. Your readings are complete."
    ethics: str = ""
    registration: str = ""


class Protocol(Part):
    """A whole protocol. Levels are in rising order of years; see :mod:`usnet.readers.levels`."""

    study: About
    cases: Cases
    design: Design = Design()
    questions: Questions = Questions()
    reading: Reading = Reading()
    levels: tuple[Level, ...]
    panels: tuple[Panel, ...] = ()
    ai: Ai | None = None

    @model_validator(mode="after")
    def _fits(self) -> Protocol:
        check_levels(self.levels)
        if self.ai is None and set(self.design.arms) - {"unaided"}:
            raise ValueError("an arm shows the model, and the protocol names none: add [ai]")
        if len({panel.name for panel in self.panels}) != len(self.panels):
            raise ValueError("two panels have one name")
        if self.cases.repeats * 2 > self.cases.total:
            raise ValueError(f"{self.cases.repeats} repeats of {self.cases.total} cases; at most half")
        return self

    @property
    def periods(self) -> int:
        """How often a reader reads all cases."""
        return len(self.design.arms)

    def canonical(self) -> str:
        """One spelling of the content: comments and layout of the TOML do not matter."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)

    def sha256(self) -> str:
        """What the protocol is frozen by."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()
