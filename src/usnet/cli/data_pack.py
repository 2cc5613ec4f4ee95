"""``usnet data pack``: datasets as one small file for a machine that trains."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from usnet.datasets.records import Dataset


def pack(
    datasets: Annotated[list[Path], typer.Argument(help="Dataset folders with splits.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write, for example train.zip.")],
    longest: Annotated[
        int, typer.Option(min=64, help="Pixels of the longer side; at least the network's input of 256.")
    ] = 288,
    quality: Annotated[int, typer.Option(min=50, max=100, help="Of the JPEG files in it.")] = 90,
) -> None:
    """Put the training and validation images of several datasets, scaled down, into one file for 'usnet train --data'."""
    from usnet.cli.progress import bar
    from usnet.datasets.pack import pack as write
    from usnet.datasets.records import load

    with bar("Packing") as progress:
        path = write([load(d) for d in datasets], out, longest=longest, quality=quality, progress=progress)
    typer.echo(f"{path}: {path.stat().st_size / 2**20:.1f} MiB, longer side {longest} px, JPEG quality {quality}")


def datasets_of(paths: Sequence[Path], folder: Path) -> list[Dataset]:
    """Datasets of folders and packs; packs are unfolded under ``folder``, once."""
    from usnet.datasets.pack import unpack
    from usnet.datasets.records import load

    found = []
    for path in paths:
        if not path.is_file() or path.suffix == ".json":
            found.append(load(path))
        elif (target := folder / path.stem).exists():
            found += [load(place.parent) for place in sorted(target.glob("*/dataset.json"))]
        else:
            found += unpack(path, target)
    return found
