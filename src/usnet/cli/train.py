"""``usnet train`` and ``usnet export``."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer


def train(
    data: Annotated[
        list[Path],
        typer.Option(help="Dataset folder with splits train and val, or a pack of several; repeat to train on more."),
    ],
    out: Annotated[Path, typer.Option(help="Run folder: configuration, curves, checkpoints, and the bundle.")],
    config: Annotated[
        Path | None, typer.Option(help="TOML file, for example configs/fast.toml. Default: the paper's.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Change one setting: --set training.epochs=20.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    init: Annotated[
        Path | None, typer.Option(help="Start from weights: safetensors, or a torchvision ResNet file.")
    ] = None,
    devices: Annotated[
        int, typer.Option(help="Processes (GPUs) on this machine; start several machines with torchrun.")
    ] = 1,
    nodes: Annotated[int, typer.Option(help="Machines.")] = 1,
    accelerator: Annotated[str, typer.Option(help="auto, cpu, gpu or mps.")] = "auto",
    stop_after_epochs: Annotated[
        int | None, typer.Option(help="Stop after so many epochs without changing the schedule; go on with --resume.")
    ] = None,
) -> None:
    """Train a detector and write a bundle that diagnoses anywhere.

    Splits come from 'usnet data split'. A run that is killed goes on with the same command and --resume.
    """
    from usnet.cli.data_pack import datasets_of
    from usnet.cli.progress import bar
    from usnet.extras import need

    need("torch", "lightning", extra="train", feature="training")
    from usnet.training.config import load_config
    from usnet.training.folder import Hardware
    from usnet.training.run import train as run

    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    settings = load_config(config, set_)
    datasets = datasets_of(data, out.with_name(out.name + ".data"))
    hardware = Hardware(accelerator, devices, nodes)
    with bar("Reading images") as progress:
        detector = run(
            settings,
            datasets,
            out,
            hardware=hardware,
            init=init,
            resume=resume,
            stop_after=stop_after_epochs,
            progress=progress,
        )
    if not detector.trainer.is_global_zero:
        return
    if detector.trainer.current_epoch < settings.training.epochs and stop_after_epochs:
        typer.echo(f"Stopped after epoch {detector.trainer.current_epoch}; go on with --resume")
        return

    from usnet.training.finish import finish

    bundle = finish(out, datasets, data=detector.trainer.datamodule)  # type: ignore[attr-defined]
    typer.echo(f"Bundle: {bundle}")


def export(
    run: Annotated[Path, typer.Argument(help="Run folder of 'usnet train'.")],
    data: Annotated[
        list[Path], typer.Option(help="The datasets that the run was trained on: calibration uses their split val.")
    ],
    checkpoint: Annotated[str, typer.Option(help="last or best.")] = "last",
    out: Annotated[Path | None, typer.Option(help="Where the bundle goes. Default: RUN/bundle.")] = None,
) -> None:
    """Write the bundle of a run: ONNX with raw heads, weights, calibration and thresholds chosen on validation."""
    from usnet.datasets.records import load
    from usnet.extras import need

    need("torch", "onnx", extra="train", feature="export")
    from usnet.training.finish import finish

    typer.echo(f"Bundle: {finish(run, [load(path) for path in data], checkpoint=checkpoint, out=out)}")
