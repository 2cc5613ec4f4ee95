"""How far two readers agree: overlap of the boxes they share, and kappa of what they call them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy.orm import Session

from usnet.values import LABELS
from usnet.web.annotate.bodies import BIRADS, Body
from usnet.web.annotate.decisions import Case, cases
from usnet.web.annotate.matching import IOU, Pair, matched
from usnet.web.annotate.records import record_from

if TYPE_CHECKING:  # scipy is loaded when somebody asks, not with every page
    from usnet.statistics.agreement import Agreement
    from usnet.statistics.arrays import FloatArray
    from usnet.statistics.intervals import Interval

DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over ``n`` things, its interval by cluster bootstrap over patients, and why there is none."""

    value: float | None
    interval: Interval | None
    n: int
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Agreed:
    """Two readers on the ``images`` that both finished.

    ``iou`` is the mean overlap of matched boxes (IoU of 0.5 or more), ``boxes`` the share of all boxes of both that are matched
    (twice the matched over the sum, as Dice's coefficient). ``label`` is kappa of the images' labels (benign, malignant, normal,
    unknown), ``pathology`` that of matched boxes, ``birads`` weighted (linear) kappa of matched boxes where both gave one.
    """

    first: str
    second: str
    images: int
    patients: int
    iou: Estimate
    boxes: Estimate
    label: Agreement | None
    pathology: Agreement | None
    birads: Agreement | None


def agreement(session: Session, project: str) -> list[Agreed]:
    """Every two readers who finished an image in common."""
    found = cases(session, project)
    readers = sorted({reader for case in found for reader, _ in case.said})
    return [a for pair in combinations(readers, 2) if (a := _between(found, *pair)) is not None]


def _between(found: Sequence[Case], first: str, second: str) -> Agreed | None:
    shared = [(c, dict(c.said)) for c in found]
    both = [(c, said[first], said[second]) for c, said in shared if first in said and second in said]
    if not both:
        return None
    groups = [record_from(case.image.record).group for case, _, _ in both]
    pairs = [matched(a, b) for _, a, b in both]
    flat = [pair for some in pairs for pair in some]
    return Agreed(
        first,
        second,
        len(both),
        len(set(groups)),
        _mean([p.iou for p in flat], [g for g, some in zip(groups, pairs, strict=True) for _ in some]),
        _shared_boxes([(a, b) for _, a, b in both], pairs, groups),
        _kappa(
            [a.label or "unknown" for _, a, _ in both], [b.label or "unknown" for _, _, b in both], (*LABELS, "unknown")
        ),
        _kappa(*_of(flat, "pathology"), ("benign", "malignant", "unknown")),
        _kappa(*_graded(flat), BIRADS, weighted=True),
    )


def _mean(values: list[float], groups: list[str]) -> Estimate:
    if not values:
        return Estimate(None, None, 0, f"no two boxes overlap by an IoU of {IOU} or more")
    from usnet.statistics.bootstrap import cluster_bootstrap, weighted_mean

    drawn = cluster_bootstrap(weighted_mean(values), groups, n=DRAWS)
    return Estimate(float(np.mean(values)), drawn.interval(), len(values), drawn.problem())


def _shared_boxes(bodies: list[tuple[Body, Body]], pairs: list[list[Pair]], groups: list[str]) -> Estimate:
    twice = np.array([2 * len(some) for some in pairs], dtype=np.float64)
    total = np.array([len(a.marks) + len(b.marks) for a, b in bodies], dtype=np.float64)
    if not total.sum():
        return Estimate(None, None, 0, "no reader drew a box")
    from usnet.statistics.arrays import ratio
    from usnet.statistics.bootstrap import cluster_bootstrap

    def share(weights: FloatArray) -> FloatArray:
        return ratio(weights @ twice, weights @ total)

    drawn = cluster_bootstrap(share, groups, n=DRAWS)
    return Estimate(float(twice.sum() / total.sum()), drawn.interval(), int(total.sum()), drawn.problem())


def _of(pairs: list[Pair], name: str) -> tuple[list[str], list[str]]:
    return [getattr(p.first, name) or "unknown" for p in pairs], [getattr(p.second, name) or "unknown" for p in pairs]


def _graded(pairs: list[Pair]) -> tuple[list[str], list[str]]:
    both = [p for p in pairs if p.first.birads in BIRADS and p.second.birads in BIRADS]
    return [str(p.first.birads) for p in both], [str(p.second.birads) for p in both]


def _kappa(first: list[str], second: list[str], order: Sequence[str], *, weighted: bool = False) -> Agreement | None:
    if not first:
        return None
    from usnet.statistics.agreement import cohen_kappa

    return cohen_kappa(first, second, weights="linear" if weighted else "none", categories=list(order))
