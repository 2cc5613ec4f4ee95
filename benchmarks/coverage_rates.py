"""Coverage of intervals of proportions and of summaries of a 2 x 2 table."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache

import numpy as np
from benchmarks.coverage_base import Trial, bootstrap
from scipy.special import ndtri

from usnet.statistics.bootstrap import weighted_mean
from usnet.statistics.clustered_rates import clustered_proportion, paired_rates
from usnet.statistics.groups import TestResult
from usnet.statistics.groups_counts import fisher
from usnet.statistics.intervals import Interval, Method, proportion_interval
from usnet.statistics.rates import Counts
from usnet.statistics.twobytwo import difference_limits, measures

METHODS: tuple[Method, ...] = ("wilson", "exact", "agresti-coull", "jeffreys", "jeffreys-hpd", "wald")
SHARES = (0.5, 0.8, 0.95, 0.99)
SENSITIVITY, SPECIFICITY = 0.85, 0.8
LIKENESS = 0.6
"""Correlation of what makes two images of a patient come out right."""

_limits = lru_cache(maxsize=None)(proportion_interval)


def proportions(rng: np.random.Generator, n: int) -> Iterator[Trial]:
    """A rate of independent cases."""
    for p in SHARES:
        k = int(rng.binomial(n, p))
        for method in METHODS:
            yield Trial(f"rate, true value {p:g}", method, p, k / n, _limits(k, n, method))


def exact_coverage(n: int, p: float, method: Method) -> float:
    """Coverage of an interval of a proportion without simulation: the sum over all outcomes that it holds for."""
    from scipy.stats import binom

    held = [binom.pmf(k, n, p) for k in range(n + 1) if (one := _limits(k, n, method)) and one.low <= p <= one.high]
    return float(sum(held))


def tables(rng: np.random.Generator, n: int) -> Iterator[Trial]:
    """Half of the cases have the condition; sensitivity .85, specificity .8."""
    half = n // 2
    tp, fp = int(rng.binomial(half, SENSITIVITY)), int(rng.binomial(half, 1 - SPECIFICITY))
    counts = Counts(tp, fp, half - tp, half - fp)
    population = Counts(SENSITIVITY, 1 - SPECIFICITY, 1 - SENSITIVITY, SPECIFICITY)
    where = "2 x 2 table, sensitivity .85, specificity .80"
    for found, true in zip(measures(counts), measures(population), strict=True):
        assert true.value is not None  # noqa: S101
        yield Trial(where, f"{found.name}, {_method(found.name)}", true.value, found.value, found.interval)
    odds = _fisher(tp, fp, half)
    true_odds = measures(population)[2].value
    assert true_odds is not None  # noqa: S101
    yield Trial(where, "odds ratio, exact conditional (Fisher)", true_odds, odds.effect, odds.interval)


@cache
def _fisher(tp: int, fp: int, half: int) -> TestResult:
    return fisher([[tp, half - tp], [fp, half - fp]])


def _method(name: str) -> str:
    return {"MCC": "large sample", "Youden": "Newcombe", "DOR": "log (Woolf)"}.get(name, "log (Simel)")


def differences(rng: np.random.Generator, n: int) -> Iterator[Trial]:
    """Two rates, .85 and .75: of different cases, and of the same cases with correlated outcomes."""
    p, q = 0.85, 0.75
    a, b = int(rng.binomial(n, p)), int(rng.binomial(n, q))
    for method in ("newcombe", "wald"):
        value, low, high = difference_limits(a, n, b, n, method=method)
        where = "difference of two rates, .85 and .75, n cases each"
        yield Trial(where, method, p - q, value, Interval(low, high, method))
    latent = np.sqrt(0.5) * rng.standard_normal(n)
    own = np.sqrt(0.5) * rng.standard_normal((2, n))
    first, second = latent + own[0] < ndtri(p), latent + own[1] < ndtri(q)
    paired = paired_rates(first, second)
    assert paired is not None  # noqa: S101
    yield Trial("difference of two rates of the same cases", "Bonett-Price", p - q, paired.difference, paired.interval)


def clustered(rng: np.random.Generator, n: int) -> Iterator[Trial]:
    """A rate over ``n`` images, two or five of each patient; images of a patient come out alike."""
    for images in (2, 5):
        patient = np.arange(n) // images
        for p in (0.8, 0.95):
            latent = np.sqrt(LIKENESS) * rng.standard_normal(patient.max() + 1)[patient]
            hit = (latent + np.sqrt(1 - LIKENESS) * rng.standard_normal(n) < ndtri(p)).astype(float)
            where = f"rate {p:g}, {images} images a patient"
            value = float(hit.mean())
            yield Trial(where, "wrong: wilson on images", p, value, _limits(int(hit.sum()), n, "wilson"))
            yield Trial(where, "clustered wilson", p, value, clustered_proportion(hit, patient))
            yield Trial(where, "cluster bootstrap", p, value, bootstrap(weighted_mean(hit), patient, rng).interval())
