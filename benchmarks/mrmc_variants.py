"""Every analysis of a reader study, on studies in which its null hypothesis holds. For ``mrmc_type_one.py`` and the tests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from zlib import crc32

import numpy as np
from scipy.special import ndtri

from usnet.statistics.afroc import Marks, figure_of_merit, jackknife
from usnet.statistics.arrays import FloatArray, IntArray
from usnet.statistics.intervals import Interval
from usnet.statistics.mrmc import (
    Estimate,
    MrmcResult,
    RoeMetz,
    Study,
    UResult,
    ai_against_readers,
    analyse,
    analyse_jackknife,
    margin_test,
    simulate_study,
    ustatistics,
)
from usnet.statistics.mrmc.synthetic import STRUCTURES

ALPHA = 0.05
MARGIN = 0.05
CUT = 0.75
"""Threshold of the binary decisions: halfway between the means of the classes."""
NESTED = ("readers nested in modality", "cases nested in reader", "cases nested in modality")


@dataclass(frozen=True, slots=True)
class Outcome:
    """``rejected``: the null hypothesis, at ``ALPHA``; ``covered``: the true mean AUC of the first modality, by its own interval.

    Each is ``None`` where it was not asked for or not estimable; ``estimable`` is about the test.
    """

    rejected: bool | None
    covered: bool | None = None
    estimable: bool = True


Outcomes = dict[str, Outcome]


@dataclass(frozen=True, slots=True)
class Draws:
    """Studies of one seed. Each name has a stream of its own, so that a new variant changes no other."""

    model: RoeMetz
    seed: int
    readers: int = 5
    cases: int = 100

    def rng(self, name: str) -> np.random.Generator:
        """Generator of one name."""
        return np.random.default_rng([self.seed, crc32(name.encode())])

    def study(self, name: str, model: RoeMetz | None = None, more_readers: int = 0, **options: Any) -> Study:
        """A study of these sizes; ``options`` are those of ``simulate_study``."""
        half = self.cases // 2
        return simulate_study(
            model or self.model,
            readers=self.readers + more_readers,
            positives=half,
            negatives=self.cases - half,
            seed=self.rng(name),
            **options,
        )


def outcomes(structure: str, seed: int, readers: int = 5, cases: int = 100) -> Outcomes:
    """Every variant on studies drawn from one structure with one seed."""
    draws = Draws(STRUCTURES[structure], seed, readers, cases)
    parts = (crossed, binary, gaps, nested, narrow, against_ai, margins)
    return {name: outcome for part in parts for name, outcome in part(draws).items()}


def crossed(draws: Draws) -> Outcomes:
    """Every reader reads every case in both modalities; scores, and ratings from 1 to 5."""
    study, true = draws.study("crossed"), draws.model.auc()
    found = {
        f"OR, {kind}": _anova(analyse(study, covariance=kind), true)  # type: ignore[arg-type]
        for kind in ("delong", "jackknife", "unbiased")
    }
    found["DBM"] = _anova(analyse(study, method="dbm"), true)
    result = ustatistics(study)
    first, mean = result.differences[0], result.means[0]
    found["U-statistics, BDG degrees of freedom"] = _outcome(first.bdg, mean.bdg.interval, true)
    found["U-statistics, normal"] = _outcome(first.normal, mean.normal.interval, true)
    found["V-statistics (maximum likelihood), BDG"] = _outcome(first.mle, mean.mle.interval, true)
    rated = draws.study("rated", levels=5)
    found["OR, delong, ratings 1 to 5"] = _anova(analyse(rated))
    found["U-statistics, ratings 1 to 5"] = _u(ustatistics(rated))
    return found


def binary(draws: Draws) -> Outcomes:
    """Decisions at one threshold."""
    study = draws.study("binary")
    found: Outcomes = {}
    for merit in ("sensitivity", "specificity"):
        anova = analyse(study, merit=merit, threshold=CUT, covariance="jackknife")
        found[f"OR, jackknife, {merit} of decisions"] = _anova(anova)
        found[f"U-statistics, {merit} of decisions"] = _u(ustatistics(study, merit=merit, threshold=CUT))
    return found


def gaps(draws: Draws) -> Outcomes:
    """A fifth of the readings missing at random."""
    study, true = draws.study("gaps", missing=0.2), draws.model.auc()
    return {
        "U-statistics, a fifth missing": _u(ustatistics(study), true),
        "U-statistics centred, a fifth missing": _u(ustatistics(study, centre=True), true),
    }


def nested(draws: Draws) -> Outcomes:
    """The nested and split-plot designs; sizes are those of one reader, or one modality."""
    found: Outcomes = {}
    for design in NESTED:
        study = draws.study(design, design=design)
        found[f"OR, delong, {design}"] = _anova(analyse(study), draws.model.auc())
        found[f"OR, jackknife, {design}"] = _anova(analyse(study, covariance="jackknife"))
        found[f"U-statistics, {design}"] = _u(ustatistics(study), draws.model.auc())
    return found


def narrow(draws: Draws) -> Outcomes:
    """Fixed readers or cases: where the null hypothesis holds for these readers (cases), and where it holds for all only."""
    model = draws.model
    same_readers = replace(model, reader=model.reader + model.modality_reader, modality_reader=0.0)
    same_cases = replace(model, error=model.error + model.modality_case, modality_case=0.0)
    study = draws.study("narrow")
    return {
        "OR, readers fixed, these readers alike": _anova(analyse(draws.study("r", same_readers), readers="fixed")),
        "OR, cases fixed, these cases alike": _anova(analyse(draws.study("c", same_cases), cases="fixed")),
        "wrong: OR, readers fixed, generalised to readers": _anova(analyse(study, readers="fixed")),
        "wrong: OR, cases fixed, generalised to cases": _anova(analyse(study, cases="fixed")),
    }


def against_ai(draws: Draws) -> Outcomes:
    """One algorithm whose AUC is the expected AUC of readers."""
    study, scores = ai_study(draws)
    found = {
        f"AI v readers, 1T-RRRC, {kind}": _outcome(
            ai_against_readers(study, scores, covariance=kind).difference  # type: ignore[arg-type]
        )
        for kind in ("jackknife", "delong", "unbiased")
    }
    fixed = ai_against_readers(study, scores, cases="fixed")
    found["wrong: AI v readers, cases fixed, generalised to cases"] = _outcome(fixed.difference)
    return found


def ai_study(draws: Draws) -> tuple[Study, FloatArray]:
    """Readers of one modality, and an algorithm that shares the effects of cases with them.

    A reader without a reader effect becomes the algorithm; its positive cases move down until its AUC is that which readers with
    their effects reach on average.
    """
    model = draws.model
    spread = model.reader + model.modality_reader
    plain = draws.study("ai", replace(model, reader=0.0, modality_reader=0.0), more_readers=1, modalities=1)
    effect = np.sqrt(spread) * draws.rng("readers of ai").standard_normal((draws.readers, 2))
    scores = plain.scores[:, 1:] + effect[:, plain.truth.astype(np.intp)]
    algorithm = plain.scores[0, 0] - model.separation * (1 - 1 / np.sqrt(1 + spread)) * plain.truth
    return Study(plain.readers[1:], plain.modalities, plain.cases, plain.truth, scores, "simulated"), algorithm


def margins(draws: Draws) -> Outcomes:
    """Non-inferiority and equivalence where the new modality is worse by just the margin (one-sided alpha .025 and .05)."""
    model = draws.model
    worse = replace(model, effect=_effect(model, -MARGIN))
    difference = analyse(draws.study("margin", worse)).differences[0]
    lost = margin_test(difference, MARGIN, alpha=0.025, reverse=True)
    alike = margin_test(difference, MARGIN, kind="equivalence", alpha=0.05, reverse=True)
    return {
        "non-inferiority at the margin, OR, alpha .025": Outcome(lost.shown, estimable=lost.shown is not None),
        "equivalence at the margin, OR, alpha .05": Outcome(alike.shown, estimable=alike.shown is not None),
    }


def free_response(seed: int, readers: int = 5, cases: int = 100) -> Outcomes:
    """Marks of every reader on every case in both modalities, half of the cases with one or two lesions, no effect of modality.

    A lesion's rating shares effects of the case with those of other readers and of the other modality; it is marked above 0.
    """
    rng = np.random.default_rng([seed, crc32(b"free response")])
    lesions = np.where(np.arange(cases) < cases // 2, rng.integers(1, 3, cases), 0)
    case = np.repeat(np.arange(cases), lesions)
    ease = np.sqrt(0.3) * rng.standard_normal((3, cases))
    values, without = np.zeros((2, readers)), np.zeros((2, readers, cases))
    for i, j in np.ndindex(2, readers):
        marks = _marks(rng, lesions, case, ease[0] + ease[1 + i])
        values[i, j], without[i, j] = figure_of_merit(marks), jackknife(marks)
    result = analyse_jackknife(values, without, merit="wAFROC")
    return {"OR, jackknife, wAFROC": _anova(result)}


def _marks(rng: np.random.Generator, lesions: IntArray, case: IntArray, ease: FloatArray) -> Marks:
    rating = 1.3 + ease[case] + np.sqrt(0.4) * rng.standard_normal(case.size)
    false = np.repeat(np.arange(lesions.size), rng.poisson(0.7, lesions.size))
    weight = 1.0 / lesions[case]
    found = np.where(rating > 0, rating, -np.inf)
    return Marks(lesions, case, weight, found, false, np.abs(rng.standard_normal(false.size)))


def _effect(model: RoeMetz, change: float) -> float:
    """Shift of the second modality's separation that changes its AUC by ``change``."""
    spread = model.reader + model.modality_reader + 1.0
    return float(np.sqrt(2 * spread) * ndtri(model.auc() + change)) - model.separation


def _anova(result: MrmcResult, true: float | None = None) -> Outcome:
    p = None if result.test is None else result.test.p
    return Outcome(_rejected(p), _covered(result.means[0].interval, true), p is not None)


def _u(result: UResult, true: float | None = None) -> Outcome:
    return _outcome(result.differences[0].bdg, result.means[0].bdg.interval, true)


def _outcome(difference: Estimate, interval: Interval | None = None, true: float | None = None) -> Outcome:
    return Outcome(_rejected(difference.p), _covered(interval, true), difference.p is not None)


def _rejected(p: float | None) -> bool | None:
    return None if p is None else p <= ALPHA


def _covered(interval: Interval | None, true: float | None) -> bool | None:
    return None if interval is None or true is None else interval.low <= true <= interval.high
