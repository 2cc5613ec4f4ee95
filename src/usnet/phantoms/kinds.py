"""What a nodule of each histology looks like: the parameters of benign and malignant nodules, and where they overlap.

Overlap is deliberate. Sclerosing adenosis and fat necrosis are benign, irregular and shadowing; mucinous, papillary and medullary
carcinoma are malignant, oval and enhancing; a high-grade carcinoma can be round and circumscribed. Shares follow the order of
BUS-BRA's histology table; descriptors follow the BI-RADS lexicon in words (shape, orientation, margin, echo pattern, posterior
features).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from usnet.values import Pathology

Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Kind:
    """One histology.

    ``share`` within its pathology; ``diameter_mm`` the median largest extent and ``ratio`` the median height over width, with their
    log standard deviations ``diameter_spread``, ``ratio_spread``. Uniform ranges: ``echo_db`` over gland, ``loss`` attenuation in
    dB / cm / MHz, ``margin_mm`` width of the border, ``lobes`` / ``roughness`` / ``spikes`` of the outline as shares of the radius,
    ``spicules`` visibility of radiating strands, ``halo_db`` echogenic rim, ``capsule`` amplitude of the specular border.
    ``calcified`` is the chance of bright specks, ``birads`` the categories that a reader would give.
    """

    name: str
    pathology: Pathology
    share: float
    diameter_mm: float
    diameter_spread: float
    ratio: float
    ratio_spread: float
    echo_db: Range
    loss: Range
    margin_mm: Range
    lobes: Range
    roughness: Range
    spikes: Range
    spicules: Range
    halo_db: Range
    capsule: Range
    calcified: float
    birads: tuple[str, ...]


_NONE = (0.0, 0.0)

KINDS: tuple[Kind, ...] = (
    Kind("fibroadenoma", "benign", 0.48, 14, 0.38, 0.58, 0.2,
         (-17, -11), (0.15, 0.5), (0.12, 0.4),
         (0.01, 0.1), (0.01, 0.04), _NONE, _NONE, _NONE, (0.4, 1.4),
         0.08, ("3", "3", "3", "4a")),
    Kind("cyst", "benign", 0.2, 11, 0.45, 0.7, 0.2,
         (-46, -33), (0.02, 0.08), (0.08, 0.2),
         (0.0, 0.08), (0.0, 0.03), _NONE, _NONE, _NONE, (0.6, 1.6),
         0.0, ("2", "2", "2", "3")),
    Kind("fibrocystic change", "benign", 0.09, 11, 0.4, 0.66, 0.25,
         (-18, -9), (0.3, 0.8), (0.4, 1.0),
         (0.04, 0.14), (0.03, 0.09), _NONE, (0.0, 0.2), _NONE, (0.0, 0.4),
         0.05, ("3", "4a")),
    Kind("intraductal papilloma", "benign", 0.06, 9, 0.35, 0.66, 0.22,
         (-20, -12), (0.2, 0.6), (0.2, 0.5),
         (0.03, 0.12), (0.02, 0.07), _NONE, _NONE, _NONE, (0.2, 0.8),
         0.02, ("3", "4a", "4b")),
    Kind("sclerosing adenosis", "benign", 0.08, 12, 0.4, 0.82, 0.28,
         (-18, -10), (0.7, 1.3), (0.5, 1.2),
         (0.06, 0.16), (0.05, 0.13), (0.0, 0.25), (0.1, 0.6), (0.0, 3.0), _NONE,
         0.25, ("4a", "4b", "4c")),
    Kind("fat necrosis", "benign", 0.04, 13, 0.4, 0.72, 0.28,
         (-20, -7), (0.7, 1.6), (0.4, 1.2),
         (0.04, 0.12), (0.05, 0.16), (0.0, 0.1), (0.0, 0.4), (0.0, 4.0), (0.0, 0.8),
         0.35, ("3", "4a", "4b")),
    Kind("phyllodes tumor", "benign", 0.05, 28, 0.25, 0.66, 0.16,
         (-18, -11), (0.15, 0.45), (0.15, 0.4),
         (0.05, 0.14), (0.01, 0.05), _NONE, _NONE, _NONE, (0.3, 1.0),
         0.02, ("3", "4a", "4b")),
    Kind("invasive ductal carcinoma", "malignant", 0.64, 17, 0.4, 0.88, 0.26,
         (-20, -11), (0.6, 1.35), (0.4, 1.3),
         (0.05, 0.18), (0.03, 0.11), (0.1, 0.45), (0.3, 1.0), (2.0, 8.0), _NONE,
         0.25, ("4b", "4c", "5", "5")),
    Kind("invasive ductal carcinoma, high grade", "malignant", 0.12, 19, 0.35, 0.82, 0.2,
         (-25, -15), (0.2, 0.6), (0.15, 0.5),
         (0.03, 0.12), (0.04, 0.1), (0.0, 0.12), (0.0, 0.2), (0.0, 3.0), (0.0, 0.6),
         0.2, ("4a", "4b", "4c")),
    Kind("invasive lobular carcinoma", "malignant", 0.09, 19, 0.4, 0.84, 0.28,
         (-18, -10), (0.7, 1.6), (0.9, 2.0),
         (0.06, 0.2), (0.06, 0.16), (0.1, 0.4), (0.4, 1.0), (0.0, 4.0), _NONE,
         0.05, ("4b", "4c", "5")),
    Kind("mucinous carcinoma", "malignant", 0.06, 17, 0.35, 0.72, 0.18,
         (-16, -9), (0.15, 0.45), (0.2, 0.6),
         (0.04, 0.12), (0.03, 0.08), (0.0, 0.06), _NONE, (0.0, 1.5), (0.0, 0.8),
         0.03, ("3", "4a", "4b")),
    Kind("papillary carcinoma", "malignant", 0.05, 16, 0.35, 0.74, 0.2,
         (-24, -14), (0.2, 0.6), (0.15, 0.5),
         (0.03, 0.12), (0.02, 0.08), (0.0, 0.06), _NONE, (0.0, 1.5), (0.2, 0.9),
         0.08, ("4a", "4b")),
    Kind("medullary carcinoma", "malignant", 0.04, 18, 0.3, 0.76, 0.18,
         (-26, -17), (0.15, 0.5), (0.1, 0.4),
         (0.03, 0.1), (0.02, 0.07), _NONE, _NONE, (0.0, 1.0), (0.2, 0.9),
         0.02, ("4a", "4b", "4c")),
)  # fmt: skip
"""Every histology that is simulated."""

SIZES_MM = (4.0, 40.0)
"""Smallest and largest extent of a nodule."""


def draw_kind(rng: np.random.Generator, pathology: Pathology) -> Kind:
    """A histology of the given pathology, by its share."""
    kinds = [k for k in KINDS if k.pathology == pathology]
    shares = np.array([k.share for k in kinds])
    return kinds[int(rng.choice(len(kinds), p=shares / shares.sum()))]


def between(rng: np.random.Generator, limits: Range) -> float:
    """Uniform between ``limits``."""
    return float(rng.uniform(*limits))
