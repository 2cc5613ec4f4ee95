"""What the scripts of the annotate pages say, in the reader's language."""

from __future__ import annotations

from starlette.requests import Request

from usnet.web.words import N_, translate

_WORDS = {
    "malignant": N_("malignant"),
    "benign": N_("benign"),
    "unknown": N_("unknown"),
    "normal": N_("normal"),
    "mark": N_("Box {n}: {label}, BI-RADS {birads}, x {x}, y {y}, {w} × {h} px"),
    "noBirads": N_("not given"),
    "suggestion": N_("Suggestion {n}: {label}, probability of malignancy {p}. Press A to take it."),
    "ofReader": N_("Reader {r}, box {n}: {label}"),
    "moved": N_("Box {n}: x {x}, y {y}, {w} × {h} px"),
    "removed": N_("Box {n} removed"),
    "undone": N_("Undone"),
    "redone": N_("Done again"),
    "nothingToUndo": N_("There is nothing to undo"),
    "nothingToRedo": N_("There is nothing to do again"),
    "statedNormal": N_("Stated: no nodule on this image"),
    "normalTaken": N_("The statement is taken back: nothing is said of this image"),
    "boxesFirst": N_("There are boxes on this image: remove them before you state that it is normal"),
    "saySomething": N_("Draw a box first, or state that the image is normal (N)"),
    "finished": N_("Image {n} is done"),
    "reopened": N_("Image {n} is open again"),
    "saving": N_("Saving …"),
    "saved": N_("Saved, version {v}"),
    "unsaved": N_("Not saved yet: {why}. Trying again …"),
    "refused": N_("This cannot be saved: {why}"),
    "elsewhere": N_("Another page changed this image meanwhile. Its version is shown now."),
    "asGiven": N_("As the dataset has it; nothing saved yet"),
    "drawHint": N_("Drag on the picture, or press Enter for a box in the middle. Escape ends."),
    "hiddenSuggestions": N_("Suggestions hidden"),
    "shownSuggestions": N_("Suggestions shown: {n}"),
    "asking": N_("The model is looking at this image …"),
    "noSuggestions": N_("The model proposes no box on this image"),
    "askFailed": N_("The model could not be asked: {why}"),
    "first": N_("This is the first image"),
    "last": N_("This is the last image"),
    "allDone": N_("No image is left to do"),
    "cannotLoad": N_("This image cannot be shown: {why}"),
    "progress": N_("{done} of {all} done"),
    "selectFirst": N_("Choose a box first (Tab)"),
    "none": N_("Nothing is said of this image yet"),
    "untouched": N_("untouched"),
    "begun": N_("begun"),
    "done": N_("done"),
    "unreadable": N_("unreadable"),
    "shownImages": N_("{n} of {all} images shown"),
    "sending": N_("Sending … {p}"),
    "reading": N_("The file was sent and is being read …"),
    "imported": N_("{n} images taken over; {u} names are not in this project; {r} refused"),
}


def annotate_words(request: Request) -> dict[str, str]:
    """Every message, translated; ``{name}`` stays for the script to fill in."""
    return {key: translate(request, message) for key, message in _WORDS.items()}
