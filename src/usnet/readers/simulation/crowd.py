"""Readers as the paper describes them: five levels with their numbers, sex, experience and mean scores, and how they would answer.

A simulated reader perceives a case as ``+- d / 2 + case + noise`` (all normal; the case's part is shared by all readers), says
malignant where that is above 0, and grades his certainty by a logistic curve. ``d`` gives the share of right answers that his level
has in Table 1 of Li et al. 2020, with the spread between readers that the table's standard errors imply. Nothing else is known of
those readers: this shows that a study works, not what readers do.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from usnet.readers.enrolment import AGE_BANDS
from usnet.readers.levels import Level

_NORMAL = NormalDist()
_CASE = 0.35
"""Standard deviation that a case's own difficulty adds to what is perceived; noise takes the rest of the variance of 1."""


@dataclass(frozen=True, slots=True)
class Group:
    """A level of Table 1: readers, women among them, mean and SD of age, mean and SD of the score (SD = SE sqrt(n))."""

    level: str
    readers: int
    women: int
    age: tuple[float, float]
    score: tuple[float, float]


PAPER = (
    Group("RP", 69, 42, (30.7, 3.6), (65.9, 13.5)),
    Group("AP", 133, 78, (36.2, 4.8), (68.8, 14.5)),
    Group("ACP", 80, 42, (43.9, 4.7), (70.5, 12.6)),
    Group("CP", 61, 41, (48.3, 5.2), (69.7, 13.0)),
    Group("expert", 6, 3, (54.6, 3.5), (83.0, 2.0)),
)
"""343 physicians and 6 experts. The paper gives scores of two groups of experts (86 and 87), not of six people: members at 83 have
majorities of about that."""


@dataclass(frozen=True, slots=True)
class Made:
    """A made-up reader: what is told at enrolment, and ``d``, the distance between benign and malignant cases as perceived."""

    level: str
    years: float
    sex: str
    age_band: str
    d: float
    seed: int


def crowd(levels: Sequence[Level], seed: int, groups: Sequence[Group] = PAPER) -> list[Made]:
    """Readers of the groups, their years drawn within their level's limits."""
    rng = random.Random(seed)
    limits = {level.name: (level.from_years, level.to_years) for level in levels}
    made = []
    for group in groups:
        low, high = limits[group.level]
        for place in range(group.readers):
            years = round(2 * rng.uniform(low, (high or low + 8) - 0.5)) / 2
            age = min(max(rng.gauss(*group.age), 24 + years), 70)
            share = min(max(rng.gauss(*group.score), 40.0), 97.0) / 100
            sex = "female" if place < group.women else "male"
            made.append(Made(group.level, years, sex, band_of(age), 2 * _NORMAL.inv_cdf(share), rng.getrandbits(32)))
    return made


def band_of(age: float) -> str:
    """The band that readers of an age choose."""
    return AGE_BANDS[min(max(int((age - 20) // 5), 0), len(AGE_BANDS) - 1)]


class Mind:
    """How one made-up reader answers. ``truth`` and ``case`` effects are known by the image's bytes: a simulated reader sees what a
    real one would, the picture alone."""

    def __init__(self, reader: Made, cases: Mapping[bytes, tuple[bool, float]]) -> None:
        self._reader, self._cases = reader, cases
        self._rng = random.Random(reader.seed)
        self._done = 0

    def __call__(self, state: dict[str, Any], picture: bytes) -> dict[str, Any]:
        """Answers to the questions of the page."""
        malignant, effect = self._cases[picture]
        rng, side = self._rng, 1 if malignant else -1
        seen = side * self._reader.d / 2 + _CASE * effect + math.sqrt(1 - _CASE**2) * rng.gauss(0, 1)
        if state["findings"]:
            p = min(max(state["findings"]["probability"], 0.02), 0.98)
            seen += 0.5 * math.log(p / (1 - p))
        probability = round(100 / (1 + math.exp(-1.6 * seen)))
        probability = min(max(probability, 51 if seen > 0 else 0), 100 if seen > 0 else 49)
        self._done += 1
        seconds = 14 * math.exp(-0.004 * self._done - 0.25 * abs(seen) + 0.3 * rng.gauss(0, 1))
        return {
            "decision": "malignant" if seen > 0 else "benign",
            "probability": probability,
            "birads": _birads(probability),
            "active_s": round(seconds, 1),
            "idle_s": round(60 + 40 * rng.random(), 1) if rng.random() < 0.01 else 0.0,
            "away_s": round(30 * rng.random(), 1) if rng.random() < 0.02 else 0.0,
        }


def _birads(probability: int) -> str:
    """Category by the likelihoods of ACR BI-RADS (2013): 3 up to 2 %, 4A to 10 %, 4B to 50 %, 4C below 95 %, 5 above."""
    limits = ((1, "2"), (2, "3"), (10, "4A"), (50, "4B"), (94, "4C"))
    return next((name for most, name in limits if probability <= most), "5")
