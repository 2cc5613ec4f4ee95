"""How descriptors are distributed over benign and malignant training nodules, and the rules for BI-RADS words: a small JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from usnet.descriptors.measure import NAMES
from usnet.descriptors.rules import Rule
from usnet.errors import DataError
from usnet.values import PATHOLOGIES, Pathology

FILE = "descriptors.json"
PERCENTS = (1, 5, 10, 25, 50, 75, 90, 95, 99)


class WordRule(BaseModel):
    """A :class:`usnet.descriptors.rules.Rule` on disk; ``kappa`` is what cross-validation gave, with its interval, in words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    term: str
    descriptor: str
    words: tuple[str, ...]
    cuts: tuple[float, ...]
    agreement: str

    def rule(self) -> Rule:
        """As a value."""
        return Rule(self.term, self.descriptor, self.words, self.cuts)


class Reference(BaseModel):
    """``quantiles[name][pathology]`` are the values at :data:`PERCENTS` per cent; ``count`` nodules stand behind them.

    ``origin`` says which images these are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    origin: str
    count: dict[Pathology, int]
    quantiles: dict[str, dict[Pathology, tuple[float, ...]]]
    rules: tuple[WordRule, ...] = ()

    def percentile(self, name: str, pathology: Pathology, value: float) -> float | None:
        """Per cent of the training nodules of that pathology with a lower value; ``None`` where it is not known."""
        known = self.quantiles.get(name, {}).get(pathology)
        if known is None or np.isnan(value):
            return None
        return float(np.interp(value, known, PERCENTS, left=0.0, right=100.0))


def reference_of(
    table: Mapping[str, npt.NDArray[np.float64]],
    malignant: npt.NDArray[np.bool_],
    origin: str,
    rules: Sequence[WordRule] = (),
) -> Reference:
    """Quantiles of ``table`` (values by descriptor) for nodules of known pathology."""
    quantiles: dict[str, dict[Pathology, tuple[float, ...]]] = {}
    for name in NAMES:
        for pathology in PATHOLOGIES:
            values = np.asarray(table[name])[malignant == (pathology == "malignant")]
            values = values[~np.isnan(values)]
            if values.size:
                found = tuple(float(v) for v in np.round(np.percentile(values, PERCENTS), 5))
                quantiles.setdefault(name, {})[pathology] = found
    count: dict[Pathology, int] = {"benign": int((~malignant).sum()), "malignant": int(malignant.sum())}
    return Reference(origin=origin, count=count, quantiles=quantiles, rules=tuple(rules))


def load_reference(path: Path | None = None) -> Reference | None:
    """The reference of a file, or the package's own; ``None`` where the package has none.

    Raises
    ------
    DataError
        The file cannot be read or is no reference.
    """
    try:
        if path is not None:
            return Reference.model_validate_json(path.read_text(encoding="utf-8"))
        own = resources.files("usnet.descriptors").joinpath(FILE)
        return Reference.model_validate_json(own.read_text(encoding="utf-8")) if own.is_file() else None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, ValidationError) as error:
        where = path or FILE
        raise DataError(
            f"not readable as descriptor reference ({type(error).__name__})",
            source=where,
            expected="the file of 'usnet descriptors'",
        ) from error
