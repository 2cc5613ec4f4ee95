"""What happened to one file. Nothing in it comes from the file's own text, so that reports can travel with the files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Status = Literal["done", "review", "failed", "left out"]
"""``review``: written, but the picture's area was not known for sure, so somebody has to look at it before it is passed on."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One file of a run.

    ``source`` and ``detail``, the whole text of an error, may name a person; reports never hold them. ``output`` is relative to the
    folder of the run. ``lines`` counts lines of text hidden inside the picture, ``changed_frames`` the frames with hidden pixels,
    ``hidden_share`` is the share of a frame that is black. ``actions`` counts attributes by what was done to them.
    """

    source: Path
    status: Status
    number: int
    output: str = ""
    kind: str = ""
    patient: str = ""
    frames: int = 0
    changed_frames: int = 0
    area: str = ""
    hidden_share: float | None = None
    lines: int = 0
    coding_in: str = ""
    coding_out: str = ""
    actions: tuple[tuple[str, int], ...] = ()
    picture: str = ""
    note: str = ""
    detail: str = ""
