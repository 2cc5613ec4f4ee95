"""Fits the gate: training frames of breast ultrasound against drawn pictures that are something else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from usnet import images
from usnet.datasets.records import Dataset
from usnet.diagnosis.gate import REACH, Gate
from usnet.errors import DataError
from usnet.extras import need
from usnet.images.appearance import appearance
from usnet.phantoms.others import other_picture

FloatArray = npt.NDArray[np.float64]

OTHERS = 900
"""Drawn pictures to fit on; as many again, of another seed, to measure on."""
RIDGE = 0.001
"""Inverse strength of the penalty. So strong that no feature decides alone: chosen by leaving whole datasets out, where weaker
ones refused many more frames of a scanner that they had not seen."""
REFUSED = 0.001
"""Share of validation frames below the threshold. So few, because frames of a scanner that nobody here has seen score lower than
these, and a real frame that is refused is worse than a photograph that is judged."""


@dataclass(frozen=True, slots=True)
class Appearances:
    """Features ``[N, 37]`` of a dataset's frames, with the split of each (``""`` for none)."""

    name: str
    features: FloatArray
    split: npt.NDArray[np.str_]


def appearances(dataset: Dataset, progress: Callable[[int, int], None] | None = None) -> Appearances:
    """Look at all frames of a dataset that are not excluded and show no colour.

    Raises
    ------
    UnreadableImage
        An image cannot be read.
    """
    rows, splits = [], []
    records = [r for r in dataset.records if r.exclude is None]
    for index, record in enumerate(records):
        frame = images.read(dataset.path(record))
        if "colour" not in frame.flags:
            rows.append(appearance(frame.pixels))
            splits.append(record.split or "")
        if progress:
            progress(index + 1, len(records))
    return Appearances(dataset.name, np.array(rows), np.array(splits))


def others(seed: int, count: int = OTHERS) -> FloatArray:
    """Features ``[count, 37]`` of drawn pictures that are no ultrasound."""
    return np.array([appearance(other_picture(seed, number)) for number in range(count)])


def fit_gate(sets: Sequence[Appearances], drawn: FloatArray, *, refused: float = REFUSED) -> Gate:
    """A penalised logistic regression of splits train, its threshold from splits val.

    ``measured`` holds the share of drawn pictures of another seed that is refused, and, for each dataset with all others as
    training data, the share of its frames that would be: what to expect of a scanner that nobody here has seen.

    Raises
    ------
    DataError
        There are no frames in split train or val.
    """
    need("sklearn", extra="evaluate", feature="fitting a gate")
    train = np.concatenate([s.features[s.split == "train"] for s in sets])
    held = np.concatenate([s.features[s.split == "val"] for s in sets])
    if not len(train) or not len(held):
        raise DataError("no frame in split train or val", hint="Run 'usnet data split' first")
    gate = _fit(train, drawn, held, refused, f"splits train and val of {', '.join(s.name for s in sets)}")
    fresh = others(1, len(drawn) // 3)
    measured = {"drawn_refused": float((gate.score(fresh) < gate.threshold).mean())}
    for left in sets if len(sets) > 1 else ():
        rest = [s for s in sets if s is not left]
        partial = _fit(
            np.concatenate([s.features[s.split == "train"] for s in rest]),
            drawn,
            np.concatenate([s.features[s.split == "val"] for s in rest]),
            refused,
            "",
        )
        measured[f"unseen_{left.name}_refused"] = float((partial.score(left.features) < partial.threshold).mean())
    return gate.model_copy(update={"measured": measured})


def _fit(train: FloatArray, drawn: FloatArray, held: FloatArray, refused: float, origin: str) -> Gate:
    from sklearn.linear_model import LogisticRegression

    mean, scale = train.mean(axis=0), train.std(axis=0) + 1e-6
    x = np.clip((np.concatenate([train, drawn]) - mean) / scale, -REACH, REACH)
    model = LogisticRegression(C=RIDGE, class_weight="balanced", max_iter=2000)
    model.fit(x, np.arange(len(x)) < len(train))
    gate = Gate(
        mean=tuple(mean.tolist()),
        scale=tuple(scale.tolist()),
        weights=tuple(model.coef_[0].tolist()),
        intercept=float(model.intercept_[0]),
        threshold=0.0,
        origin=f"{len(train)} frames against {len(drawn)} drawn pictures; {refused:.1%} of {len(held)} refused; {origin}",
    )
    return gate.model_copy(update={"threshold": float(np.quantile(gate.score(held), refused))})
