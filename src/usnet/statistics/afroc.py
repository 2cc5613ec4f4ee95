"""Figures of merit of free-response reading: marks with ratings, some on a lesion, some not.

Definitions of Chakraborty, Observer Performance Methods for Diagnostic Imaging, CRC Press 2017, chapters 13 and 14, as in RJafroc.
A case or lesion without a mark has rating minus infinity, below every mark; equal ratings count one half (two unmarked ones
too). A case may hold several marks that hit no lesion: the highest counts. Which mark hits which lesion is decided before, by
the acceptance rule of the study; here it is data.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from usnet.statistics.arrays import BoolArray, FloatArray, IntArray
from usnet.statistics.roc import placements

FigureOfMerit = Literal["wAFROC", "AFROC", "wAFROC1", "AFROC1", "HrAuc", "FROC", "MaxLLF", "MaxNLF"]
FIGURES_OF_MERIT: tuple[FigureOfMerit, ...] = (
    "wAFROC",
    "AFROC",
    "wAFROC1",
    "AFROC1",
    "HrAuc",
    "FROC",
    "MaxLLF",
    "MaxNLF",
)


@dataclass(frozen=True, slots=True)
class Marks:
    """The marks of one reader in one modality on ``C`` cases with ``L`` lesions.

    Parameters
    ----------
    lesions
        ``[C]`` number of lesions of each case; 0 is a normal case.
    lesion_case
        ``[L]`` index of the case of each lesion.
    weight
        ``[L]`` importance of each lesion; the weights of a case sum to 1.
    lesion_rating
        ``[L]`` rating of the mark on each lesion, minus infinity where unmarked.
    false_case, false_rating
        ``[F]`` case and rating of every mark that hits no lesion.
    """

    lesions: IntArray
    lesion_case: IntArray
    weight: FloatArray
    lesion_rating: FloatArray
    false_case: IntArray
    false_rating: FloatArray

    def __post_init__(self) -> None:
        if np.isnan(self.lesion_rating).any() or np.isnan(self.false_rating).any():
            raise ValueError("a rating is NaN")
        if not np.array_equal(np.bincount(self.lesion_case, minlength=self.lesions.size), self.lesions):
            raise ValueError("the lesions do not go with the number of lesions of each case")
        total = np.bincount(self.lesion_case, weights=self.weight, minlength=self.lesions.size)
        if (self.weight < 0).any() or not np.allclose(total[self.lesions > 0], 1, atol=1e-6):
            raise ValueError("the weights of the lesions of a case must sum to 1")

    @property
    def diseased(self) -> BoolArray:
        """``[C]`` cases with a lesion."""
        return self.lesions > 0

    def highest_false(self) -> FloatArray:
        """``[C]`` highest rating of a mark that hits no lesion."""
        return _highest(self.false_case, self.false_rating, self.lesions.size)

    def highest(self) -> FloatArray:
        """``[C]`` highest rating of any mark, the inferred ROC rating."""
        return np.maximum(self.highest_false(), _highest(self.lesion_case, self.lesion_rating, self.lesions.size))

    def without(self, case: int) -> Marks:
        """The study with one case left out."""
        keep = np.arange(self.lesions.size) != case
        place = np.cumsum(keep) - 1
        lesion, false = keep[self.lesion_case], keep[self.false_case]
        return Marks(
            self.lesions[keep],
            place[self.lesion_case[lesion]],
            self.weight[lesion],
            self.lesion_rating[lesion],
            place[self.false_case[false]],
            self.false_rating[false],
        )


def _highest(case: IntArray, rating: FloatArray, cases: int) -> FloatArray:
    result = np.full(cases, -np.inf)
    np.maximum.at(result, case, rating)
    return result


def figure_of_merit(marks: Marks, name: FigureOfMerit = "wAFROC") -> float | None:
    """Value of one figure of merit; ``None`` where the study has no normal case or no lesion (for those that need it).

    - ``wAFROC``: mean over normal cases and diseased cases of ``sum_l w_l psi(FP, L_l)``, where FP is the highest rating on the
      normal case, L the rating of a lesion, and psi is 1, 1/2 or 0 as FP is below, equal to or above L.
    - ``AFROC``: the same with all lesions weighted alike, whatever their case.
    - ``wAFROC1``, ``AFROC1``: FP from all cases, not from the normal ones only.
    - ``HrAuc``: area under the ROC curve of the highest rating of each case.
    - ``FROC``: area under the empirical curve of lesions found against marks that hit no lesion, a case, from nothing to the
      last point reached (no extension beyond it).
    - ``MaxLLF``: share of lesions marked. ``MaxNLF``: marks that hit no lesion, on normal cases, for each normal case.

    Raises
    ------
    ValueError
        Unknown name.
    """
    if name not in _FIGURES:
        raise ValueError(f"unknown figure of merit {name!r}; one of {', '.join(FIGURES_OF_MERIT)}")
    needs_normal = name in ("wAFROC", "AFROC", "HrAuc", "MaxNLF")
    if (needs_normal and marks.diseased.all()) or (name != "MaxNLF" and not marks.diseased.any()):
        return None
    return _FIGURES[name](marks)


def jackknife(marks: Marks, name: FigureOfMerit = "wAFROC") -> FloatArray:
    """``[C]`` values with each case left out in turn, NaN where the figure cannot be computed then."""
    values = [figure_of_merit(marks.without(case), name) for case in range(marks.lesions.size)]
    return np.array([np.nan if v is None else v for v in values])


def _afroc(marks: Marks, every_case: bool, weighted: bool) -> float:
    """Mean of psi over highest false ratings and (weighted) lesions."""
    false = marks.highest_false() if every_case else marks.highest_false()[~marks.diseased]
    wins = _below(false, marks.lesion_rating) / false.size
    if weighted:
        return float(marks.weight @ wins / marks.diseased.sum())
    return float(wins.mean())


def _below(ratings: FloatArray, values: FloatArray) -> FloatArray:
    """How many of ``ratings`` lie below each of ``values``, equal ones counted one half."""
    ordered = np.sort(ratings)
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2


def _highest_rating_auc(marks: Marks) -> float:
    return float(placements(marks.diseased, marks.highest())[0].mean())


def _lesions_marked(marks: Marks) -> float:
    return float((marks.lesion_rating > -np.inf).mean())


def _false_on_normal(marks: Marks) -> float:
    normal = ~marks.diseased
    return float(normal[marks.false_case].sum() / normal.sum())


def _froc_area(marks: Marks) -> float:
    below = _below(marks.false_rating, marks.lesion_rating)
    return float(below.mean()) / marks.lesions.size


_FIGURES: dict[str, Callable[[Marks], float]] = {
    "wAFROC": lambda m: _afroc(m, every_case=False, weighted=True),
    "AFROC": lambda m: _afroc(m, every_case=False, weighted=False),
    "wAFROC1": lambda m: _afroc(m, every_case=True, weighted=True),
    "AFROC1": lambda m: _afroc(m, every_case=True, weighted=False),
    "HrAuc": _highest_rating_auc,
    "FROC": _froc_area,
    "MaxLLF": _lesions_marked,
    "MaxNLF": _false_on_normal,
}
