"""Random numbers that stay the same for ever: the raw 64-bit stream of numpy's PCG64, and nothing else of numpy.

numpy promises the stream of its bit generators and of ``SeedSequence`` for all versions (NEP 19), but not that of ``shuffle`` or
``integers``: those are written out here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from numpy.random import PCG64, SeedSequence

T = TypeVar("T")

GENERATOR = "PCG64, raw 64-bit stream, seeded by SeedSequence; bounded by rejection; Fisher-Yates"


class Draws:
    """A stream named by whole numbers (seed, purpose, reader, ...): the same numbers give the same stream."""

    def __init__(self, *key: int) -> None:
        self._bits = PCG64(SeedSequence(list(key)))

    def below(self, n: int) -> int:
        """A whole number from 0 to ``n - 1``, each equally likely."""
        limit = 2**64 - 2**64 % n
        while True:
            value = int(self._bits.random_raw())
            if value < limit:
                return value % n

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in random order, each order equally likely."""
        result = list(items)
        for last in range(len(result) - 1, 0, -1):
            other = self.below(last + 1)
            result[last], result[other] = result[other], result[last]
        return result
