"""``usnet diagnose``: images in, opinions out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from usnet.errors import UnreadableImage

if TYPE_CHECKING:
    from usnet.diagnosis.sources import Item
    from usnet.dicom.kinds import Kind, Options

Images = Annotated[
    list[Path], typer.Argument(metavar="IMAGE|FOLDER|DICOM...", help="Files, folders of images, or usnet datasets.")
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")]
BundleName = Annotated[
    str | None, typer.Option(metavar="PATH|NAME", help="Model: a bundle's folder or zip, or a shipped name.")
]
Grouping = Annotated[
    str, typer.Option(metavar="patient|name|none", help="Fuse views of one patient, or of files named alike.")
]
Engine = Annotated[str, typer.Option(metavar="auto|onnxruntime|openvino|torch", help="What runs the network.")]
Device = Annotated[str, typer.Option(metavar="auto|cpu|cuda|mps|coreml", help="Where it runs.")]
Precision = Annotated[
    str,
    typer.Option(metavar="auto|f32|bf16|int8", help="Below f32 only what the model states to agree with f32."),
]
PointName = Annotated[
    str | None, typer.Option(metavar="NAME", help="One of the model's operating points; see 'usnet model info'.")
]
Record = Annotated[
    Path | None, typer.Option(metavar="run.json", help="Record versions, hashes, times and the command here.")
]
Kinds = Annotated[
    str | None,
    typer.Option(metavar="sr,sc,pr,seg,ko,pdf,fhir", help="Write these objects for every file too, below OUT/dicom."),
]
SrClass = Annotated[str, typer.Option(metavar="comprehensive3d|comprehensive", help="Class of the structured report.")]
Overlays = Annotated[bool, typer.Option(help="Draw a picture for every image.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads of the network; all cores by default.")]
Readers = Annotated[
    int | None,
    typer.Option(
        min=0, help="Processes that read files, 0 for a thread; by default some for big folders on many cores."
    ),
]
EngineWorkers = Annotated[
    str | None,
    typer.Option(
        metavar="local|ray://HOST:PORT",
        help="Judge on a Ray cluster (extra 'ray'), 'local' for one on this machine; goes on where it was stopped.",
    ),
]
Gate = Annotated[
    bool, typer.Option(help="Refuse frames that are no grey B-mode ultrasound; --no-gate judges everything.")
]
Explain = Annotated[
    bool,
    typer.Option("--explain", help="Contour, BI-RADS descriptors and saliency of every finding; some seconds each."),
]
Saliency = Annotated[bool, typer.Option(help="With --explain: cover parts of the frame to see what counts.")]
ReferenceFile = Annotated[
    Path | None, typer.Option(help="With --explain: reference of 'usnet descriptors' instead of the package's own.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that are already in OUT.")]


def diagnose(
    images: Images,
    out: Out,
    bundle: BundleName = None,
    group_by: Grouping = "none",
    engine: Engine = "auto",
    device: Device = "auto",
    precision: Precision = "auto",
    operating_point: PointName = None,
    report: Record = None,
    to: Kinds = None,
    sr_class: SrClass = "comprehensive3d",
    overlays: Overlays = True,
    threads: Threads = None,
    readers: Readers = None,
    engine_workers: EngineWorkers = None,
    gate: Gate = True,
    explain: Explain = False,
    saliency: Saliency = True,
    reference: ReferenceFile = None,
    overwrite: Overwrite = False,
) -> None:
    """Find nodules and tell benign from malignant. Research use, not a medical device.

    Writes diagnoses.csv (a row for every input), findings.json (COCO results), json/ (one file an image), overlays/ (pictures),
    report.html, with --group-by groups.csv, with --explain explanations.html and explain/, and with --to DICOM and FHIR objects for
    an archive (DICOM inputs only, but for fhir).

    Exit code: 0 all done, 3 no input readable, 4 no model, 5 some inputs failed (they have a row with the reason).
    """
    from usnet.cli.diagnose_run import Wanted, work
    from usnet.cli.diagnose_workers import Recipe, Workers
    from usnet.diagnosis.grouping import group_by_named

    recipe = Recipe(bundle, engine, device, precision, threads, operating_point, gate, group_by_named(group_by))
    workers = None
    if engine_workers is not None:
        recipe = recipe.for_workers()
        workers = Workers(engine_workers, recipe)
    objects = _objects(to, sr_class)
    wanted = Wanted(out, report, objects, overlays, overwrite, explain, saliency, reference, readers, workers)
    items = _items(images, out)
    diagnoser = recipe.open()
    typer.echo(f"Engine: {diagnoser.description} ({diagnoser.engine.reason})", err=True)
    raise typer.Exit(work(items, diagnoser, recipe.group_by, wanted))


def _items(images: list[Path], out: Path) -> list[Item]:
    """The images that were named, without earlier results in ``out``."""
    from usnet.diagnosis.sources import collect

    items = list(collect(images, exclude=out))
    if not items:
        raise UnreadableImage(
            "no images here", source=", ".join(map(str, images)), expected="PNG, JPEG, BMP, TIFF or DICOM files"
        )
    return items


def _objects(to: str | None, sr_class: str) -> tuple[tuple[Kind, ...], Options] | None:
    """Kinds of objects and choices about them; what is wrong with them is told before anything is read or written."""
    if to is None:
        return None
    from usnet.dicom.kinds import Options, kinds_named, need_extras

    kinds, options = kinds_named(to), Options(sr_class=sr_class)  # type: ignore[arg-type]
    need_extras(kinds)
    return kinds, options
