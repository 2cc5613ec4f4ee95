"""Dorfman-Berbaum-Metz analysis of pseudovalues, with Hillis' degrees of freedom: the same test as Obuchowski-Rockette with the
jackknife, reached by another road, and so a check on it.

Dorfman, Berbaum and Metz, Invest Radiol 1992; 27:723; Hillis, Berbaum and Metz, Acad Radiol 2008; 15:647.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from usnet.statistics.arrays import FloatArray
from usnet.statistics.mrmc.covariance import jackknife_covariance
from usnet.statistics.mrmc.obuchowski_rockette import Cells, obuchowski_rockette
from usnet.statistics.mrmc.results import MrmcResult, f_test
from usnet.statistics.mrmc.study import UnbalancedStudy


@dataclass(frozen=True, slots=True)
class PseudovalueSquares:
    """Mean squares of pseudovalues over modality (t), reader (r), case (c) and their products."""

    t: float
    r: float
    c: float
    tr: float
    tc: float
    rc: float
    trc: float


def pseudovalues(values: FloatArray, without: FloatArray) -> FloatArray:
    """``[n, K]``: ``K theta - (K - 1) theta_(k)``, shifted so that each cell's mean is its ``theta``."""
    k = without.shape[1]
    raw = k * values[:, None] - (k - 1) * without
    return np.asarray(raw + values[:, None] - raw.mean(axis=1, keepdims=True))


def pseudovalue_squares(cube: FloatArray) -> PseudovalueSquares:
    """Three-way analysis of variance of ``cube [t, r, K]``."""
    t, r, k = cube.shape
    grand = cube.mean()
    mt, mr, mc = cube.mean(axis=(1, 2)), cube.mean(axis=(0, 2)), cube.mean(axis=(0, 1))
    mtr, mtc, mrc = cube.mean(axis=2), cube.mean(axis=1), cube.mean(axis=0)
    tr = mtr - mt[:, None] - mr + grand
    tc = mtc - mt[:, None] - mc + grand
    rc = mrc - mr[:, None] - mc + grand
    trc = cube - mtr[:, :, None] - mtc[:, None] - mrc + mt[:, None, None] + mr[None, :, None] + mc - grand
    return PseudovalueSquares(
        r * k * float(((mt - grand) ** 2).sum()) / (t - 1),
        t * k * float(((mr - grand) ** 2).sum()) / (r - 1),
        t * r * float(((mc - grand) ** 2).sum()) / (k - 1),
        k * float((tr**2).sum()) / ((t - 1) * (r - 1)),
        r * float((tc**2).sum()) / ((t - 1) * (k - 1)),
        t * float((rc**2).sum()) / ((r - 1) * (k - 1)),
        float((trc**2).sum()) / ((t - 1) * (r - 1) * (k - 1)),
    )


def dbm(cells: Cells, without: FloatArray, *, level: float = 0.95) -> MrmcResult:
    """Analyse a factorial study, readers and cases random, from ``cells.values`` and leave-one-out values ``without [M * R, K]``.

    ``F = MS(T) / (MS(TR) + max(MS(TC) - MS(TRC), 0))``. Means, differences and components are those of Obuchowski-Rockette with
    the jackknife covariance, to which they are equal; the test comes from the pseudovalues.

    Raises
    ------
    UnbalancedStudy
        The design is not factorial, or there are fewer than two modalities or readers.
    """
    t, r = cells.values.shape
    if cells.design != "factorial" or min(t, r) < 2:
        raise UnbalancedStudy(
            f"{cells.design} design with {t} modalities and {r} readers",
            expected="a factorial design with two of each for DBM",
            hint="Use Obuchowski-Rockette or the U-statistics",
        )
    flat = cells.values.reshape(-1)
    _, covariance = jackknife_covariance(flat, without)
    result = obuchowski_rockette(replace(cells, covariance=covariance), level=level)
    squares = pseudovalue_squares(pseudovalues(flat, without).reshape(t, r, -1))
    denominator = squares.tr + max(squares.tc - squares.trc, 0.0)
    df1 = float(t - 1)
    if result.test is None or squares.tr == 0:
        return replace(result, method="Dorfman-Berbaum-Metz")
    df2 = denominator**2 / (squares.tr**2 / (df1 * (r - 1)))
    return replace(result, method="Dorfman-Berbaum-Metz", test=f_test(squares.t, denominator, df1, df2))
