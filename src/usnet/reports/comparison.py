"""``usnet compare``: two models' runs side by side, in the form that ``usnet stats`` writes."""

from __future__ import annotations

from typing import Any

from usnet.evaluation.compare import compare
from usnet.evaluation.differences import Difference, RunComparison
from usnet.evaluation.same_truth import check_same_truth
from usnet.reports.comparison_figures import forest
from usnet.reports.comparison_runs import Run
from usnet.reports.statistics import Grid, Outcome, interval_text, p_text
from usnet.reports.statistics_roc_figure import curves

TITLES = {
    "AUC": "Area under the ROC curve",
    "AP11": "Average precision of boxes (11 points, IoU 0.5)",
    "AP50": "Average precision of boxes (all points, IoU 0.5)",
    "calls": "Calls at each model's own stored operating point",
    "Brier score": "Brier score (lower is better)",
}
FOR_THE_PAPER = (
    ("AUC", "malignant v benign"),
    ("AP11", "mean of benign and malignant"),
    ("sensitivity", "malignant v rest"),
    ("specificity", "malignant v rest"),
)


def runs_outcome(first: Run, second: Run, *, bootstrap: int = 2000, seed: int = 0, level: float = 0.95) -> Outcome:
    """Everything that two models differ in, paired by image.

    Raises
    ------
    DataError
        The images of the runs, or the truth of one, differ; or an image has an opinion in one run only.
    """
    folders = (first.name, second.name)
    check_same_truth(first.dataset, second.dataset, folders)
    found = compare(first.cases, second.cases, names=folders, bootstrap=bootstrap, seed=seed, level=level)
    names = names_of(first, second)
    grids = tuple(_grid(title, rows, names, level) for key, title in TITLES.items() if (rows := _rows(found, key)))
    subject, positive, x, y = found.curve
    figures = {"compare": forest(found, names)}
    if positive.any() and not positive.all():
        figures["compare_roc"] = curves(positive, {f"{n}, {subject}": s for n, s in zip(names, (x, y), strict=True)})
    return Outcome(
        "compare",
        _method(found),
        f"{found.images} images of {found.patients} known patients in {found.groups} groups",
        "image, nodule or patient, as each row says; clusters are groups (the patient, joined where duplicates join patients)",
        grids,
        _sentences(found, names),
        (*_who(found, names), *(f"{w[0].upper()}{w[1:]}." for w in found.warnings)),
        _numbers(found, names),
        figures,
        f"Comparison of {names[0]} and {names[1]}",
    )


def names_of(first: Run, second: Run) -> tuple[str, str]:
    """How the models are called: their names, with the folder where these are the same."""
    a, b = first.cases.model.name, second.cases.model.name
    return (a, b) if a != b else (f"{a} ({first.name})", f"{b} ({second.name})")


def _rows(found: RunComparison, key: str) -> list[Difference]:
    if key != "calls":
        return [d for d in found.differences if d.measure == key]
    return [d for d in found.differences if d.measure not in TITLES]


def _grid(title: str, rows: list[Difference], names: tuple[str, str], level: float) -> Grid:
    headings = ("of", "unit", "n", *names, "difference", f"{100 * level:g} % CI", "p", "method")
    cells = tuple(
        (
            d.subject if d.measure in TITLES else f"{d.measure}, {d.subject}",
            d.unit,
            d.n,
            d.first,
            d.second,
            d.difference,
            interval_text(d.interval),
            p_text(d.p),
            d.method + (f" ({d.note})" if d.note else ""),
        )
        for d in rows
    )
    return Grid(f"{title}; difference is {names[0]} minus {names[1]}", headings, cells)


def _method(found: RunComparison) -> str:
    single = found.groups == found.images
    auc = "DeLong's paired test" if single else "Obuchowski's 1997 test for clustered data, paired"
    calls = "McNemar's exact test" if single else "cluster bootstrap"
    boot = f"{found.draws} paired draws of whole groups, seed {found.seed}" if found.draws else "no draws"
    why = "every image is a group of its own" if single else f"{found.images} images come from {found.groups} groups"
    return f"AUC by {auc} ({why}); calls by {calls}; AP, boxes and Brier score by paired cluster bootstrap ({boot})"


def _sentences(found: RunComparison, names: tuple[str, str]) -> tuple[str, ...]:
    head = f"{names[0]} and {names[1]} were compared on the same {found.images} images ({found.groups} groups): {_method(found)}."
    said = [head]
    for measure, subject in FOR_THE_PAPER:
        d = found.get(measure, subject)
        if d is None or d.difference is None:
            continue
        p = "p not estimable" if d.p is None else f"p {p_text(d.p)}" if d.p < 0.001 else f"p = {p_text(d.p)}"
        interval = interval_text(d.interval) if d.interval else "not estimable"
        said.append(
            f"{measure[0].upper()}{measure[1:]} ({subject}) was {d.first:.3f} and {d.second:.3f}, difference {d.difference:.3f} "
            f"({100 * found.level:g} % CI {interval}, {p})."
        )
    return tuple(said)


def _who(found: RunComparison, names: tuple[str, str]) -> list[str]:
    pairs = zip(names, found.models, found.points, strict=True)
    return [
        f"{name}: weights {model.sha256[:12]}, operating point {point.name!r} (detection >= {point.detection:.4g}, malignancy >= "
        f"{point.malignancy:.4g}) as stored before."
        for name, model, point in pairs
    ]


def _numbers(found: RunComparison, names: tuple[str, str]) -> dict[str, Any]:
    return {
        "models": dict(zip(names, found.models, strict=True)),
        "operating_points": dict(zip(names, found.points, strict=True)),
        "settings": {
            "bootstrap_draws": found.draws,
            "seed": found.seed,
            "level": found.level,
            "cluster": "record.group",
        },
        "differences": found.differences,
    }
