"""From numbers to BI-RADS words: one descriptor and its cut-points a word, fitted on cases that experts described."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from usnet.statistics.agreement import kappa_of_table

FloatArray = npt.NDArray[np.float64]
CANDIDATES = 40
"""Cut-points looked at: quantiles of the training values."""


@dataclass(frozen=True, slots=True)
class Rule:
    """``words[i]`` for values between ``cuts[i - 1]`` and ``cuts[i]`` of ``descriptor``; one cut less than words."""

    term: str
    descriptor: str
    words: tuple[str, ...]
    cuts: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.cuts) != len(self.words) - 1 or any(a > b for a, b in zip(self.cuts, self.cuts[1:], strict=False)):
            raise ValueError(
                f"rule {self.term}: {len(self.words)} words need {len(self.words) - 1} rising cuts, not {self.cuts}"
            )

    def word(self, value: float) -> str | None:
        """The word for a value, ``None`` for NaN."""
        return None if math.isnan(value) else self.words[int(np.searchsorted(self.cuts, value, side="right"))]


@dataclass(frozen=True, slots=True)
class Question:
    """A term that experts judge: its ``words`` by rising value of each of the ``descriptors`` that may answer it."""

    term: str
    words: tuple[str, ...]
    descriptors: tuple[str, ...]


QUESTIONS: tuple[Question, ...] = (
    Question("shape", ("oval or round", "irregular"), ("irregularity", "height_to_width", "lobulation", "elongation")),
    Question("margin", ("circumscribed", "not circumscribed"), ("margin_indistinct", "irregularity", "spiculation")),
    Question("spiculated or angular margin", ("no", "yes"), ("spiculation", "irregularity", "margin_indistinct")),
    Question("microlobulated margin", ("no", "yes"), ("lobulation", "lobes", "spiculation")),
    Question("indistinct margin", ("no", "yes"), ("margin_indistinct",)),
    Question("echo pattern", ("anechoic or hypoechoic", "isoechoic or hyperechoic"), ("echo_to_fat",)),
    Question("heterogeneous echo", ("no", "yes"), ("heterogeneity",)),
    Question("anechoic echo", ("no", "yes"), ("darkest_share",)),
    Question("posterior features", ("shadowing", "none", "enhancement"), ("posterior",)),
    Question("echogenic rim", ("no", "yes"), ("halo",)),
    Question("calcifications in a mass", ("no", "yes"), ("brightest_share",)),
)
"""What BrEaST's experts wrote down and a descriptor may answer. Words rise with the descriptor's value."""


def fit_rule(question: Question, table: dict[str, FloatArray], truth: Sequence[str | None]) -> tuple[Rule, float]:
    """The descriptor and cuts with the greatest kappa on ``truth`` (``None`` where experts said nothing), and that kappa.

    Kappa here is on the cases that it was chosen on: measure it on others.

    Raises
    ------
    ValueError
        No case has a word and a value.
    """
    best: tuple[float, Rule] | None = None
    for name in question.descriptors:
        values = np.asarray(table[name], dtype=np.float64)
        known = np.array([t is not None for t in truth]) & ~np.isnan(values)
        if not known.any():
            continue
        wanted = np.array([question.words.index(t) for t in truth if t is not None], dtype=np.intp)
        wanted = wanted[known[[t is not None for t in truth]]]
        cuts = np.unique(np.quantile(values[known], np.linspace(0, 1, CANDIDATES + 2)[1:-1]))
        for chosen in combinations(cuts, len(question.words) - 1):
            called = np.searchsorted(chosen, values[known], side="right")
            kappa = _kappa(wanted, called, len(question.words))
            if best is None or kappa > best[0]:
                best = kappa, Rule(question.term, name, question.words, tuple(float(c) for c in chosen))
    if best is None:
        raise ValueError(f"{question.term}: no case with a word and a value")
    return best[1], best[0]


def _kappa(a: npt.NDArray[np.intp], b: npt.NDArray[np.intp], size: int) -> float:
    counts = np.bincount(a * size + b, minlength=size * size).reshape(size, size).astype(np.float64)
    value = kappa_of_table(counts).value
    return -1.0 if value is None else value
