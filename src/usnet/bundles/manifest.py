"""``bundle.json``: everything about a trained model that is not a weight. Unknown keys are errors."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from usnet.anchors import AnchorSpec
from usnet.values import PATHOLOGIES, OperatingPoint

FORMAT_VERSION = 1
AGREEMENT = 0.005
"""By how much AP and AUC may differ from float32's before a lower precision is refused."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Preprocessing(_Frozen):
    """How a frame becomes the network's input ``float32 [1, size, size]`` in [0, 1] (normalisation is inside the network)."""

    size: int = Field(default=256, gt=0)
    mode: Literal["letterbox", "stretch"] = "letterbox"


class Postprocessing(_Frozen):
    """From raw heads to candidate boxes."""

    top_k: int = Field(default=400, gt=0, description="anchors kept before suppression")
    nms_iou: float = Field(default=0.3, ge=0, le=1, description="nodules on one frame hardly overlap, so a low value")
    max_candidates: int = Field(
        default=20, gt=0, description="boxes kept for evaluation; real frames show at most three nodules"
    )
    min_score: float = Field(default=0.01, gt=0, lt=1, description="weaker boxes are dropped before suppression")


class Logistic(_Frozen):
    """Platt scaling: ``p = 1 / (1 + exp(-(slope * x + intercept)))``."""

    slope: FiniteFloat = 1.0
    intercept: FiniteFloat = 0.0


class BoxCalibration(_Frozen):
    """How likely a box lies on a nodule (IoU >= 0.5): ``p = 1 / (1 + exp(-(slope * x + below * (x - top) + intercept)))``.

    ``x`` is the logit of the box's score and ``top`` that of the image's strongest box: a faint box is often right where nothing is
    louder, and hardly ever beside a louder one.
    """

    slope: FiniteFloat = Field(ge=0)
    below: FiniteFloat = Field(ge=0)
    intercept: FiniteFloat
    origin: str


class Calibration(_Frozen):
    """``nodule``: x is the logit of the strongest box's score, p that the image shows a nodule.
    ``malignancy``: x is the malignant minus the benign logit of a box, p that the nodule is malignant.
    ``box``: p that a box lies on a nodule; ``None`` leaves boxes ranked by the network's own class scores."""

    nodule: Logistic = Logistic()
    malignancy: Logistic = Logistic()
    box: BoxCalibration | None = None
    origin: str = "uncalibrated"


class SecondLook(_Frozen):
    """A classifier on crops of found boxes, and how its logit joins the detector's evidence.

    Evidence for malignancy of a box, as log-odds on the validation images: ``detector * log_ratio + look * logit + intercept``
    for a box that was looked at, ``alone`` of its ``log_ratio`` for one that was not. ``calibration.malignancy`` then takes it in
    the log ratio's place.
    """

    file: str = "second_look.onnx"
    size: int = Field(default=160, gt=0, description="side of the crop in pixels")
    margin: float = Field(default=0.25, ge=0, description="on each side, as a share of the box's longer side")
    boxes: int = Field(default=3, gt=0, description="at most so many boxes of an image; the strongest always")
    min_score: float = Field(default=0.1, ge=0, le=1, description="weaker boxes but the strongest are not looked at")
    detector: FiniteFloat = 1.0
    look: FiniteFloat = 1.0
    intercept: FiniteFloat = 0.0
    alone: Logistic = Logistic()
    origin: str = "not fitted"
    training: dict[str, Any] = Field(default_factory=dict, description="as the manifest's own")


class LowerPrecision(_Frozen):
    """What was measured of the same model below float32, on images that it was not trained on: the licence to use it.

    ``ap`` is the mean 11-point AP of both classes at IoU 0.5, ``auc`` that of malignant against benign over images; the fields that
    end in ``_f32`` are float32's on the same images. Holds for one engine and one set of weights.
    """

    precision: Literal["int8", "bf16"]
    engine: Literal["onnxruntime", "openvino"]
    file: str = Field(default="model.onnx", description="the network to run")
    second_look: str | None = Field(default=None, description="the second look to run; the float32 one if left out")
    model_sha256: str = Field(description="the float32 model that it agrees with, see usnet model info")
    images: int = Field(gt=0)
    ap: FiniteFloat
    ap_f32: FiniteFloat
    auc: FiniteFloat
    auc_f32: FiniteFloat
    kept_f32: tuple[str, ...] = Field(default=(), description="parts of the network that stayed in float32")
    origin: str = ""

    @property
    def agrees(self) -> bool:
        """Whether AP and AUC are within :data:`AGREEMENT` of float32's."""
        return abs(self.ap - self.ap_f32) <= AGREEMENT and abs(self.auc - self.auc_f32) <= AGREEMENT


class Threshold(_Frozen):
    """One stored operating point; see :class:`usnet.values.OperatingPoint`."""

    name: str
    detection: float = Field(ge=0, le=1)
    malignancy: float = Field(ge=0, le=1)
    origin: str

    def value(self) -> OperatingPoint:
        """The immutable value that travels with every diagnosis."""
        return OperatingPoint(self.name, self.detection, self.malignancy, self.origin)


class Manifest(_Frozen):
    """The content of ``bundle.json``."""

    format: Literal[1] = 1
    name: str
    created: str = Field(description="UTC, ISO 8601")
    classes: tuple[str, ...] = PATHOLOGIES
    preprocessing: Preprocessing = Preprocessing()
    anchors: AnchorSpec = AnchorSpec()
    postprocessing: Postprocessing = Postprocessing()
    calibration: Calibration = Calibration()
    operating_points: tuple[Threshold, ...] = (
        Threshold(name="default", detection=0.3, malignancy=0.5, origin="not chosen on data"),
    )
    default_operating_point: str = "default"
    second_look: SecondLook | None = None
    precisions: tuple[LowerPrecision, ...] = Field(default=(), description="below float32, the preferred one first")
    training: dict[str, Any] = Field(
        default_factory=dict, description="data with hashes, configuration, seed, versions"
    )
    metrics: dict[str, Any] = Field(default_factory=dict)
    licence: str = "Apache-2.0"
    files: dict[str, str] = Field(default_factory=dict, description="file name to sha256, verified on load")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.anchors.image_size != self.preprocessing.size:
            raise ValueError(f"anchors for {self.anchors.image_size} px, preprocessing to {self.preprocessing.size} px")
        if self.classes != PATHOLOGIES:
            raise ValueError(f"classes {self.classes}; expected {PATHOLOGIES}")
        if self.default_operating_point not in (t.name for t in self.operating_points):
            raise ValueError(f"no operating point is named {self.default_operating_point!r}")
        return self

    def operating_point(self, name: str | None = None) -> OperatingPoint:
        """The named operating point (the default one for ``None``).

        Raises
        ------
        KeyError
            No operating point has that name.
        """
        wanted = name or self.default_operating_point
        for threshold in self.operating_points:
            if threshold.name == wanted:
                return threshold.value()
        raise KeyError(wanted)
