"""``usnet stats example``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from usnet.cli.stats_common import Seed


def example(
    folder: Annotated[Path, typer.Argument(help="Folder to write the files into.")],
    seed: Seed = 0,
) -> None:
    """Write made-up files for every command here: to try them on, and to see which columns they want."""
    from usnet.statistics.made_up import write_examples

    for path in write_examples(folder, seed).values():
        typer.echo(path)
