"""Everything that an evaluation leaves behind: numbers, figures, and one page that holds them all."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import usnet
from usnet.evaluation import Evaluation, Metric
from usnet.evaluation.figures import draw, save, svg
from usnet.evaluation.metric import text
from usnet.evaluation.summary import HEADINGS, NAMES, comparison_text, count_text, interval_note, paper_table
from usnet.reports import style
from usnet.reports.evaluation_files import write_curves_json, write_metrics_csv, write_metrics_json
from usnet.values import LABELS

CAPTIONS = {
    "roc": "Each class against the rest, and malignant against benign among images with a nodule. Dots: the calls at the stored "
    "operating point, which take all three classes together and so need not lie on a curve.",
    "precision_recall": "Every candidate box speaks for benign and for malignant with that class's score.",
    "froc": "Share of nodules found against wrong boxes an image. Dashed: wrong boxes counted on normal images only.",
    "reliability": "Ten bins of equal width, Wilson intervals for clustered images; a dot is as large as its bin has images.",
    "confusion": "Rows are the truth, columns the call; shares are of each row.",
}


def write_evaluation(evaluation: Evaluation, out: Path) -> dict[str, Path]:
    """Write ``metrics.json``, ``metrics.csv``, ``curves.json``, ``figures/`` (SVG and PNG) and ``report.html`` into ``out``.

    Returns the paths of the files by name.

    Raises
    ------
    MissingExtra
        matplotlib (extra ``evaluate``) is not installed; the numbers are written before that.
    """
    out.mkdir(parents=True, exist_ok=True)
    files = {
        "metrics.json": write_metrics_json(evaluation, out / "metrics.json"),
        "metrics.csv": write_metrics_csv(evaluation, out / "metrics.csv"),
        "curves.json": write_curves_json(evaluation, out / "curves.json"),
    }
    figures = draw(evaluation)
    for name, figure in figures.items():
        save(figure, out / "figures", name)
    pictures = [(name, svg(figure, name), CAPTIONS[name]) for name, figure in figures.items()]
    files["report.html"] = out / "report.html"
    files["report.html"].write_text(page(evaluation, pictures), encoding="utf-8")
    return files


def page(evaluation: Evaluation, pictures: Sequence[tuple[str, str, str]]) -> str:
    """The report as one HTML page without outside parts; ``pictures`` are (name, ``<svg>``, caption)."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("usnet.reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"counts": count_text, "metric": _metric_text, "called": lambda m: NAMES.get(m.name, m.name)}
    return environment.get_template("evaluation.html.j2").render(
        e=evaluation,
        labels=LABELS,
        headings=HEADINGS,
        intervals=interval_note(evaluation),
        raw=paper_table(evaluation, "raw"),
        balanced=paper_table(evaluation, "balanced"),
        detection=_detection(evaluation),
        comparisons=comparison_text(evaluation),
        calibration=[m for m in evaluation.metrics if m.name in ("brier", "ece")],
        subgroups=subgroup_rows(evaluation),
        pictures=[(name, Markup(picture), caption) for name, picture, caption in pictures],
        version=usnet.__version__,
        written=datetime.now(UTC).isoformat(timespec="minutes"),
        research_use=style.RESEARCH_USE,
    )


def _metric_text(metric: Metric | None) -> str:
    """Per cent for proportions of cases, three decimals for areas, scores and errors."""
    if metric is None:
        return ""
    percent = metric.name.startswith(
        ("accuracy", "precision", "recall", "sensitivity", "specificity", "ppv", "npv", "local")
    )
    return text(metric, 1 if percent else 3, percent)


def _detection(evaluation: Evaluation) -> list[Metric]:
    names = ("ap11", "map11", "ap_all", "map_all", "localisation", "false positives an image")
    return [
        m
        for m in evaluation.metrics
        if m.subgroup == "all"
        and (m.name in names or m.name.startswith("coco") or m.subject in ("nodule found", "nodule"))
    ]


SUBGROUP_COLUMNS: tuple[tuple[str, str], ...] = (
    ("auc", "malignant v benign"),
    ("sensitivity", "malignant v benign"),
    ("specificity", "malignant v benign"),
    ("sensitivity", "normal v rest"),
    ("sensitivity", "nodule found"),
)


def subgroup_rows(evaluation: Evaluation) -> list[dict[str, Any]]:
    """One row a subgroup, the whole first: its name and the metrics of :data:`SUBGROUP_COLUMNS` (``None`` where absent)."""
    names = dict.fromkeys(m.subgroup for m in evaluation.metrics)
    rows = []
    for name in names:
        metrics = [evaluation.metric(*column, subgroup=name) for column in SUBGROUP_COLUMNS]
        rows.append({"name": name, "metrics": metrics})
    return rows
