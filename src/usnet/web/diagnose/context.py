"""Where a probability lies among nodules whose pathology is known: the distribution that a bundle may carry.

The optional file ``reference_scores.json`` beside ``bundle.json`` holds ``{"model_sha256", "origin", "benign": [...],
"malignant": [...]}``: the calibrated probabilities of malignancy of the benign and malignant nodules of the folds that the model
was validated on.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

from usnet.bundles import Bundle, storage
from usnet.errors import BundleError, UsnetError

FILE = "reference_scores.json"
BINS = 20
_MOST_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Reference:
    """Sorted probabilities of malignancy of nodules with known pathology, and where they come from."""

    origin: str
    benign: tuple[float, ...]
    malignant: tuple[float, ...]

    def shares_below(self, probability: float) -> tuple[float, float]:
        """Share of the benign and of the malignant nodules at or below a probability."""
        return tuple(bisect_right(values, probability) / len(values) for values in (self.benign, self.malignant))  # type: ignore[return-value]

    def histogram(self) -> dict[str, list[int]]:
        """Counts in :data:`BINS` equal bins of [0, 1]."""
        return {name: _counts(values) for name, values in (("benign", self.benign), ("malignant", self.malignant))}

    def as_dict(self) -> dict[str, Any]:
        """What the page draws."""
        return {
            "origin": self.origin,
            "bins": self.histogram(),
            "benign": list(self.benign),
            "malignant": list(self.malignant),
        }


def reference_of(bundle: Bundle) -> Reference | None:
    """The distribution of a bundle; ``None`` where it has none.

    Raises
    ------
    BundleError
        The file is damaged, or belongs to other weights.
    """
    try:
        with storage.open_file(bundle.path, FILE) as stream:
            document = json.loads(stream.read(_MOST_BYTES))
    except UsnetError:
        return None
    except (OSError, ValueError) as error:
        raise BundleError(f"{FILE} is not readable ({type(error).__name__})", source=bundle.path) from error
    try:
        benign, malignant = (sorted(float(v) for v in document[name]) for name in ("benign", "malignant"))
        right = document["model_sha256"] == bundle.identity.sha256
        valid = benign and malignant and all(0 <= v <= 1 for v in (benign[0], benign[-1], malignant[0], malignant[-1]))
    except (KeyError, TypeError, ValueError):
        right = valid = False
    if not right or not valid:
        raise BundleError(f"{FILE} does not belong to these weights, or is damaged", source=bundle.path)
    return Reference(str(document.get("origin", "")), tuple(benign), tuple(malignant))


def _counts(values: tuple[float, ...]) -> list[int]:
    counts = [0] * BINS
    for value in values:
        counts[min(BINS - 1, int(value * BINS))] += 1
    return counts
