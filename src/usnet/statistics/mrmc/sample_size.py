"""Power and size of a factorial reader study with two modalities, by Obuchowski-Rockette with Hillis' formulae.

Hillis, Obuchowski and Berbaum, Acad Radiol 2011; 18:129: the covariances of a pilot study shrink with the number of cases
(``cases_pilot / cases``), the reader components stay.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import f, ncf

from usnet.errors import ConfigError, DataError
from usnet.statistics.mrmc.results import Components, MrmcResult


@dataclass(frozen=True, slots=True)
class Planning:
    """What a plan rests on: the modality-by-reader variance, and error variance and covariances for ``cases`` cases."""

    modality_reader: float
    error: float
    cov1: float
    cov2: float
    cov3: float
    cases: int

    def __post_init__(self) -> None:
        if self.cases < 1 or self.error <= 0 or self.error < self.cov1:
            raise ConfigError(f"components that no study can have: {self}", expected="0 < Cov1 <= error, cases > 0")

    @classmethod
    def from_result(cls, result: MrmcResult) -> Planning:
        """Components of a pilot study.

        Raises
        ------
        DataError
            The pilot study is not factorial or lacks a component.
        """
        c: Components = result.components
        parts = (c.modality_reader, c.error, c.cov1, c.cov2, c.cov3)
        known = [part for part in parts if part is not None]
        if result.design != "factorial" or len(known) != len(parts):
            raise DataError(
                "the pilot study cannot be planned from", expected="a factorial study of two or more readers"
            )
        cases = result.positives + result.negatives
        return cls(known[0], known[1], known[2], known[3], known[4], cases)


@dataclass(frozen=True, slots=True)
class Power:
    """Power of a study; ``noncentrality`` of F on (1, ``df2``)."""

    readers: int
    cases: int
    effect: float
    alpha: float
    power: float
    noncentrality: float
    df2: float
    truncated: tuple[str, ...] = ()

    def sentence(self) -> str:
        """One sentence for a methods section."""
        note = f" Negative in the pilot study and taken as 0: {', '.join(self.truncated)}." if self.truncated else ""
        return (
            f"With {self.readers} readers and {self.cases} cases, all read in both modalities, a difference of {self.effect:g} is "
            f"found with a power of {100 * self.power:.1f} % (Obuchowski-Rockette, readers and cases random, two-sided alpha "
            f"{self.alpha:g}).{note}"
        )


def power(plan: Planning, *, readers: int, cases: int, effect: float, alpha: float = 0.05) -> Power:
    """Power to find a difference of ``effect`` between two modalities, readers and cases random.

    ``ncp = r effect^2 / 2 / (Var(TR) + s (Var - Cov1 + (r - 1) G))`` and
    ``df2 = (r - 1) (Var(TR) + s (Var - Cov1 + (r - 1) G))^2 / (Var(TR) + s (Var - Cov1 - G))^2`` with ``G = max(Cov2 - Cov3, 0)``
    and ``s = plan.cases / cases``. A negative ``Var(TR)`` counts as 0.

    Raises
    ------
    ConfigError
        Fewer than two readers or cases, ``effect`` 0, or ``alpha`` outside (0, 1).
    """
    if readers < 2 or cases < 2 or effect == 0 or not 0 < alpha < 1:
        raise ConfigError(
            f"{readers} readers, {cases} cases, effect {effect:g}, alpha {alpha:g}",
            expected="two readers, two cases, an effect and 0 < alpha < 1",
        )
    gap, reader = max(plan.cov2 - plan.cov3, 0.0), max(plan.modality_reader, 0.0)
    scale, own = plan.cases / cases, plan.error - plan.cov1
    whole = reader + scale * (own + (readers - 1) * gap)
    square = reader + scale * max(own - gap, 0.0)
    truncated = tuple(
        name
        for name, value in (
            ("modality x reader variance", plan.modality_reader),
            ("Cov2 - Cov3", plan.cov2 - plan.cov3),
        )
        if value < 0
    )
    ncp = readers * effect**2 / 2 / whole
    df2 = (readers - 1) * (whole / square) ** 2 if square > 0 else float("inf")
    df2 = min(df2, 1e9)
    chance = float(ncf.sf(f.isf(alpha, 1, df2), 1, df2, ncp))
    return Power(readers, cases, effect, alpha, chance, ncp, df2, truncated)


def sample_size(
    plan: Planning,
    *,
    effect: float,
    readers: int | None = None,
    cases: int | None = None,
    target: float = 0.8,
    alpha: float = 0.05,
    limit: int = 2000,
) -> Power | None:
    """The smallest number of cases for given ``readers`` (or of readers for given ``cases``) that reaches ``target``.

    ``None`` where ``limit`` does not suffice: with few readers no number of cases may.

    Raises
    ------
    ConfigError
        Not exactly one of ``readers`` and ``cases`` is given, or ``target`` is not between ``alpha`` and 1.
    """
    if (readers is None) == (cases is None):
        raise ConfigError("give the number of readers or the number of cases, not both or neither")
    if not alpha < target < 1:
        raise ConfigError(f"a power of {target:g}", expected=f"between {alpha:g} and 1")

    def at(n: int) -> Power:
        return power(plan, readers=readers or n, cases=cases or n, effect=effect, alpha=alpha)

    low, high = 2, limit
    if at(high).power < target:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if at(middle).power >= target else (middle + 1, high)
    return at(low)


def table(
    plan: Planning, *, readers: list[int], cases: list[int], effect: float, alpha: float = 0.05
) -> list[list[Power]]:
    """Power for every pair: one row a number of readers, one column a number of cases."""
    return [[power(plan, readers=r, cases=k, effect=effect, alpha=alpha) for k in cases] for r in readers]
