"""``usnet data import``: one sub-command a layout."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from usnet.datasets.importers import ImportResult, Progress

app = typer.Typer(
    name="import",
    help="Bring a published set, a COCO file, a CSV or a DICOM folder into the layout of usnet. "
    "Exit code 5 if some inputs were left out (each is named), 3 if nothing could be read.",
    no_args_is_help=True,
)

Source = Annotated[Path, typer.Argument(help="The data as its authors lay it out.", show_default=False)]
Out = Annotated[Path, typer.Argument(help="New dataset folder.", show_default=False)]
Link = Annotated[
    bool, typer.Option("--link/--copy", help="Hard-link image files instead of copying them (same file system only).")
]

Images = Annotated[
    Path | None, typer.Option(help="Folder that image names start from; by default the file's own or its images/.")
]


class Empty(StrEnum):
    """What an image without annotations shows."""

    normal = "normal"
    unknown = "unknown"


class Frames(StrEnum):
    """Which frames of a cine file are taken."""

    first = "first"
    all = "all"


@app.command()
def busbra(source: Source, out: Out, link: Link = False) -> None:
    """BUS-BRA: Images/, Masks/, bus_data.csv, 5-fold-cv.csv. Boxes come from the masks."""
    from usnet.datasets.importers import import_busbra

    run(lambda progress: import_busbra(source, out, link=link, progress=progress))


@app.command()
def busi(source: Source, out: Out, link: Link = False) -> None:
    """BUSI: benign/, malignant/, normal/ with "name (n).png" and "_mask.png" beside each. No patient ids."""
    from usnet.datasets.importers import import_busi

    run(lambda progress: import_busi(source, out, link=link, progress=progress))


@app.command()
def breast(source: Source, out: Out, link: Link = False) -> None:
    """BrEaST-Lesions-USG: case001.png, case001_tumor.png and the clinical .xlsx."""
    from usnet.datasets.importers import import_breast

    run(lambda progress: import_breast(source, out, link=link, progress=progress))


@app.command()
def busuclm(source: Source, out: Out, link: Link = False) -> None:
    """BUS-UCLM: images/, masks/ (green benign, red malignant), INFO.csv. The authors' test patients become fold 2."""
    from usnet.datasets.importers import import_busuclm

    run(lambda progress: import_busuclm(source, out, link=link, progress=progress))


@app.command()
def coco(
    source: Annotated[Path, typer.Argument(help="COCO detection file (.json).", show_default=False)],
    out: Out,
    images: Images = None,
    empty_is: Annotated[
        Empty, typer.Option(help="What an image without annotations shows, where it does not say so itself.")
    ] = Empty.unknown,
    link: Link = False,
) -> None:
    """COCO detection with categories benign and malignant (or unknown, nodule, lesion)."""
    from usnet.datasets.importers import import_coco

    run(lambda progress: import_coco(source, out, images=images, empty_is=empty_is.value, link=link, progress=progress))


@app.command("csv")
def csv_table(
    source: Annotated[Path, typer.Argument(help="Table with a header (.csv).", show_default=False)],
    out: Out,
    images: Images = None,
    link: Link = False,
) -> None:
    """The paper's annotation: image, x, y, width, height, label, patient; a row a nodule.

    A normal image has empty box fields. Optional columns: age, sex, birads, histology, diameter_mm, device, center, view,
    spacing (millimetres a pixel).
    """
    from usnet.datasets.importers import import_csv

    run(lambda progress: import_csv(source, out, images=images, link=link, progress=progress))


@app.command()
def dicom(
    source: Annotated[Path, typer.Argument(help="Folder of DICOM files.", show_default=False)],
    out: Out,
    boxes: Annotated[
        Path | None,
        typer.Option(help="Table image, frame, x, y, width, height, label, patient; in pixels of the cropped frame."),
    ] = None,
    frames: Annotated[Frames, typer.Option(help="Which frames of a cine file without rows are taken.")] = Frames.first,
    keep_ids: Annotated[
        bool,
        typer.Option("--keep-ids", help="Keep patient ids and file names. By default both are replaced for good."),
    ] = False,
) -> None:
    """DICOM files: PNG of the tissue region, spacing, age, sex and device kept, patient pseudonymised."""
    from usnet.datasets.importers import import_dicom

    run(
        lambda progress: import_dicom(
            source, out, boxes=boxes, frames=frames.value, keep_ids=keep_ids, progress=progress
        )
    )


def run(job: Callable[[Progress], ImportResult]) -> None:
    """Run an import under a progress bar, print what came of it, exit 5 where inputs were left out."""
    from usnet.cli.progress import bar

    with bar("Importing") as progress:
        result = job(progress)
    _print(result)
    if result.left_out:
        raise typer.Exit(5)


def _print(result: ImportResult) -> None:
    from collections import Counter

    dataset = result.dataset
    labels = Counter(record.label or "unknown" for record in dataset.records)
    nodules = sum(len(record.nodules) for record in dataset.records)
    patients = len({record.patient_id for record in dataset.records} - {None})
    classes = ", ".join(f"{labels[k]} {k}" for k in ("benign", "malignant", "normal", "unknown") if labels[k])
    for note in result.notes:
        typer.echo(f"note      {note}")
    for problem in result.left_out:
        typer.echo(f"left out  {problem}", err=True)
    typer.echo(
        f"{dataset.root}: {len(dataset.records)} images ({classes}), {nodules} nodules, "
        f"{patients or 'unknown number of'} patients; {len(result.notes)} notes, {len(result.left_out)} inputs left out"
    )
