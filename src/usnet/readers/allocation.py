"""Which reader reads the arms in which order: rows of a Williams square, in permuted blocks within each level."""

from __future__ import annotations

from usnet.readers.draws import Draws
from usnet.readers.protocol import Protocol

SAMPLE, ALLOCATION, ORDER = 1, 2, 3
"""What a stream of random numbers is for; the second part of its name, after the seed."""


def sequences(arms: int) -> list[tuple[int, ...]]:
    """Orders of ``arms`` arms: every arm stands in every period, and follows every other, equally often (Williams, Aust J Sci Res
    1949; 2:149). Two arms: AB and BA. An odd number takes the square and its mirror image."""
    first = [0]
    low, high = 1, arms - 1
    while len(first) < arms:
        first.append(low if len(first) % 2 else high)
        low, high = (low + 1, high) if len(first) % 2 == 0 else (low, high - 1)
    square = [tuple((value + shift) % arms for value in first) for shift in range(arms)]
    return square if arms % 2 == 0 or arms == 1 else square + [row[::-1] for row in square]


def sequence_of(protocol: Protocol, level: str, place: int) -> tuple[int, ...]:
    """Order of arms of the reader who was number ``place`` (from 0) of a level to enrol.

    Within each level every block of as many readers as there are orders holds each order once, shuffled by the study's seed.
    """
    rows = sequences(protocol.periods)
    number = [one.name for one in protocol.levels].index(level)
    block = Draws(protocol.study.seed, ALLOCATION, number, place // len(rows)).shuffled(rows)
    return block[place % len(rows)]


def order_draws(protocol: Protocol, reader: int, period: int) -> Draws:
    """The stream that orders the cases of one reader in one period."""
    return Draws(protocol.study.seed, ORDER, reader, period)
