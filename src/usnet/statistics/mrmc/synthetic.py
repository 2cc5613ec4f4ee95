"""Made-up reader studies with known truth: the model of Roe and Metz (Acad Radiol 1997; 4:298), seeded.

A score is the sum of independent normal effects. For modality ``i``, reader ``j``, case ``k`` of class ``c``:
``mu_ic + R_jc + C_kc + (TR)_ijc + (TC)_ikc + (RC)_jkc + E_ijkc``; cases without the condition have mean 0, those with it
``separation`` plus, in the second and later modalities, ``effect``. The case terms and ``E`` have variances that sum to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from usnet.errors import ConfigError
from usnet.statistics.arrays import FloatArray
from usnet.statistics.mrmc.study import Design, Study


@dataclass(frozen=True, slots=True)
class RoeMetz:
    """Variances of the model; the defaults are structure HL of Roe and Metz at an AUC of 0.856 (separation 1.5)."""

    separation: float = 1.5
    effect: float = 0.0
    reader: float = 0.0055
    modality_reader: float = 0.0055
    case: float = 0.3
    modality_case: float = 0.3
    reader_case: float = 0.2
    error: float = 0.2

    def __post_init__(self) -> None:
        parts = (self.reader, self.modality_reader, self.case, self.modality_case, self.reader_case, self.error)
        if min(parts) < 0 or sum(parts[2:]) <= 0:
            raise ConfigError(f"variances that cannot be: {self}", expected="none negative, not all 0")

    def auc(self, modality: int = 0) -> float:
        """Expected AUC over readers and cases."""
        spread = self.reader + self.modality_reader + self.case + self.modality_case + self.reader_case + self.error
        shift = self.separation + (self.effect if modality else 0.0)
        return float(ndtr(shift / np.sqrt(2 * spread)))


STRUCTURES = {
    "HL": RoeMetz(),
    "LL": RoeMetz(case=0.1, modality_case=0.1, error=0.6),
    "HH": RoeMetz(reader=0.03, modality_reader=0.03),
    "LH": RoeMetz(reader=0.03, modality_reader=0.03, case=0.1, modality_case=0.1, error=0.6),
}
"""First letter: correlation between readings of a case, high or low; second: variance between readers. Separation 1.5."""


def simulate_study(
    model: RoeMetz | None = None,
    *,
    readers: int = 5,
    positives: int = 50,
    negatives: int = 50,
    modalities: int = 2,
    design: Design = "factorial",
    missing: float = 0.0,
    levels: int | None = None,
    seed: int | np.random.Generator = 0,
) -> Study:
    """A study drawn from the model.

    Parameters
    ----------
    readers
        In all; in a modality where readers are nested in modality.
    positives, negatives
        Cases in all; of each reader or modality where cases are nested in it.
    missing
        Share of readings left out at random (``design`` ``factorial`` only).
    levels
        Ratings from 1 to ``levels``, cut at equal shares of the scores; ``None`` keeps the scores.
    seed
        Of numpy's PCG64, or a generator to draw on.

    Raises
    ------
    ConfigError
        ``missing`` is outside [0, 1) or goes with a nested design, or the design is ``unbalanced``.
    """
    if design == "unbalanced" or not 0 <= missing < 1 or (missing and design != "factorial"):
        raise ConfigError(
            f"design {design}, {missing:g} missing", expected="missing readings in a factorial design only"
        )
    rng = np.random.default_rng(seed)
    model = model or RoeMetz()
    blocks = {"cases nested in reader": readers, "cases nested in modality": modalities}.get(design, 1)
    people = readers * modalities if design == "readers nested in modality" else readers
    truth = np.tile(np.arange(positives + negatives) < positives, blocks)
    scores = _draw(model, truth, (modalities, people), rng)
    if levels is not None:
        cuts = np.quantile(scores, np.arange(1, levels) / levels)
        scores = 1.0 + np.searchsorted(cuts, scores).astype(np.float64)
    scores = np.where(_read(scores.shape, design, missing, rng), scores, np.nan)
    names = [
        tuple(f"{kind}{i + 1}" for i in range(n)) for kind, n in (("R", people), ("M", modalities), ("C", truth.size))
    ]
    return Study(names[0], names[1], names[2], truth, scores, "simulated study")


def _draw(model: RoeMetz, truth: np.ndarray, sizes: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    t, r = sizes
    k = truth.size
    label = truth.astype(np.intp)

    def normal(variance: float, *shape: int) -> FloatArray:
        return np.asarray(np.sqrt(variance) * rng.standard_normal(shape))

    shift = np.full(t, model.separation, dtype=np.float64)
    shift[1:] += model.effect
    scores: FloatArray = shift[:, None, None] * truth.astype(np.float64)
    reader = normal(model.reader, 1, r, 2) + normal(model.modality_reader, t, r, 2)
    scores = np.asarray(scores + reader[:, :, label], dtype=np.float64)
    scores += normal(model.case, 1, 1, k) + normal(model.modality_case, t, 1, k)
    scores += normal(model.reader_case, 1, r, k) + normal(model.error, t, r, k)
    return np.asarray(scores)


def _read(shape: tuple[int, ...], design: Design, missing: float, rng: np.random.Generator) -> np.ndarray:
    t, r, k = shape
    if design == "readers nested in modality":
        return np.broadcast_to((np.arange(r) * t // r == np.arange(t)[:, None])[:, :, None], shape)
    if design == "cases nested in reader":
        return np.broadcast_to(np.arange(k) * r // k == np.arange(r)[:, None], shape)
    if design == "cases nested in modality":
        return np.broadcast_to((np.arange(k) * t // k == np.arange(t)[:, None])[:, None], shape)
    return np.asarray(rng.random(shape) >= missing)
