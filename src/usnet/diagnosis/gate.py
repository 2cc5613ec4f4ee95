"""The gate: frames that are no grey B-mode breast ultrasound get a reason instead of an opinion.

A bundle may hold ``gate.json``, fitted by ``usnet model gate`` on its training frames; without it everything passes.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, FiniteFloat, ValidationError, model_validator

from usnet.bundles import Bundle
from usnet.errors import BundleError, UnreadableImage
from usnet.images.appearance import COUNT, appearance
from usnet.values import Frame

FILE = "gate.json"
OVERRULED = "gate: "
"""Beginning of a warning about a frame that the gate refused and that was judged all the same, at a reader's word."""
REACH = 6.0
"""Standard deviations at which a feature is clipped: what lies further out is no stronger evidence."""


class NoBreastUltrasound(UnreadableImage):
    """The frame is not what the model can judge."""


class Gate(BaseModel):
    """A linear score of :func:`usnet.images.appearance.appearance`; frames below ``threshold`` are refused.

    ``mean``, ``scale`` and ``weights`` have one entry a feature; ``score = intercept + sum(weights * clip((x - mean) / scale))``.
    ``origin`` says what it was fitted on and ``measured`` what came of it there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: tuple[FiniteFloat, ...]
    scale: tuple[FiniteFloat, ...]
    weights: tuple[FiniteFloat, ...]
    intercept: FiniteFloat
    threshold: FiniteFloat
    origin: str
    measured: dict[str, float] = {}

    @model_validator(mode="after")
    def _complete(self) -> Gate:
        lengths = {len(self.mean), len(self.scale), len(self.weights)}
        if lengths != {COUNT} or min(self.scale) <= 0:
            raise ValueError(
                f"{sorted(lengths)} entries, least scale {min(self.scale)}; expected {COUNT}, all scales above 0"
            )
        return self

    @cached_property
    def _arrays(self) -> tuple[npt.NDArray[np.float64], ...]:
        return np.array(self.mean), np.array(self.scale), np.array(self.weights)

    def score(self, features: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Scores ``[N]`` of ``[N, 37]``; higher is more like breast ultrasound."""
        mean, scale, weights = self._arrays
        found: npt.NDArray[np.float64] = self.intercept + np.clip((features - mean) / scale, -REACH, REACH) @ weights
        return found

    def check(self, frame: Frame) -> None:
        """Let a frame through, or raise.

        Raises
        ------
        NoBreastUltrasound
            The frame is blank, shows Doppler or elastography colour, or does not look like B-mode ultrasound.
        """
        if frame.pixels.min() == frame.pixels.max():
            raise _refused(frame, "blank: every pixel has the same value")
        if "colour" in frame.flags:
            raise _refused(
                frame,
                "colour: Doppler, elastography or other colour lies over the frame, the model knows grey B-mode only",
            )
        score = float(self.score(appearance(frame.pixels)[None])[0])
        if not math.isfinite(score) or score < self.threshold:
            raise _refused(
                frame,
                f"not breast ultrasound: it does not look like a B-mode frame (score {score:.2f}, least {self.threshold:.2f})",
            )


def _refused(frame: Frame, reason: str) -> NoBreastUltrasound:
    return NoBreastUltrasound(
        reason,
        source=frame.source,
        hint="No opinion is given; if it is breast ultrasound after all, switch the gate off",
    )


def gate_of(bundle: Bundle) -> Gate | None:
    """The gate of a bundle, ``None`` where it has none.

    Raises
    ------
    BundleError
        ``gate.json`` is not what its format says.
    """
    if FILE not in bundle.manifest.files:
        return None
    try:
        return Gate.model_validate_json(bundle.read(FILE))
    except ValidationError as error:
        raise BundleError(
            f"{FILE}: {error.errors()[0]['msg']}", source=bundle.path, hint="Fit it again with 'usnet model gate'"
        ) from None
