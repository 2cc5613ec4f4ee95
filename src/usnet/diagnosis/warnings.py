"""What a reader of a diagnosis should know about the frame it was made on. Each warning is ``code: plain words``."""

from __future__ import annotations

from usnet.bundles.manifest import Manifest
from usnet.images import LetterboxTransform
from usnet.values import Flag, Frame

MAX_ENLARGEMENT = 2.0
"""Frames enlarged more than this hold less detail than the network was trained to see."""

PLAUSIBLE_MM = (10.0, 250.0)
"""Extent of a breast ultrasound frame. Linear probes are 25 to 60 mm wide and look 20 to 90 mm deep; panoramas reach further."""

_FLAGS: dict[Flag, str] = {
    "colour": "colour: colour Doppler, elastography or other colour is in the frame; the model knows grey B-mode only, "
    "do not rely on this result",
    "calipers": "calipers: measurement marks are burned in and may have steered the model",
    "text": "text: writing is burned in and may have steered the model",
}


def frame_warnings(frame: Frame, transform: LetterboxTransform, manifest: Manifest) -> tuple[str, ...]:
    """Warnings for one frame, the gravest first."""
    found = [text for flag, text in _FLAGS.items() if flag in frame.flags]
    if frame.pixels.min() == frame.pixels.max():
        found.append("blank: every pixel of the frame has the same value")
    enlargement = max(transform.scale_x, transform.scale_y)
    if enlargement > MAX_ENLARGEMENT:
        found.append(
            f"small: the frame has {frame.width} x {frame.height} pixels and was enlarged {enlargement:.1f} times"
        )
    found += _calibration(frame)
    found += [f"file: {note}" for note in frame.attributes.get("notes", ())]
    if manifest.calibration.origin == "uncalibrated":
        found.append("probability: this model's probabilities were never calibrated, read them as an order only")
    return tuple(found)


def _calibration(frame: Frame) -> list[str]:
    if frame.spacing_mm is None:
        return ["uncalibrated: the file has no usable pixel spacing, so sizes in mm are unknown"]
    rows, columns = frame.spacing_mm
    height, width = frame.height * rows, frame.width * columns
    low, high = PLAUSIBLE_MM
    source = f" (from {frame.spacing_source})" if frame.spacing_source else ""
    if not (low <= height <= high and low <= width <= high):
        return [
            f"spacing: {rows:.4g} x {columns:.4g} mm a pixel{source} makes the frame {width:.0f} x {height:.0f} mm; "
            "sizes are doubtful"
        ]
    return []
