"""``usnet phantom``: simulated breast ultrasound with exact truth."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from usnet.errors import ConfigError

if TYPE_CHECKING:
    from usnet.datasets.records import Dataset


def phantom(
    out: Annotated[Path, typer.Argument(help="New dataset folder.", show_default=False)],
    count: Annotated[int, typer.Option(min=1, help="Number of images.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same bytes.")] = 1,
    format: Annotated[str, typer.Option(help="png or dicom (calibrated Ultrasound Image Storage).")] = "png",
    shares: Annotated[str, typer.Option(help="Shares of benign, malignant, normal.")] = "1,1,1",
    cine: Annotated[
        int, typer.Option(min=0, help="Frames of an extra cine loop a patient (dicom only); 0 for none.")
    ] = 0,
    scanner: Annotated[str | None, typer.Option(help="One scanner for all; a mixture by default.")] = None,
    size: Annotated[str | None, typer.Option(help="ROWSxCOLUMNS; each scanner's own frame by default.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; all cores by default.")] = None,
) -> None:
    """Simulate a dataset of breast ultrasound images, boxes exact. For tests, demos and pretraining: no patients, no evidence."""
    from usnet.cli.progress import bar
    from usnet.phantoms.writing import write_dataset

    with bar("phantoms") as progress:
        dataset = write_dataset(
            out,
            count,
            seed,
            format,  # type: ignore[arg-type]
            shares=_shares(shares),
            scanner=scanner,
            size=None if size is None else _size(size),
            cine=cine,
            jobs=jobs or os.cpu_count() or 1,
            progress=progress,
        )
    typer.echo(_summary(dataset))


def _shares(text: str) -> tuple[float, float, float]:
    try:
        benign, malignant, normal = (float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"--shares {text}", expected="three numbers such as 1,1,2") from None
    return benign, malignant, normal


def _size(text: str) -> tuple[int, int]:
    try:
        rows, columns = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise ConfigError(f"--size {text}", expected="rows and columns such as 256x256") from None
    return rows, columns


def _summary(dataset: Dataset) -> str:
    from collections import Counter

    labels = Counter(record.label for record in dataset.records)
    patients = len({record.patient_id for record in dataset.records})
    classes = ", ".join(f"{labels[label]} {label}" for label in ("benign", "malignant", "normal") if labels[label])
    return f"{dataset.root}: {len(dataset.records)} images ({classes}) of {patients} simulated patients"
