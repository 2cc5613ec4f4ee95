"""Classical computer-aided diagnosis: a contour in a box, features, a learner; on boxes that USNet finds, or on the true ones."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from usnet.bundles.decode import Candidates
from usnet.comparators.features import FEATURES, FeatureTable
from usnet.comparators.learners import Learner
from usnet.comparators.method import Budget, Fitted, Named
from usnet.comparators.pool import frames, labelled
from usnet.comparators.serving import Seen, calibrated, logits_of
from usnet.datasets.records import Dataset, ImageRecord, Split
from usnet.errors import DataError
from usnet.extras import need
from usnet.images import LetterboxTransform
from usnet.images.letterbox import plan
from usnet.values import Finding, Frame, corners_array

logger = logging.getLogger(__name__)
FloatArray = npt.NDArray[np.float64]

FOLDS = 4
KEPT: tuple[int | str, ...] = (15, "all")
"""Numbers of features that the inner cross-validation chooses from, by their F statistic on the inner training part."""
GIVEN_LOGIT = 4.0
"""Detection logit of a box that was given."""
JUDGED, LEAST_SCORE = 3, 0.1
"""Of found boxes the strongest, and at most so many with at least this score, are judged; others keep the finder's evidence."""

Finder = Callable[[Dataset, Budget], Fitted]
"""Gives the detector whose boxes are judged, trained on the same data with the same budget."""


@dataclass(frozen=True, slots=True)
class Classical(Named):
    """``finder`` gives the detector whose boxes are judged; ``None`` judges the true boxes."""

    learner: Learner | None = None
    table: FeatureTable | None = None
    finder: Finder | None = None

    def fit(self, dataset: Dataset, split: Split = "train", *, budget: Budget = Budget()) -> Fitted:
        """Features of the true boxes of ``split``; settings and features by inner cross-validation that keeps groups together.

        Raises
        ------
        DataError
            There are fewer than two groups of a class.
        MissingExtra
            scikit-learn or scikit-image is not installed.
        """
        need("sklearn", extra="evaluate", feature=f"method {self.name!r}")
        need("skimage", extra="comparators", feature=f"method {self.name!r}")
        table, seed = self.table or FeatureTable(), budget.config.training.seed
        if self.learner is None:
            raise DataError(f"method {self.name!r} has no learner")
        x, y, groups = training_table(dataset, labelled(dataset, split), table)
        key = (self.learner.name, seed, x.tobytes() + y.tobytes())
        if key not in table.models:
            table.models[key] = chosen(self.learner, x, y, groups, seed)
        model = table.models[key]
        size = budget.config.network.anchors.image_size
        finder = None if self.finder is None else self.finder(dataset, budget)

        def look(frame: Frame, given: ImageRecord | None) -> Seen:
            transform = plan(frame.width, frame.height, size)
            if finder is None:
                return judged(_given(given), frame, model, transform, table)
            said = finder.diagnose(frame, given)
            seen = judged(list(said.candidates), frame, model, transform, table)
            return seen._replace(seconds=said.seconds + (seen.seconds or 0.0))

        validation = frames(dataset, labelled(dataset, "val"))
        return calibrated(self.name, look, validation, size=size, parameters=_weights(model))


def training_table(
    dataset: Dataset, records: list[ImageRecord], table: FeatureTable
) -> tuple[FloatArray, npt.NDArray[np.bool_], npt.NDArray[np.str_]]:
    """Features ``[N, F]``, malignancy ``[N]`` and group ``[N]`` of every nodule with a known pathology."""
    rows, truth, groups = [], [], []
    for frame, record in frames(dataset, records):
        for nodule in record.nodules:
            if nodule.pathology is not None:
                rows.append(table.of(frame, nodule.box)[0])
                truth.append(nodule.pathology == "malignant")
                groups.append(record.group)
    return np.array(rows).reshape(-1, len(FEATURES)), np.array(truth, dtype=bool), np.array(groups, dtype=str)


def chosen(learner: Learner, x: FloatArray, y: npt.NDArray[np.bool_], groups: npt.NDArray[np.str_], seed: int) -> Any:
    """A pipeline fitted on all rows with the settings that won the inner cross-validation (AUC, groups kept together)."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.feature_selection import SelectKBest, VarianceThreshold
    from sklearn.impute import SimpleImputer
    from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    fewest = min((np.unique(groups[y == kind]).size for kind in (False, True)), default=0)
    if fewest < 2:
        raise DataError(f"{fewest} groups of a class", expected="two or more groups of benign and of malignant nodules")
    steps = [
        ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
        ("vary", VarianceThreshold()),  # without millimetres the area is the same number everywhere
        ("scale", StandardScaler()),
        ("select", SelectKBest()),
        ("learn", learner.make(seed)),
    ]
    grid = {f"learn__{key}": list(values) for key, values in learner.grid.items()} | {"select__k": list(KEPT)}
    folds = StratifiedGroupKFold(min(FOLDS, fewest), shuffle=True, random_state=seed)
    search = GridSearchCV(Pipeline(steps), _fitting(grid, y.size), scoring="roc_auc", cv=folds)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of steps is the budget
        search.fit(x, y, groups=groups)
    logger.info("%s: %s, inner AUC %.3f", learner.name, search.best_params_, search.best_score_)
    return search.best_estimator_


def _fitting(grid: dict[str, list[Any]], rows: int) -> dict[str, list[Any]]:
    """Neighbours cannot outnumber the rows of an inner training part."""
    key = "learn__n_neighbors"
    if key in grid:
        grid = grid | {key: [k for k in grid[key] if k <= rows // 2] or [1]}
    return grid


def evidence(model: Any, x: FloatArray) -> FloatArray:
    """Log-odds-like evidence for malignancy ``[N]``; Platt's curve on validation makes it a probability."""
    if hasattr(model, "decision_function"):
        return np.asarray(model.decision_function(x), dtype=np.float64)
    return np.asarray(logits_of(model.predict_proba(x)[:, 1]), dtype=np.float64)


def judged(found: list[Finding], frame: Frame, model: Any, transform: LetterboxTransform, table: FeatureTable) -> Seen:
    """Candidates with the finder's score and the learner's evidence, and the seconds for features and evidence."""
    logits, seconds, start = np.zeros((len(found), 2), dtype=np.float32), 0.0, time.perf_counter()
    for row, finding in enumerate(found):
        strength, both = float(logits_of(finding.score)), logits_of(finding.class_scores)
        lean = float(both[1] - both[0])
        if row == 0 or (row < JUDGED and finding.score >= LEAST_SCORE):
            before = time.perf_counter()
            measured, took = table.of(frame, finding.box)
            seconds += took - (time.perf_counter() - before)
            lean = float(evidence(model, measured[None])[0])
        logits[row] = strength + min(0.0, -lean), strength + min(0.0, lean)
    corners = transform.to_network(corners_array([f.box for f in found]))
    candidates = Candidates(corners.astype(np.float32), logits)
    return Seen(candidates, transform, seconds + time.perf_counter() - start)


def _given(record: ImageRecord | None) -> list[Finding]:
    """The true boxes as findings that lean to neither side."""
    score = 1 / (1 + np.exp(-GIVEN_LOGIT))
    nodules = () if record is None else record.nodules
    return [Finding(n.box, float(score), 0.5, (float(score), float(score)), "benign") for n in nodules]


def _weights(model: Any) -> int | None:
    """Numbers that a fitted learner keeps, where that is a fair word for them."""
    learned = model.named_steps["learn"]
    for name in ("coefs_", "theta_", "tree_", "estimators_", "support_vectors_", "_fit_X"):
        value = getattr(learned, name, None)
        if value is None:
            continue
        if name == "coefs_":
            return int(sum(w.size for w in (*value, *learned.intercepts_)))
        if name == "tree_":
            return int(value.node_count)
        if name == "estimators_":
            return int(sum(t.tree_.node_count for t in value))
        return int(np.size(value)) * (2 if name == "theta_" else 1)
    return None
