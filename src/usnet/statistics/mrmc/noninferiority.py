"""Is a modality no worse than another by more than a margin? One-sided test of an estimated difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from scipy.stats import norm, t

from usnet.errors import ConfigError
from usnet.statistics.mrmc.results import Estimate, p_text

Kind = Literal["non-inferiority", "equivalence"]

_NAMES: dict[Kind, str] = {"non-inferiority": "Non-inferiority", "equivalence": "Equivalence"}


@dataclass(frozen=True, slots=True)
class MarginTest:
    """Test of ``difference`` (new minus reference, higher is better) against ``-margin``, and against ``margin`` for equivalence.

    ``lower`` and ``upper`` are the limits of the ``1 - 2 alpha`` interval; ``shown`` and ``p`` are ``None`` where the difference
    has no standard error: not estimable.
    """

    kind: Kind
    label: str
    difference: float
    margin: float
    alpha: float
    lower: float | None
    upper: float | None
    p: float | None
    shown: bool | None

    def sentence(self) -> str:
        """One sentence for a results section."""
        if self.shown is None or self.lower is None or self.upper is None:
            return f"{_NAMES[self.kind]} of {self.label} (margin {self.margin:g}): not estimable."
        verdict = "was shown" if self.shown else "was not shown"
        return (
            f"{_NAMES[self.kind]} of {self.label} at a margin of {self.margin:g} {verdict}: difference {self.difference:.3f}, "
            f"{100 * (1 - 2 * self.alpha):g} % CI {self.lower:.3f} to {self.upper:.3f}, one-sided {p_text(self.p)}."
        )


def margin_test(
    difference: Estimate, margin: float, *, kind: Kind = "non-inferiority", alpha: float = 0.025, reverse: bool = False
) -> MarginTest:
    """Non-inferiority (or equivalence by two one-sided tests, Schuirmann 1987) of a difference from any analysis here.

    Parameters
    ----------
    difference
        New minus reference; ``reverse`` where it is reference minus new.
    margin
        Greatest loss that still counts as no worse, > 0, in the units of the figure of merit; fixed before the data.

    Raises
    ------
    ConfigError
        ``margin`` is not positive or ``alpha`` is outside (0, 0.5).
    """
    if not margin > 0 or not 0 < alpha < 0.5:
        raise ConfigError(f"margin {margin:g}, alpha {alpha:g}", expected="a positive margin and 0 < alpha < 0.5")
    value = -difference.value if reverse else difference.value
    label = difference.label
    if reverse and " - " in label:
        label = " - ".join(reversed(label.split(" - ")))
    error = difference.standard_error
    if not difference.estimable or not error:
        return MarginTest(kind, label, value, margin, alpha, None, None, None, None)
    law = norm() if difference.df is None else t(difference.df)
    half = float(law.isf(alpha)) * error
    p = float(law.sf((value + margin) / error))
    if kind == "equivalence":
        p = max(p, float(law.sf((margin - value) / error)))
    return MarginTest(kind, label, value, margin, alpha, value - half, value + half, p, p < alpha)
