"""``usnet stats roc --class``: several classes, each with a score of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from usnet.errors import ConfigError, DataError
from usnet.reports.statistics import Cell, Grid, Outcome, interval_text
from usnet.reports.statistics_roc import TRUTH_NAMES
from usnet.reports.statistics_roc_figure import one_against_rest
from usnet.statistics.arrays import FloatArray
from usnet.statistics.bootstrap import Bootstrap, Resampler
from usnet.statistics.clustered import clustered_auc
from usnet.statistics.roc_multiclass import hand_till
from usnet.statistics.tables import choose, read_table


def multiclass_outcome(
    path: Path,
    classes: Mapping[str, str],
    *,
    truth: str | None = None,
    cluster: str | None = None,
    bootstrap: int = 500,
    seed: int = 0,
    level: float = 0.95,
) -> Outcome:
    """Hand and Till's AUC over all classes, and the AUC of each class against the rest; ``classes`` maps class to its column.

    Raises
    ------
    DataError
        The file or a cell is not as it should be, or the truth holds a class without a column.
    ConfigError
        Fewer than two classes.
    """
    if len(classes) < 2:
        raise ConfigError("one class", expected="two or more: --class benign=p_benign --class malignant=p_malignant")
    table = read_table(path)
    labels = np.array(table.text(choose(table, truth, TRUTH_NAMES, "truth")))
    names = list(classes)
    for row, label in zip(table.rows, labels.tolist(), strict=True):
        if label not in classes:
            raise DataError(f"truth {label!r}", source=path, row=row, expected=f"one of {', '.join(names)}")
    absent = [name for name in names if not (labels == name).any()]
    if absent:
        raise DataError(f"no case of class {absent[0]!r}", source=path, expected="cases of every class named")
    scores = np.stack([table.numbers(column) for column in classes.values()], axis=1)
    groups = np.array(table.text(cluster)) if cluster else np.arange(labels.size).astype(str)
    value, boot = hand_till(labels, scores, names), _bootstrap(labels, scores, names, groups, (bootstrap, seed), level)
    areas = {n: clustered_auc(labels == n, scores[:, i], groups, level=level) for i, n in enumerate(names)}
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (f"{n} v rest", a.value, interval_text(a.interval), f"{a.positives} v {a.negatives}", _method(a.interval))
        for n, a in areas.items()
    )
    interval = boot.interval()
    rows = (("all pairs of classes", value, interval_text(interval), str(labels.size), "Hand and Till 2001"), *rows)
    ci = f"{100 * level:g} % CI"
    count = boot.clusters
    drawn = f"{bootstrap} draws of {count} {'clusters' if cluster else 'cases'}, seed {seed}"
    how = f"Hand and Till 2001, percentile bootstrap ({drawn})"
    n = ", ".join(f"{int((labels == name).sum())} {name}" for name in names) + (
        f", in {count} clusters" if cluster else ""
    )
    said = (
        f"The AUC over all pairs of {len(names)} classes was {value:.3f} ({ci} {interval_text(interval)}; {how}; {n})."
    )
    return Outcome(
        "roc",
        f"{how}; each class against the rest: {_method(next(iter(areas.values())).interval)}",
        n,
        cluster or "case",
        (Grid("Area under the ROC curve, several classes", ("of", "AUC", ci, "n", "method"), rows),),
        (said,),
        ()
        if cluster
        else ("Cases are taken as independent; name the cluster (patient) where several belong together.",),
        {"hand_till": value, "interval": interval, "auc": areas},
        {"roc": one_against_rest(labels, scores, names)},
    )


def _method(interval: object) -> str:
    return str(getattr(interval, "method", "no interval"))


def _bootstrap(
    labels: np.ndarray,
    scores: FloatArray,
    names: list[str],
    groups: np.ndarray,
    draws: tuple[int, int],
    level: float,
) -> Bootstrap:
    places = np.arange(labels.size)

    def draw(weights: FloatArray) -> FloatArray:
        values = []
        for row in weights.astype(np.intp):
            picked = np.repeat(places, row)
            whole = np.unique(labels[picked]).size == len(names)  # a draw without a class has no value
            found = hand_till(labels[picked], scores[picked], names) if whole else None
            values.append(np.nan if found is None else found)
        return np.array(values)

    return Resampler(groups, *draws).run(draw, level)
