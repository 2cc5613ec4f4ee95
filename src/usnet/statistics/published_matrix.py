"""The confusion matrix behind printed figures of each class against the rest.

With the weights of the true classes given, every printed accuracy, precision, recall and specificity is a ratio of sums of cells.
The matrix with the smallest greatest miss is found by a few linear programmes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from usnet.statistics.arrays import FloatArray
from usnet.statistics.published import Printed, unit

FIGURES = ("accuracy", "precision", "recall", "specificity")
Table = Mapping[str, Mapping[str, Printed]]
"""Class to figure to printed per cent."""


@dataclass(frozen=True, slots=True)
class MatrixFit:
    """Best matrix ``[K, K]`` (rows: truth, each summing to 1) and the greatest ``miss`` over all figures, in points of per cent.

    ``weights [K]`` sum to 1.
    """

    classes: tuple[str, ...]
    weights: FloatArray
    matrix: FloatArray
    miss: float

    def value(self, name: str, figure: str) -> float:
        """A figure of this matrix in per cent."""
        top, bottom = _ratio(figure, self.classes.index(name), self.weights)
        cells = np.append((self.matrix * self.weights[:, None]).ravel(), 1.0)
        return float(100 * (top @ cells) / (bottom @ cells))

    def at(self, weights: Mapping[str, float]) -> MatrixFit:
        """The same shares of each true class at another mix of classes."""
        mix = np.array([weights[c] for c in self.classes], dtype=np.float64)
        return MatrixFit(self.classes, mix / mix.sum(), self.matrix, self.miss)


def fit_matrix(table: Table, weights: Mapping[str, float], *, without: tuple[str, str] | None = None) -> MatrixFit:
    """The matrix nearest to all printed figures, but for ``without`` (class, figure).

    Raises
    ------
    ValueError
        A class has no weight.
    """
    classes = tuple(table)
    mix = np.array([weights.get(c, 0) for c in classes], dtype=np.float64)
    if not (mix > 0).all():
        raise ValueError("every class needs cases")
    mix = mix / mix.sum()
    cells, miss = _Programme(classes, table, mix, without).nearest()
    k = len(classes)
    return MatrixFit(classes, mix, cells.reshape(k, k) / mix[:, None], 100 * miss)


def suspects(table: Table, weights: Mapping[str, float]) -> Iterator[tuple[str, str, MatrixFit]]:
    """Figures without which the rest fit to one last digit, although all together do not: class, figure and the fit without it.

    Nothing where all figures fit, or where more than one is off.
    """
    if fit_matrix(table, weights).miss <= last_digit(table):
        return
    for name, figures in table.items():
        for figure in figures:
            if figure in FIGURES:
                fit = fit_matrix(table, weights, without=(name, figure))
                if fit.miss <= last_digit(table):
                    yield name, figure, fit


def cell_range(
    table: Table,
    weights: Mapping[str, float],
    truth: str,
    called: str,
    *,
    tolerance: float,
    without: tuple[str, str] | None = None,
) -> tuple[float, float]:
    """Least and greatest share (per cent) of class ``truth`` called ``called`` in all matrices that miss no figure by more than
    ``tolerance`` points.

    Raises
    ------
    ValueError
        No matrix fits that closely.
    """
    classes = tuple(table)
    mix = np.array([weights[c] for c in classes], dtype=np.float64)
    mix = mix / mix.sum()
    problem = _Programme(classes, table, mix, without)
    row, column = classes.index(truth), classes.index(called)
    place = row * len(classes) + column
    limits = []
    for sign in (1.0, -1.0):
        cells = problem.extreme(tolerance / 100, place, sign)
        if cells is None:
            raise ValueError(f"no matrix fits within {tolerance} points")
        limits.append(float(100 * cells[place] / mix[row]))
    return limits[0], limits[1]


def last_digit(table: Table) -> float:
    """The coarsest last digit of the figures that are fitted."""
    return float(max(unit(v) for figures in table.values() for name, v in figures.items() if name in FIGURES))


class _Programme:
    """Cells ``x [K * K]`` of a joint table with fixed row sums.

    The miss of a figure ``v`` is ``|top.x - v bottom.x| / bottom.x``.
    """

    def __init__(
        self, classes: tuple[str, ...], table: Table, mix: FloatArray, without: tuple[str, str] | None
    ) -> None:
        rows = [
            (*_ratio(figure, index, mix), float(table[name][figure]) / 100)
            for index, name in enumerate(classes)
            for figure in FIGURES
            if figure in table[name] and (name, figure) != without
        ]
        bottom = np.array([r[1] for r in rows])
        gap = np.array([r[0] for r in rows]) - np.array([r[2] for r in rows])[:, None] * bottom
        self.gap, self.bottom = np.vstack([gap, -gap]), np.vstack([bottom, bottom])
        self.rows = np.kron(np.eye(len(classes)), np.ones(len(classes)))
        self.mix = mix

    def nearest(self) -> tuple[FloatArray, float]:
        """Cells with the least greatest miss, and that miss.

        Generalised Dinkelbach (Crouzeix, Ferland and Schaible, J Optim Theory Appl 1985; 47:35): each programme lowers the miss
        against the denominators of the last, until it cannot.
        """
        k = self.mix.size
        cells = (np.diag(self.mix) * 0.8 + 0.2 * np.outer(self.mix, np.full(k, 1 / k))).ravel()
        miss = self._miss(cells)
        for _ in range(50):
            left = self.gap - miss * self.bottom
            a = np.column_stack([left[:, :-1], -self._denominators(cells), left[:, -1]])
            found = self._solve(np.append(np.zeros(k * k), 1.0), a)
            if found is None or (now := self._miss(found[:-1])) >= miss - 1e-10:
                break
            cells, miss = found[:-1], now
        return cells, miss

    def extreme(self, error: float, place: int, sign: float) -> FloatArray | None:
        """Cells that meet all figures within ``error``, cell ``place`` least (sign 1) or greatest (-1); ``None`` where none do."""
        cost = np.zeros(self.mix.size**2)
        cost[place] = sign
        return self._solve(cost, self.gap - error * self.bottom)

    def _denominators(self, cells: FloatArray) -> FloatArray:
        return np.asarray(self.bottom @ np.append(cells, 1.0), dtype=np.float64)

    def _miss(self, cells: FloatArray) -> float:
        denominators = np.maximum(self._denominators(cells), 1e-12)
        return float((self.gap @ np.append(cells, 1.0) / denominators).max())

    def _solve(self, cost: FloatArray, a: FloatArray) -> FloatArray | None:
        """Minimise ``cost.x`` with ``a.(x, 1) <= 0``; unknowns beyond the cells are free."""
        from scipy.optimize import linprog

        cells = self.mix.size**2
        free = cost.size - cells
        equal = np.hstack([self.rows, np.zeros((self.mix.size, free))])
        bounds = [(0, 1)] * cells + [(None, None)] * free
        result = linprog(cost, A_ub=a[:, :-1], b_ub=-a[:, -1], A_eq=equal, b_eq=self.mix, bounds=bounds)
        return np.asarray(result.x, dtype=np.float64) if result.status == 0 else None


def _ratio(figure: str, index: int, mix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Numerator and denominator of a figure as weights of the cells ``[K * K]`` and a constant, ``[K * K + 1]`` each."""
    k = mix.size
    diagonal, column = np.zeros((k, k)), np.zeros((k, k))
    diagonal[index, index], column[:, index] = 1, 1
    hit, called = np.append(diagonal.ravel(), 0.0), np.append(column.ravel(), 0.0)
    one = np.append(np.zeros(k * k), 1.0)
    share = mix[index]
    return {
        "accuracy": ((1 - share) * one - called + 2 * hit, one),
        "precision": (hit, called),
        "recall": (hit, share * one),
        "specificity": ((1 - share) * one - called + hit, (1 - share) * one),
    }[figure]
