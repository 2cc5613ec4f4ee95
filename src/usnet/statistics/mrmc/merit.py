"""Figures of merit of one reader in one modality, worked out for many readers at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from usnet.errors import ConfigError
from usnet.statistics.arrays import BoolArray, FloatArray
from usnet.statistics.roc import placements

Function = Callable[[BoolArray, FloatArray], FloatArray]
"""From ``truth [K]`` and ``scores [n, K]`` without gaps to values ``[n]``."""


@dataclass(frozen=True, slots=True)
class Merit:
    """A figure of merit.

    ``uses`` names the cases that it depends on: the jackknife runs over these only (a sensitivity knows nothing of healthy
    cases). ``limits`` clip confidence intervals; ``None`` leaves them alone.
    """

    name: str
    function: Function
    uses: Literal["both", "positive", "negative"] = "both"
    limits: tuple[float, float] | None = (0.0, 1.0)
    threshold: float | None = None

    def used(self, truth: BoolArray) -> BoolArray:
        """``[K]``, true for cases that the merit depends on."""
        if self.uses == "both":
            return np.ones(truth.shape, dtype=bool)
        return truth if self.uses == "positive" else ~truth


def _auc(truth: BoolArray, scores: FloatArray) -> FloatArray:
    return np.asarray(placements(truth, scores)[0].mean(axis=1))


AUC = Merit("AUC", _auc)
"""Empirical area under the ROC curve (trapezoids, ties one half)."""


def sensitivity(threshold: float) -> Merit:
    """Share of cases with the condition that score ``>= threshold``."""
    name = f"sensitivity at rating >= {threshold:g}"
    return Merit(
        name, lambda truth, scores: (scores[:, truth] >= threshold).mean(axis=1), "positive", threshold=threshold
    )


def specificity(threshold: float) -> Merit:
    """Share of cases without the condition that score ``< threshold``."""
    name = f"specificity at rating >= {threshold:g}"
    return Merit(
        name, lambda truth, scores: (scores[:, ~truth] < threshold).mean(axis=1), "negative", threshold=threshold
    )


def custom(
    name: str, function: Callable[[BoolArray, FloatArray], float], limits: tuple[float, float] | None = None
) -> Merit:
    """Merit from a function of ``truth [K]`` and one reader's ``scores [K]``. Its covariance comes from the jackknife."""
    return Merit(name, lambda truth, scores: np.array([function(truth, row) for row in scores], float), limits=limits)


def find_merit(merit: str | Merit, threshold: float | None = None) -> Merit:
    """Merit by name: ``auc``, or ``sensitivity`` and ``specificity`` with their ``threshold``.

    Raises
    ------
    ConfigError
        The name is not known, or a threshold is missing.
    """
    if isinstance(merit, Merit):
        return merit
    if merit == "auc":
        return AUC
    makers = {"sensitivity": sensitivity, "specificity": specificity}
    if merit not in makers:
        raise ConfigError(f"unknown figure of merit {merit!r}", expected="auc, sensitivity or specificity")
    if threshold is None:
        raise ConfigError(f"{merit} needs a threshold", hint="Give the lowest rating that counts as positive")
    return makers[merit](threshold)
