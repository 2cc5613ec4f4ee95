"""What the script on the page says, in the reader's language: it holds no sentence of its own."""

from __future__ import annotations

from starlette.requests import Request

from usnet.web.words import N_, translate

_WORDS = {
    "malignant": N_("malignant"),
    "benign": N_("benign"),
    "normal": N_("normal"),
    "noFinding": N_("No nodule found at this operating point"),
    "finding": N_("Finding {n}"),
    "own": N_("Your box {n}"),
    "boxLabel": N_("{name}: {label}, probability of malignancy {p}, {size}"),
    "ownUnscored": N_("{name}: {size}, not scored yet"),
    "uncalibrated": N_("uncalibrated"),
    "mm": N_("{w} × {h} mm"),
    "px": N_("{w} × {h} px, uncalibrated"),
    "calibratedBy": N_("Millimetres come from {source}: {row} × {column} mm a pixel (row × column)."),
    "notCalibrated": N_("Uncalibrated: the file does not say how large a pixel is, so there are no millimetres."),
    "scoring": N_("The model is looking at this box …"),
    "scored": N_("{name}: probability of malignancy {p}, score {s}."),
    "scoreFailed": N_("This box could not be scored: {why}"),
    "probability": N_("Probability of malignancy"),
    "score": N_("detection score {s}"),
    "below": N_("A probability this high or lower: {b} of the known benign nodules, {m} of the known malignant ones."),
    "noReference": N_("This model carries no distribution of known nodules to compare with."),
    "threshold": N_("Called malignant from {t} on."),
    "outline": N_(
        "Histogram of known nodules by probability: benign above the line, malignant below; this finding at {p}."
    ),
    "frame": N_("Frame {n} of {total}"),
    "cineSummary": N_("Findings on {n} of {total} frames."),
    "play": N_("Play"),
    "pause": N_("Pause"),
    "saved": N_("Saved as version {v}."),
    "saving": N_("Saving …"),
    "unsaved": N_("Not saved yet."),
    "conflict": N_("Somebody saved version {v} meanwhile. Load the page to see it; your entries are still here."),
    "failed": N_("That did not work: {why}"),
    "uploading": N_("Sending {name}: {p}"),
    "waiting": N_("Sent. Starting …"),
    "tooLarge": N_("{name} is larger than {max} MiB."),
    "making": N_("Making the report …"),
    "ready": N_("The report is ready."),
    "moved": N_("{name} at {x}, {y}, {w} × {h} pixels"),
    "removed": N_("{name} removed."),
    "drawHint": N_(
        "Drag a box over the nodule, or press Enter for one in the middle that you move with the arrow keys."
    ),
    "remove": N_("Remove"),
    "zoom": N_("Zoom {z}"),
    "hidden": N_("Boxes are hidden."),
    "shown": N_("Boxes are shown."),
    "sensitive": N_("sensitive"),
    "balanced": N_("balanced"),
    "specific": N_("specific"),
}


def screen_words(request: Request) -> dict[str, str]:
    """Sentences by name, with ``{holes}`` that the script fills."""
    return {name: translate(request, text) for name, text in _WORDS.items()}
