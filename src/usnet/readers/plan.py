"""How many readers and cases a study needs, before there is one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from scipy.special import ndtri

from usnet.errors import ConfigError
from usnet.statistics.mrmc import Planning, analyse, simulate_study
from usnet.statistics.mrmc.sample_size import power, sample_size, table
from usnet.statistics.mrmc.synthetic import STRUCTURES

__all__ = ["assumed", "power", "sample_size", "table"]

_READERS, _CASES, _DRAWS = 10, 100, 8


@cache
def assumed(structure: str = "HL", auc: float = 0.856) -> Planning:
    """Variance components to plan from where there is no pilot study: the mean of eight simulated pilot studies (10 readers, 200
    cases) of a structure of Roe and Metz (Acad Radiol 1997; 4:298) at an AUC.

    Raises
    ------
    ConfigError
        There is no such structure, or the AUC is not between 0.5 and 1.
    """
    if structure not in STRUCTURES or not 0.5 < auc < 1:
        raise ConfigError(
            f"structure {structure!r}, AUC {auc:g}", expected=f"one of {', '.join(STRUCTURES)} and 0.5 < AUC < 1"
        )
    base = STRUCTURES[structure]
    scale = base.separation / float(ndtri(base.auc()))
    model = replace(base, separation=float(ndtri(auc)) * scale)
    plans = [
        Planning.from_result(
            analyse(simulate_study(model, readers=_READERS, positives=_CASES, negatives=_CASES, seed=seed))
        )
        for seed in range(_DRAWS)
    ]

    def mean(name: str) -> float:
        return sum(float(getattr(plan, name)) for plan in plans) / len(plans)

    parts = {name: mean(name) for name in ("modality_reader", "error", "cov1", "cov2", "cov3")}
    return Planning(**parts, cases=2 * _CASES)
