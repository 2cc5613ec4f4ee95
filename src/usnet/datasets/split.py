"""Splits by group, stratified by label: train / val / test, folds, and the folds that a source publishes.

A group goes whole. Its stratum is its worst label (malignant, benign, normal, unknown); within each stratum, groups are dealt out
large ones first, in seeded random order, each to the part that is emptiest for its share (Sainte-Laguë's rule: smallest
``(images so far + half of the group) / share``). Excluded images go where their group goes and do not count; groups of nothing
else are a stratum of their own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from usnet.datasets.grouping import join_groups, verify_groups
from usnet.datasets.records import Dataset, ImageRecord, Split
from usnet.errors import ConfigError, DataError

__all__ = ["join_groups", "settle_folds", "split_by_fold", "split_folds", "split_train_val_test", "verify_groups"]

_STRATA = ("malignant", "benign", "normal", "unknown", "excluded")
"""The worst label comes first."""


def split_train_val_test(dataset: Dataset, val: float = 0.1, test: float = 0.2, seed: int = 0) -> Dataset:
    """Set ``split`` of every image; ``val`` and ``test`` are shares of the images.

    Raises
    ------
    ConfigError
        The shares leave nothing to train on.
    DataError
        A part stays empty, for want of groups.
    """
    shares: dict[Split, float] = {"train": 1.0 - val - test, "val": val, "test": test}
    if min(shares.values()) < 0 or shares["train"] <= 1e-9:
        raise ConfigError(f"val {val} and test {test}", expected="two shares >= 0 that add up to less than 1")
    part = _deal(dataset, dataset.records, [shares["train"], val, test], seed)
    names = list(shares)
    return _noted(
        dataset.with_records(replace(r, split=names[part[r.group]]) for r in dataset.records),
        {"method": "grouped, stratified", "val": val, "test": test, "seed": seed},
    )


def split_folds(dataset: Dataset, folds: int, seed: int = 0) -> Dataset:
    """Draw ``fold`` 1 ... ``folds`` for every image; clears ``split``.

    Raises
    ------
    ConfigError
        Fewer than two folds.
    DataError
        Fewer groups than folds.
    """
    if folds < 2:
        raise ConfigError(f"{folds} folds", expected="at least 2")
    part = _deal(dataset, dataset.records, [1.0 / folds] * folds, seed)
    return _noted(
        dataset.with_records(replace(r, fold=part[r.group] + 1, split=None) for r in dataset.records),
        {"method": "grouped, stratified", "folds": folds, "seed": seed},
    )


def settle_folds(dataset: Dataset) -> tuple[Dataset, tuple[ImageRecord, ...]]:
    """Put every group into one fold, and name the images that had to move.

    Where a duplicate joins patients of two official folds, the group goes to the fold that holds most of its images, ties to
    the lower fold; images without a fold follow their group. The moved records are returned with their old fold.
    """
    votes: dict[str, Counter[int]] = defaultdict(Counter)
    for record in dataset.records:
        if record.fold is not None:
            votes[record.group][record.fold] += 1
    home = {group: min(count, key=lambda fold: (-count[fold], fold)) for group, count in votes.items()}
    moved = tuple(r for r in dataset.records if home.get(r.group) != r.fold)
    return dataset.with_records(replace(r, fold=home.get(r.group)) for r in dataset.records), moved


def split_by_fold(dataset: Dataset, test_fold: int, val: float = 0.1, seed: int = 0) -> Dataset:
    """Test on one fold; of the rest, a grouped stratified share ``val`` validates and the remainder trains.

    Images without a fold (sets merged in that publish none) are never tested on. Groups must not cross folds:
    see :func:`settle_folds`.

    Raises
    ------
    DataError
        No image lies in ``test_fold``, or a group crosses folds.
    """
    present = sorted({r.fold for r in dataset.records if r.fold is not None})
    if test_fold not in present:
        known = ", ".join(map(str, present)) or "no folds at all"
        raise DataError(f"no fold {test_fold}; the dataset has {known}", source=dataset.root)
    verify_groups(dataset, "fold")
    rest = [r for r in dataset.records if r.fold != test_fold]
    if not 0 <= val < 1:
        raise ConfigError(f"val {val}", expected="a share of the training images, 0 <= val < 1")
    part = _deal(dataset, rest, [1.0 - val, val], seed)
    names: tuple[Split, ...] = ("train", "val")
    return _noted(
        dataset.with_records(
            replace(r, split="test" if r.fold == test_fold else names[part[r.group]]) for r in dataset.records
        ),
        {"method": "by fold", "test_fold": test_fold, "val": val, "seed": seed},
    )


def _noted(dataset: Dataset, how: Mapping[str, Any]) -> Dataset:
    """The dataset with the way it was split in its ``info``."""
    return replace(dataset, info={**dataset.info, "split": dict(how)})


def _deal(dataset: Dataset, records: Sequence[ImageRecord], shares: Sequence[float], seed: int) -> dict[str, int]:
    """Part (index into ``shares``) of every group."""
    groups: dict[str, list[ImageRecord]] = defaultdict(list)
    for record in records:
        groups[record.group].append(record)
    generator = np.random.default_rng(seed)
    strata: dict[str, list[str]] = defaultdict(list)
    for name in sorted(groups):
        strata[_stratum(groups[name])].append(name)
    part: dict[str, int] = {}
    total = np.zeros(len(shares))
    for label in _STRATA:
        names = [strata[label][i] for i in generator.permutation(len(strata[label]))]
        filled = np.zeros(len(shares))
        for name in sorted(names, key=lambda n: -len(groups[n])):
            size = sum(r.exclude is None for r in groups[name])
            part[name] = _emptiest(filled, total, shares, size or len(groups[name]))
            filled[part[name]] += size or len(groups[name])
            total[part[name]] += size
    empty = [i for i, share in enumerate(shares) if share > 0 and total[i] == 0]
    if empty:
        raise DataError(
            f"{len(groups)} groups are too few for {sum(s > 0 for s in shares)} parts",
            source=dataset.root,
            hint="Ask for fewer or larger parts, or bring more patients",
        )
    return part


def _emptiest(filled: np.ndarray, total: np.ndarray, shares: Sequence[float], size: int) -> int:
    """Part with the smallest fill for its share; ties by the fill over all strata, then by position."""
    candidates = [i for i, share in enumerate(shares) if share > 0]
    return min(candidates, key=lambda i: ((filled[i] + size / 2) / shares[i], total[i] / shares[i], i))


def _stratum(records: Sequence[ImageRecord]) -> str:
    labels: set[str] = {r.label or "unknown" for r in records if r.exclude is None} or {"excluded"}
    return next(label for label in _STRATA if label in labels)
