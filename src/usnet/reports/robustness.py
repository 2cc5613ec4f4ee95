"""``usnet robustness``: one table of what each disturbance does to a model, in the form that ``usnet stats`` writes."""

from __future__ import annotations

from collections.abc import Sequence

from usnet.evaluation.differences import Difference
from usnet.evaluation.robustness import LARGEST_DROP, Disturbed
from usnet.reports.statistics import Cell, Grid, Outcome, interval_text, p_text

AUC = ("AUC", "malignant v benign")
AP = ("AP11", "mean of benign and malignant")
FOUND = ("sensitivity", "nodule found")


def robustness_outcome(found: Sequence[Disturbed]) -> Outcome:
    """Rows by disturbance; differences are disturbed minus undisturbed."""
    first = found[0].comparison
    before = {what: found[0].get(*what).second for what in (AUC, AP, FOUND)}
    rows = tuple(_row(d) for d in found)
    headings = (
        "disturbance",
        "AUC",
        "change",
        "95 % CI",
        "p",
        "AP11",
        "change",
        "95 % CI",
        "found",
        "change",
        "95 % CI",
    )
    undisturbed: tuple[Cell, ...] = (
        "none",
        before[AUC],
        None,
        None,
        None,
        before[AP],
        None,
        None,
        before[FOUND],
        None,
        None,
    )
    title = "Disturbed images against the same images as they are (AUC: malignant v benign; AP11: mean of both classes)"
    return Outcome(
        "robustness",
        "each image diagnosed as it is and disturbed, boxes taken back to the original's pixels; AUC by Obuchowski's 1997 paired "
        f"test, the rest by {first.draws} paired draws of whole groups, seed {first.seed}; p is not corrected for the rows' number",
        f"{first.images} images in {first.groups} groups",
        "image for the AUC, nodule for the rest; clusters are groups (patients)",
        (Grid(title, headings, (undisturbed, *rows)),),
        (),
        _notes(found),
        {"disturbances": {d.disturbance.name: d.comparison.differences for d in found}},
    )


def _row(disturbed: Disturbed) -> tuple[Cell, ...]:
    auc, ap, nodules = (disturbed.get(*what) for what in (AUC, AP, FOUND))
    return (disturbed.disturbance.name, *_cells(auc), p_text(auc.p), *_cells(ap), *_cells(nodules))


def _cells(d: Difference) -> tuple[Cell, Cell, Cell]:
    return d.first, d.difference, interval_text(d.interval)


def _notes(found: Sequence[Disturbed]) -> tuple[str, ...]:
    falls = [d for d in found if (d.get(*AUC).difference or 0.0) < -LARGEST_DROP]
    said = [f"{d.disturbance.name}: {d.disturbance.says}." for d in found]
    names = ", ".join(d.disturbance.name for d in falls)
    said.append(f"AUC falls by more than {LARGEST_DROP:g} under: {names or 'none'}.")
    return tuple(said)
