"""``usnet data split``: train / val / test or folds, by group."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from usnet.errors import ConfigError

if TYPE_CHECKING:
    from usnet.datasets.records import Dataset


def split(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder; its dataset.json is rewritten.", show_default=False)],
    folds: Annotated[
        int | None, typer.Option(min=2, help="Draw this many folds (they replace those of the source).")
    ] = None,
    val: Annotated[float, typer.Option(min=0, max=1, help="Share to validate on.")] = 0.1,
    test: Annotated[float, typer.Option(min=0, max=1, help="Share to test on (without folds).")] = 0.2,
    official: Annotated[bool, typer.Option("--official", help="Use the folds that the source publishes.")] = False,
    test_fold: Annotated[int | None, typer.Option(min=1, help="Fold to test on; --val is taken from the rest.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 0,
    duplicates: Annotated[
        bool, typer.Option("--duplicates/--no-duplicates", help="Join patients that share a frame before splitting.")
    ] = True,
) -> None:
    """Split by group (patients joined by duplicate images), stratified by label. No group crosses, or it is an error.

    A group whose images lie in several official folds goes to the fold with most of them, ties to the lower one.
    """
    from usnet.datasets.records import load, save
    from usnet.datasets.split import split_folds, split_train_val_test, verify_groups

    if official and (folds or test_fold is None):
        raise ConfigError("--official needs --test-fold and excludes --folds")
    if test_fold is not None and not official and folds is None:
        raise ConfigError("--test-fold needs --official or --folds")
    data = load(dataset)
    if duplicates:
        data = _join(data)
    if folds:
        data = split_folds(data, folds, seed)
    if test_fold is not None:
        data = _by_fold(data, test_fold, val, seed)
    elif not folds:
        data = split_train_val_test(data, val, test, seed)
    groups = verify_groups(data, "fold" if folds else "split")
    save(data)
    _print(data, groups, by_fold=folds is not None and test_fold is None)


def _join(data: Dataset) -> Dataset:
    from usnet.cli.progress import bar
    from usnet.datasets.duplicates import find_duplicates
    from usnet.datasets.grouping import CONTRADICTING, join_groups

    with bar("Looking for duplicates") as progress:
        found = find_duplicates(data, progress=progress)
    pairs = [(p.first, p.second) for p in found if p.kind != "near"]
    near = [(p.first, p.second) for p in found if p.kind == "near"]
    before = len({r.group for r in data.records})
    data = join_groups(data, pairs, near)
    after = len({r.group for r in data.records})
    excluded = sum(r.exclude == CONTRADICTING for r in data.records)
    typer.echo(
        f"{len(pairs)} duplicate and {len(near)} near-duplicate pairs: {before} groups joined to {after}; "
        f"{excluded} images excluded (contradicting labels)"
    )
    return data


def _by_fold(data: Dataset, test_fold: int, val: float, seed: int) -> Dataset:
    from usnet.datasets.split import settle_folds, split_by_fold

    data, moved = settle_folds(data)
    now = {r.image_id: r.fold for r in data.records}
    for record in moved:
        typer.echo(f"moved     {record.file_name}: fold {record.fold} -> {now[record.image_id]} (group {record.group})")
    return split_by_fold(data, test_fold, val, seed)


def _print(data: Dataset, groups: int, by_fold: bool) -> None:
    from collections import Counter

    parts: list[int | str | None] = ["train", "val", "test"]
    if by_fold:
        parts = [*sorted({r.fold for r in data.records if r.fold is not None})]
    for part in parts:
        records = [r for r in data.records if (r.fold if by_fold else r.split) == part]
        labels = Counter(r.label or "unknown" for r in records)
        classes = ", ".join(f"{count} {label}" for label, count in sorted(labels.items()))
        excluded = sum(r.exclude is not None for r in records)
        name = f"fold {part}" if by_fold else part
        extra = f" ({excluded} of them excluded)" if excluded else ""
        typer.echo(f"{name:8}  {len(records)} images in {len({r.group for r in records})} groups: {classes}{extra}")
    typer.echo(f"{groups} groups, none of which crosses")
