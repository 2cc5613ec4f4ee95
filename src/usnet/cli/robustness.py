"""``usnet robustness``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def robustness(
    bundle: Annotated[str, typer.Argument(help="Bundle folder or zip, or the name of a shipped bundle.")],
    data: Annotated[Path, typer.Option(help="Dataset folder of 'usnet data import'.")],
    split: Annotated[str, typer.Option(help="train, val, test, or all.")] = "test",
    only: Annotated[
        list[str] | None, typer.Option(help="One disturbance by its name, 'JPEG 50'; repeat for several. Default: all.")
    ] = None,
    bootstrap: Annotated[int, typer.Option(min=0, help="Paired draws of whole groups; 0 for none.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the draws and of the grain.")] = 0,
    engine: Annotated[str, typer.Option(help="auto, onnxruntime or openvino.")] = "auto",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for JSON, LaTeX and page.")] = None,
) -> None:
    """What gain, grain, blur, JPEG, cutting, flips and calipers do to a model: the same images, disturbed, paired.

    The bundle, its calibration and its operating point stay as they are.
    """
    from usnet.cli.evaluate import select
    from usnet.cli.progress import bar
    from usnet.cli.stats_common import show
    from usnet.datasets.records import load
    from usnet.diagnosis import Diagnoser
    from usnet.errors import ConfigError
    from usnet.evaluation.disturbances import disturbances
    from usnet.evaluation.robustness import robustness as measure
    from usnet.reports.robustness import robustness_outcome

    known = {d.name: d for d in disturbances()}
    unknown = [name for name in only or [] if name not in known]
    if unknown:
        raise ConfigError(f"--only {unknown[0]!r}", expected=f"one of {', '.join(known)}")
    chosen = [known[name] for name in only] if only else list(known.values())
    diagnoser = Diagnoser(bundle, engine=engine, gate=False)
    with bar("Disturbing") as progress:
        found = measure(select(load(data), split), diagnoser, chosen, bootstrap=bootstrap, seed=seed, progress=progress)
    show(robustness_outcome(found), out)
