"""``usnet train-second-look`` and ``usnet attach-second-look``."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from usnet.datasets.records import Dataset

DataOption = Annotated[
    list[Path], typer.Option(help="Dataset folder with splits train and val; repeat to name several.")
]
BundleOption = Annotated[
    str | None,
    typer.Option(help="The detector: a bundle's folder or zip, or a shipped name. Default: the default one."),
]


def train_second_look(
    data: DataOption,
    out: Annotated[Path, typer.Option(help="Run folder: configuration, curves, checkpoints, and the bundle.")],
    config: Annotated[Path | None, typer.Option(help="TOML file, for example configs/second-look.toml.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Change one setting: --set training.epochs=20.")
    ] = None,
    bundle: BundleOption = None,
    init: Annotated[
        Path | None, typer.Option(help="Start from weights, for example the detector's weights.safetensors.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")] = False,
    accelerator: Annotated[str, typer.Option(help="auto, cpu, gpu or mps.")] = "auto",
    stop_after_epochs: Annotated[
        int | None, typer.Option(help="Stop after so many epochs without changing the schedule; go on with --resume.")
    ] = None,
) -> None:
    """Train a classifier of found nodules at their own resolution, and add it to a detector's bundle.

    Splits come from 'usnet data split' and must be those that the detector was trained with.
    """
    from usnet.cli.progress import bar
    from usnet.datasets.records import load
    from usnet.extras import need

    need("torch", "lightning", extra="train", feature="training")
    from usnet.training.config import read_config
    from usnet.training.folder import Hardware
    from usnet.training.second_look.config import LookRunConfig
    from usnet.training.second_look.run import train_look

    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    settings = read_config(LookRunConfig, config, set_)
    datasets = [load(path) for path in data]
    with bar("Reading images") as progress:
        look = train_look(
            settings,
            datasets,
            out,
            hardware=Hardware(accelerator),
            init=init,
            resume=resume,
            stop_after=stop_after_epochs,
            progress=progress,
        )
    if look.trainer.current_epoch < settings.training.epochs and stop_after_epochs:
        typer.echo(f"Stopped after epoch {look.trainer.current_epoch}; go on with --resume")
        return
    _attach([out], datasets, bundle, out / "bundle")


def attach_second_look(
    runs: Annotated[
        list[Path], typer.Argument(help="Run folder of 'usnet train-second-look'; several become one, by their mean.")
    ],
    data: DataOption,
    bundle: BundleOption = None,
    out: Annotated[Path | None, typer.Option(help="Where the bundle goes. Default: bundle in the (first) run.")] = None,
) -> None:
    """Add a trained second look to a detector's bundle: fusion, calibration and thresholds come from the split val.

    Neither the detector nor the second look may have been trained on those images.
    """
    from usnet.datasets.records import load
    from usnet.extras import need

    need("torch", "onnx", extra="train", feature="export")
    _attach(runs, [load(path) for path in data], bundle, out or runs[0] / "bundle")


def _attach(runs: Sequence[Path], datasets: Sequence[Dataset], bundle: str | None, out: Path) -> None:
    from usnet.bundles import load
    from usnet.cli.progress import bar
    from usnet.training.second_look.attach import attach

    with bar("Validation images") as progress:
        written = attach(load(bundle), runs, datasets, out, progress)
    fused = load(written).manifest.metrics["second_look"]
    typer.echo(
        f"Malignant v benign on {fused['images']} validation images, AUC: detector {fused['auc_detector']:.3f}, "
        f"second look {fused['auc_second_look']:.3f}, both {fused['auc_fused']:.3f}\nBundle: {written}"
    )
