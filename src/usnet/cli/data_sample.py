"""``usnet data sample`` and ``usnet data merge``: new datasets from old ones."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from usnet.datasets.records import Dataset

Link = Annotated[bool, typer.Option("--link/--copy", help="Hard-link image files instead of copying them.")]


def sample(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder.", show_default=False)],
    per_class: Annotated[int, typer.Option(min=1, help="Images of each class.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="New dataset folder.")],
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 0,
    link: Link = False,
) -> None:
    """Draw the same number of images of every class, from distinct groups first (the paper's 1:1:1 sample)."""
    from usnet.datasets.records import load
    from usnet.datasets.sample import draw_balanced, write_copy

    _print(write_copy(draw_balanced(load(dataset), per_class, seed), out, link=link))


def merge(
    datasets: Annotated[list[Path], typer.Argument(help="Dataset folders, then the new one.", show_default=False)],
    link: Link = False,
) -> None:
    """Put several datasets into one new folder (the last argument); names and groups get the dataset's name in front."""
    from usnet.datasets.merge import merge as merge_datasets
    from usnet.datasets.records import load

    if len(datasets) < 2:
        raise typer.BadParameter("name at least one dataset and the new folder")
    _print(merge_datasets([load(path) for path in datasets[:-1]], datasets[-1], link=link))


def _print(dataset: Dataset) -> None:
    labels = Counter(r.label or "unknown" for r in dataset.records)
    groups = len({r.group for r in dataset.records})
    classes = ", ".join(f"{count} {label}" for label, count in sorted(labels.items()))
    typer.echo(f"{dataset.root}: {len(dataset.records)} images ({classes}) in {groups} groups")
