"""Which of N x N pairs are worth aligning: every pair of spectra is compared at every scale, as matrix products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from usnet.datasets.duplicates.descriptor import MAX_SHIFT, RADII, Descriptor, FloatImage

THRESHOLD = 0.21
"""Correlation of two spectra. Of unrelated pairs one in 10,000 reaches it; of copies with a tenth cropped off, all exceed 0.4."""
NEIGHBOURS = 40
"""Partners of one image at most, so that a long cine loop stays linear: groups come out joined all the same."""
BLOCK = 512


class Candidate(NamedTuple):
    """Positions of two images, first before second, and the shift of the radius at which their spectra agree best."""

    first: int
    second: int
    shift: int


def candidates(descriptors: Sequence[Descriptor]) -> list[Candidate]:
    """Pairs whose spectra agree, in order. Memory is ``BLOCK * N``, not ``N * N``."""
    spectra = np.stack([d.spectrum for d in descriptors]) if descriptors else np.zeros((0, RADII, 1), np.float32)
    found: list[Candidate] = []
    for start in range(0, len(spectra), BLOCK):
        score, shift = _compare(spectra[start : start + BLOCK], spectra[start:])
        score[np.tril_indices(score.shape[0], m=score.shape[1])] = -1.0
        found += [
            Candidate(start + int(i), start + int(j), int(shift[i, j])) for i, j in zip(*_strongest(score), strict=True)
        ]
    return found


def _compare(some: FloatImage, all_: FloatImage) -> tuple[FloatImage, npt.NDArray[np.int8]]:
    """Best correlation of every pair over all shifts, and that shift."""
    score = np.full((len(some), len(all_)), -1.0, dtype=np.float32)
    at = np.zeros(score.shape, dtype=np.int8)
    for shift in range(-MAX_SHIFT, MAX_SHIFT + 1):
        product = _cut(some, shift) @ _cut(all_, -shift).T
        better = product > score
        score[better] = product[better]
        at[better] = shift
    return score, at


def _cut(spectra: FloatImage, shift: int) -> FloatImage:
    """The radii that overlap after a shift, as unit vectors; 0 for an empty picture."""
    part = spectra[:, max(0, shift) : RADII + min(0, shift)].reshape(len(spectra), -1)
    length = np.linalg.norm(part, axis=1, keepdims=True)
    unit: FloatImage = np.divide(part, length, out=np.zeros_like(part), where=length > 1e-3)
    return unit


def _strongest(score: FloatImage) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Places above the threshold, at most ``NEIGHBOURS`` a row."""
    limit = np.full((len(score), 1), THRESHOLD, dtype=np.float32)
    if score.shape[1] > NEIGHBOURS:
        limit = np.maximum(limit, -np.partition(-score, NEIGHBOURS - 1, axis=1)[:, NEIGHBOURS - 1 : NEIGHBOURS])
    rows, columns = np.nonzero(score >= limit)
    return rows, columns
