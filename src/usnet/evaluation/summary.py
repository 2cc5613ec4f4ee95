"""The few tables people read first, as rows of text: shared by the command line and the report."""

from __future__ import annotations

from dataclasses import dataclass

from usnet.evaluation.assess import Evaluation
from usnet.evaluation.metric import Averaging, Metric, Unit, text

COLUMNS = ("accuracy", "precision", "recall", "specificity", "f1", "ap11", "auc")
HEADINGS = (
    "Accuracy, %",
    "Precision, %",
    "Recall = sensitivity, %",
    "Specificity, %",
    "F1",
    "AP (11 points)",
    "AUC",
)
NAMES = {
    "auc": "AUC",
    "f1": "F1",
    "ppv": "PPV",
    "npv": "NPV",
    "ap11": "AP, 11 points",
    "map11": "mAP, 11 points",
    "ap_all": "AP, all points",
    "map_all": "mAP, all points",
    "localisation": "localisation of the strongest box",
    "brier": "Brier score",
    "ece": "ECE",
    "coco_ap": "COCO AP, IoU 0.50 to 0.95",
    "coco_ap50": "COCO AP, IoU 0.50",
    "coco_ap75": "COCO AP, IoU 0.75",
    "coco_ap_small": "COCO AP, nodules below 32² pixels",
    "coco_ap_medium": "COCO AP, nodules of 32² to 96² pixels",
    "coco_ap_large": "COCO AP, nodules above 96² pixels",
    "coco_ar100": "COCO average recall",
}
"""How a metric is called in a report, where its name in the files would not do."""
SUBJECTS = ("benign v rest", "malignant v rest", "normal v rest", "malignant v benign")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``cells`` follow :data:`COLUMNS`; ``note`` replaces them where the row cannot be estimated."""

    subject: str
    unit: Unit
    positives: int
    negatives: int
    cells: tuple[str, ...]
    note: str | None = None


def paper_table(evaluation: Evaluation, averaging: Averaging) -> list[Row]:
    """The paper's results (equations 2 to 6) for its three classes, then malignant against benign alone, then patients.

    AP and AUC are not reweighted: they stand in the raw table only, and the balanced one has the first five columns.
    """
    rows = [_row(evaluation, s, averaging, "image") for s in SUBJECTS]
    rows += [_row(evaluation, s, averaging, "patient") for s in ("malignant v rest", "malignant v benign")]
    return [row for row in rows if row is not None]


def _row(evaluation: Evaluation, subject: str, averaging: Averaging, unit: Unit) -> Row | None:
    accuracy = evaluation.metric("accuracy", subject, averaging=averaging, unit=unit)
    if accuracy is None:
        return None
    names = COLUMNS if averaging == "raw" else COLUMNS[:-2]
    cells = tuple(_cell(evaluation, name, subject, averaging, unit) for name in names)
    note = accuracy.note if accuracy.value is None else None
    return Row(subject, unit, accuracy.positives or 0, accuracy.negatives or 0, cells, note)


def _cell(evaluation: Evaluation, name: str, subject: str, averaging: Averaging, unit: Unit) -> str:
    if name == "ap11":
        if not subject.endswith("v rest") or unit != "image":
            return ""
        return text(evaluation.metric(name, subject.removesuffix(" v rest")), 3, percent=False)
    metric = evaluation.metric(name, subject, averaging=averaging, unit=unit)
    return text(metric, 3, percent=False) if name in ("f1", "auc") else text(metric)


def interval_note(evaluation: Evaluation) -> str:
    """How the printed intervals take clusters into account."""
    images, groups, draws = (
        evaluation.counts["images"],
        evaluation.counts["groups"],
        evaluation.settings["bootstrap_draws"],
    )
    boot = (
        f"cluster bootstrap ({draws} draws of whole groups, seed {evaluation.settings['seed']})"
        if draws
        else "none (no draws)"
    )
    if groups == images:
        how = "every image is a group of its own: Wilson's for rates, DeLong's for AUC"
    else:
        how = (
            f"clustered by patient or group, {images} images in {groups} groups: Wilson's on the effective number of images for "
            "rates, Obuchowski's for AUC"
        )
    return f"95 % intervals, {how}; {boot} for F1, AP and whatever is weighted."


def count_text(metric: Metric) -> str:
    """``152/180`` for a rate, ``77 v 103`` for what compares positives with negatives, nothing otherwise."""
    if metric.numerator is not None and metric.denominator is not None:
        return f"{metric.numerator:g}/{metric.denominator:g}"
    if metric.positives is not None and metric.negatives is not None:
        return f"{metric.positives} v {metric.negatives}"
    return str(metric.positives) if metric.positives is not None else ""


def comparison_text(evaluation: Evaluation) -> list[tuple[str, str, str, str, str]]:
    """Rows of baseline, images, the baseline's AUC, the model's on the same images, and their difference with p."""
    rows = []
    for comparison in evaluation.comparisons:
        alone = evaluation.metric("auc", f"malignant v benign, {comparison.baseline}")
        model = evaluation.metric("auc", f"malignant v benign, model beside {comparison.baseline}")
        test = comparison.test
        if test is None:
            said = comparison.note or ""
        else:
            p = "not testable" if test.p is None else "p < 0.001" if test.p < 0.001 else f"p = {test.p:.3f}"
            said = f"{test.difference:+.3f} ({test.interval.low:+.3f} to {test.interval.high:+.3f}), {p}"
        auc = (text(alone, 3, percent=False), text(model, 3, percent=False))
        rows.append((comparison.baseline, str(comparison.images), *auc, said))
    return rows


def finding_text(evaluation: Evaluation) -> list[str]:
    """Lines on finding nodules: mAP, nodules found, wrong boxes."""
    said = [f"mAP (11 points, IoU 0.5): {text(evaluation.metric('map11', 'benign and malignant'), 3, percent=False)}"]
    found = evaluation.metric("sensitivity", "nodule found")
    if found is not None and found.value is not None:
        said.append(f"Nodules found at the operating point: {text(found)} %, {count_text(found)}")
    for subject, words in (("any image", "an image"), ("normal image", "a normal image")):
        false = evaluation.metric("false positives an image", subject)
        said.append(f"Wrong boxes on {words}: {text(false, 2, percent=False)}")
    return said
