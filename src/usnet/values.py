"""The values that travel between rooms: immutable, no I/O, numpy at most.

Boxes are ``x, y, width, height``: upper-left corner and extent in the frame's own pixels, real-valued, with no ``+ 1``
(the annotation of Li et al. 2020, COCO's order). Unknown is ``None``, never 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Pathology = Literal["benign", "malignant"]
"""Biopsy truth of a nodule."""

Label = Literal["benign", "malignant", "normal"]
"""What an image shows. ``normal`` states that there is no nodule."""

LABELS: tuple[Label, ...] = ("benign", "malignant", "normal")
PATHOLOGIES: tuple[Pathology, ...] = ("benign", "malignant")
"""Order of the network's class outputs, everywhere."""

Flag = Literal["colour", "text", "calipers"]
"""Things burned into a frame that a network may mistake for anatomy; ``colour`` is Doppler or elastography."""

UInt8Image = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Box:
    """Axis-aligned box: upper-left corner ``(x, y)``, ``width`` and ``height``, in frame pixels.

    Raises
    ------
    ValueError
        If an entry is not finite or an extent is negative.
    """

    x: float
    y: float
    width: float
    height: float

    def __post_init__(self) -> None:
        values = (self.x, self.y, self.width, self.height)
        if not all(np.isfinite(v) for v in values):
            raise ValueError(f"box {values} has an entry that is not finite")
        if self.width < 0 or self.height < 0:
            raise ValueError(f"box {values} has a negative extent")

    @classmethod
    def from_corners(cls, x0: float, y0: float, x1: float, y1: float) -> Box:
        """Box from its upper-left and lower-right corner."""
        return cls(x0, y0, x1 - x0, y1 - y0)

    @property
    def corners(self) -> tuple[float, float, float, float]:
        """``(x0, y0, x1, y1)``."""
        return self.x, self.y, self.x + self.width, self.y + self.height

    @property
    def area(self) -> float:
        """Square pixels."""
        return self.width * self.height

    def as_list(self) -> list[float]:
        """``[x, y, width, height]``, as COCO writes it."""
        return [self.x, self.y, self.width, self.height]

    def intersection(self, other: Box) -> float:
        """Shared area in square pixels."""
        ax0, ay0, ax1, ay1 = self.corners
        bx0, by0, bx1, by1 = other.corners
        return max(0.0, min(ax1, bx1) - max(ax0, bx0)) * max(0.0, min(ay1, by1) - max(ay0, by0))

    def iou(self, other: Box) -> float:
        """Intersection over union, 0 where both are empty."""
        shared = self.intersection(other)
        union = self.area + other.area - shared
        return shared / union if union > 0 else 0.0

    def clipped(self, width: float, height: float) -> Box:
        """The part inside a frame of ``width`` x ``height`` pixels (may be empty)."""
        x0, y0, x1, y1 = self.corners
        x0, x1 = (min(max(v, 0.0), width) for v in (x0, x1))
        y0, y1 = (min(max(v, 0.0), height) for v in (y0, y1))
        return Box.from_corners(x0, y0, x1, y1)


@dataclass(frozen=True, slots=True)
class Nodule:
    """The truth about one nodule on one image. ``diameter_mm`` is the largest diameter as the source reports it."""

    box: Box
    pathology: Pathology | None = None
    nodule_id: str | None = None
    birads: str | None = None
    histology: str | None = None
    diameter_mm: float | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One predicted nodule.

    ``score`` is the detection score in [0, 1]; ``probability`` the calibrated probability of malignancy given that the box is a
    nodule; ``class_scores`` (benign, malignant) are what the boxes of a class are ranked by: the probability that the box lies on a
    nodule of that class, or the network's raw scores where the bundle does not calibrate boxes; ``label`` the call at the operating
    point; ``size_mm`` the box's (width, height), ``None`` where the frame is uncalibrated.
    """

    box: Box
    score: float
    probability: float
    class_scores: tuple[float, float]
    label: Pathology
    size_mm: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """Thresholds fixed on validation data, and where they come from.

    A finding is kept at ``score >= detection``; an image with a kept finding is called malignant at
    ``probability >= malignancy``, and an image without one is called normal. ``origin`` says on which data and by
    which rule both were chosen.
    """

    name: str
    detection: float
    malignancy: float
    origin: str


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which weights spoke: the bundle's name and the sha256 of its ``model.onnx``."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the system says of one image. The three probabilities add up to 1.

    ``findings`` are sorted by falling ``score``, at the operating point; ``candidates`` hold weaker boxes too (those
    an evaluation needs), the findings included. ``width`` and ``height`` are the frame's, in pixels; ``group`` is
    the patient or nodule that views are fused by.
    """

    image_id: str
    source: str
    width: int
    height: int
    findings: tuple[Finding, ...]
    p_benign: float
    p_malignant: float
    p_normal: float
    label: Label
    operating_point: OperatingPoint
    model: ModelIdentity
    seconds: float
    candidates: tuple[Finding, ...] = ()
    warnings: tuple[str, ...] = ()
    frame: int = 0
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that could not be diagnosed: its row in every output, with the reason."""

    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded B-mode image on the one pixel path.

    ``pixels`` is ``uint8 [H, W]``, bright = echogenic. ``spacing_mm`` is (row, column) millimetres a pixel, or ``None``;
    ``spacing_source`` names the attribute it came from. ``region`` is the part of the stored matrix that ``pixels`` shows
    (in matrix pixels). ``source`` is the path or name read, ``sha256`` of its bytes, ``uid`` the SOP Instance UID.
    """

    pixels: UInt8Image
    source: str
    sha256: str
    spacing_mm: tuple[float, float] | None = None
    spacing_source: str | None = None
    region: Box | None = None
    number: int = 0
    uid: str | None = None
    flags: frozenset[Flag] = frozenset()
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])


def corners_array(boxes: Sequence[Box]) -> npt.NDArray[np.float64]:
    """``float64 [N, 4]`` corners ``x0, y0, x1, y1`` of boxes; shape ``[0, 4]`` for none."""
    return np.array([b.corners for b in boxes], dtype=np.float64).reshape(-1, 4)
