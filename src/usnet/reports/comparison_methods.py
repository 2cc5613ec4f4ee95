"""``usnet compare-methods``: the table of rivals, in the form that ``usnet stats`` writes. Where a rival wins, it says so first."""

from __future__ import annotations

from collections.abc import Sequence

from usnet.comparators.scores import ALPHA, MEASURES, SPECIFICITY, Against, Number, Row
from usnet.datasets.records import Dataset
from usnet.reports.statistics import Cell, Grid, Outcome, p_text

SHOWN = {
    "AUC": "AUC",
    "AP50": "AP50",
    "AP11": "AP11",
    "sensitivity": f"sensitivity at specificity {SPECIFICITY:g}",
    "wrong boxes a normal image": "wrong boxes a normal image",
    "small nodules found": "small nodules found",
    "Dice": "Dice of the outline",
}


def methods_outcome(
    rows: Sequence[Row],
    dataset: Dataset,
    reference: str,
    *,
    settings: dict[str, object],
    refused: Sequence[tuple[str, str]] = (),
) -> Outcome:
    """The outcome; ``settings`` say with what budget all were trained, ``refused`` names methods that could not run, and why."""
    wins, losses = _verdicts(rows, reference)
    images = max(row.images for row in rows)
    groups = len({r.group for r in dataset.records if r.exclude is None and r.label is not None})
    notes = [*wins, *losses] if wins else [f"No rival is better than {reference} on any measure.", *losses]
    notes += [f"Budget, the same for all that are trained: {', '.join(f'{k} {v}' for k, v in settings.items())}."]
    notes += [
        "Methods that are told the true boxes or BI-RADS know more than USNet; they have no AP, because they look for nothing.",
        "Training minutes and milliseconds depend on what else the machine did; training was measured once and has no interval. "
        "Classical methods share features of training images: the first one's minutes hold them.",
        *(note for measure, note in _NOTES.items() if measure in _measured(rows)),
        *(f"Not run: {name}: {reason}" for name, reason in refused),
    ]
    rivals = len(rows) - 1
    return Outcome(
        "compare_methods",
        "AUC by Obuchowski 1997 (DeLong where every image is a group); all else by cluster bootstrap; differences paired by image; "
        f"p adjusted by Holm for {rivals} rivals, each measure on its own",
        f"{images} test images in {groups} groups of {dataset.name}",
        "image; clusters are groups",
        (_results(rows), _differences(rows, reference)),
        _sentences(rows, reference),
        tuple(notes),
        {"rows": [_numbers(row) for row in rows], "settings": settings, "refused": dict(refused)},
        title=f"{rivals} rivals of {reference}",
    )


_NOTES = {
    "small nodules found": "Small nodules measure under 10 mm, or, without millimetres, under 0.15 of the image; found means a box "
    "at the method's stored operating point.",
    "Dice": "Dice is with the masks that experts drew, on images of one nodule: a contour found in the strongest box, or the "
    "method's own paint (U-Net).",
}
"""Of measures that need something of the data; they are left out where it is missing."""


def _measured(rows: Sequence[Row]) -> tuple[str, ...]:
    """The measures, without those that need masks or small nodules where there are none."""
    return tuple(m for m in MEASURES if m not in _NOTES or any(row.numbers[m].value is not None for row in rows))


def _text(number: Number, digits: int = 3) -> Cell:
    if number.value is None:
        return None
    interval = (
        "" if number.interval is None else f" ({number.interval.low:.{digits}f}-{number.interval.high:.{digits}f})"
    )
    return f"{number.value:.{digits}f}{interval}"


def _results(rows: Sequence[Row]) -> Grid:
    shown = _measured(rows)
    names = [SHOWN[m] for m in shown]
    headings = ("method", "is told", "n", *names, "ms an image", "parameters", "training minutes")
    cells = tuple(
        (
            row.method.name,
            row.method.told or "nothing",
            row.images,
            *(_text(row.numbers[m]) for m in shown),
            _text(row.milliseconds, 1),
            None if row.cost.parameters is None else f"{row.cost.parameters:,}",
            None if row.cost.minutes is None else f"{row.cost.minutes:.2f}",
        )
        for row in rows
    )
    return Grid(
        "Methods, those that beat USNet first, then by AUC (malignant v benign); 95 % intervals", headings, cells
    )


def _differences(rows: Sequence[Row], reference: str) -> Grid:
    headings = ("method", "measure", "difference", "95 % CI", "p", "p, adjusted", "verdict")
    cells = tuple(
        (row.method.name, SHOWN[m], a.difference, _interval(a), p_text(a.p), p_text(a.adjusted), _verdict(a, m))
        for row in rows
        for m, a in row.against.items()
        if a.difference is not None
    )
    return Grid(f"Each rival minus {reference}, on the images that both have an opinion on", headings, cells)


def _interval(against: Against) -> Cell:
    return None if against.interval is None else f"{against.interval.low:.3f} to {against.interval.high:.3f}"


def _verdict(against: Against, measure: str) -> str:
    if against.better(measure):
        return "rival better"
    if against.adjusted is None:
        return "not testable"
    return "rival worse" if against.adjusted < ALPHA else "no difference shown"


def _verdicts(rows: Sequence[Row], reference: str) -> tuple[list[str], list[str]]:
    """Who beats USNet, and who is above it without proof."""
    wins, losses = [], []
    for row in rows:
        told = f" (it is told {row.method.told})" if row.method.told else ""
        if row.wins:
            wins.append(
                f"{row.method.name}{told} is better than {reference} in {', '.join(SHOWN[m] for m in row.wins)}."
            )
    above = [r.method.name for r in rows if not r.wins and (d := r.against.get("AUC")) and (d.difference or 0) > 0]
    if above:
        losses.append(f"Higher AUC than {reference}, but no difference shown after adjustment: {', '.join(above)}.")
    return wins, losses


def _sentences(rows: Sequence[Row], reference: str) -> tuple[str, ...]:
    said = []
    for row in rows:
        auc = row.against.get("AUC")
        if auc is None or auc.difference is None:
            continue
        p = "not testable" if auc.adjusted is None else p_text(auc.adjusted)
        said.append(
            f"{row.method.name}: AUC {_text(row.numbers['AUC'])}, {auc.difference:+.3f} against {reference} "
            f"(95 % CI {_interval(auc) or '-'}; adjusted p {p}; {row.images} images)."
        )
    return tuple(said)


def _numbers(row: Row) -> dict[str, object]:
    return {
        "method": row.method.name,
        "kind": row.method.kind,
        "told": row.method.told,
        "images": row.images,
        "numbers": row.numbers,
        "milliseconds": row.milliseconds,
        "cost": row.cost,
        "against": row.against,
        "wins": row.wins,
    }
