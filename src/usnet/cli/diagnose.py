"""``usnet diagnose``: images in, opinions out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from usnet.errors import UnreadableImage

if TYPE_CHECKING:
    from usnet.diagnosis.pipeline import Diagnoser
    from usnet.diagnosis.sources import Item
    from usnet.dicom.folder import ObjectFolder
    from usnet.dicom.kinds import Kind, Options
    from usnet.reports.folder import ResultFolder
    from usnet.reports.manifest import RunRecord
    from usnet.values import Diagnosis, Failure, Frame

    Result = tuple[Frame, Diagnosis] | Failure

ALL_FAILED, SOME_FAILED = 3, 5


def diagnose(
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGE|FOLDER|DICOM...", help="Files, folders of images, or usnet datasets.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")],
    bundle: Annotated[
        str | None, typer.Option(metavar="PATH|NAME", help="Model: a bundle's folder or zip, or a shipped name.")
    ] = None,
    group_by: Annotated[
        str, typer.Option(metavar="patient|name|none", help="Fuse views of one patient, or of files named alike.")
    ] = "none",
    engine: Annotated[
        str, typer.Option(metavar="auto|onnxruntime|openvino|torch", help="What runs the network.")
    ] = "auto",
    device: Annotated[str, typer.Option(metavar="auto|cpu|cuda|mps|coreml", help="Where it runs.")] = "auto",
    precision: Annotated[
        str,
        typer.Option(metavar="auto|f32|bf16|int8", help="Below f32 only what the model states to agree with f32."),
    ] = "auto",
    operating_point: Annotated[
        str | None, typer.Option(metavar="NAME", help="One of the model's operating points; see 'usnet model info'.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="run.json", help="Record versions, hashes, times and the command here.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="sr,sc,pr,seg,ko,pdf,fhir", help="Write these objects for every file too, below OUT/dicom."
        ),
    ] = None,
    sr_class: Annotated[
        str, typer.Option(metavar="comprehensive3d|comprehensive", help="Class of the structured report.")
    ] = "comprehensive3d",
    overlays: Annotated[bool, typer.Option(help="Draw a picture for every image.")] = True,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the network; all cores by default.")] = None,
    gate: Annotated[
        bool, typer.Option(help="Refuse frames that are no grey B-mode ultrasound; --no-gate judges everything.")
    ] = True,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Contour, BI-RADS descriptors and saliency of every finding; some seconds each."
        ),
    ] = False,
    saliency: Annotated[bool, typer.Option(help="With --explain: cover parts of the frame to see what counts.")] = True,
    reference: Annotated[
        Path | None, typer.Option(help="With --explain: reference of 'usnet descriptors' instead of the package's own.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results that are already in OUT.")] = False,
) -> None:
    """Find nodules and tell benign from malignant. Research use, not a medical device.

    Writes diagnoses.csv (a row for every input), findings.json (COCO results), json/ (one file an image), overlays/ (pictures),
    report.html, with --group-by groups.csv, with --explain explanations.html and explain/, and with --to DICOM and FHIR objects for
    an archive (DICOM inputs only, but for fhir).

    Exit code: 0 all done, 3 no input readable, 4 no model, 5 some inputs failed (they have a row with the reason).
    """
    from usnet.bundles import load
    from usnet.cli.engines import open_chosen
    from usnet.cli.progress import bar
    from usnet.diagnosis.grouping import group_by_named
    from usnet.diagnosis.pipeline import Diagnoser
    from usnet.diagnosis.sources import collect
    from usnet.reports.folder import ResultFolder
    from usnet.reports.manifest import RunRecord
    from usnet.values import Failure

    rule, wanted = group_by_named(group_by), _wanted(to, sr_class)
    items = list(collect(images, exclude=out))
    if not items:
        raise UnreadableImage(
            "no images here", source=", ".join(map(str, images)), expected="PNG, JPEG, BMP, TIFF or DICOM files"
        )
    model = load(bundle)
    running = open_chosen(model, engine, device, precision, threads)
    typer.echo(f"Engine: {running.description} ({running.reason})", err=True)
    diagnoser = Diagnoser(model, engine=running, operating_point=operating_point, threads=threads, gate=gate)
    numbers = _numbers(items)
    with (
        ResultFolder(out, diagnoser, numbers=numbers, group_by=rule, overlays=overlays, overwrite=overwrite) as folder,
        _objects(out, wanted, overwrite) as objects,
        bar("Diagnosing") as update,
    ):
        record = None if report is None else RunRecord(report, diagnoser, sys.argv)
        explainer = _explainer(out, diagnoser, reference, saliency) if explain else None
        results = diagnoser.stream_frames(items, group_by=rule)
        for result in _counted(results, len(items), update):
            folder.add(result)
            if record is not None:
                record.add(result)
            if isinstance(result, Failure):
                _tell([result])
            elif explainer is not None:
                explainer(result)
            if objects is not None:
                _tell(objects.add(result))
        page = folder.finish()
        if explainer is not None:
            explainer(None)
        if objects is not None:
            _tell(objects.finish())
    raise typer.Exit(_conclude(folder, page, record, objects))


def _explainer(
    out: Path, diagnoser: Diagnoser, reference: Path | None, saliency: bool
) -> Callable[[tuple[Frame, Diagnosis] | None], None]:
    """Explains one image after another; called with ``None`` it writes the page."""
    from usnet.descriptors.reference import load_reference
    from usnet.diagnosis.explain import explain
    from usnet.reports.explanations import ExplanationFolder

    known = load_reference(reference)
    folder = ExplanationFolder(out, known)

    def add(result: tuple[Frame, Diagnosis] | None) -> None:
        if result is None:
            typer.echo(f"Explanations: {folder.finish()}")
            return
        frame, diagnosis = result
        folder.add(frame, diagnosis, explain(diagnoser, frame, diagnosis, known, saliency=saliency))

    return add


def _wanted(to: str | None, sr_class: str) -> tuple[tuple[Kind, ...], Options] | None:
    """Kinds of objects and choices about them; what is wrong with them is told before anything is read or written."""
    if to is None:
        return None
    from usnet.dicom.kinds import Options, kinds_named, need_extras

    kinds, options = kinds_named(to), Options(sr_class=sr_class)  # type: ignore[arg-type]
    need_extras(kinds)
    return kinds, options


def _objects(
    out: Path, wanted: tuple[tuple[Kind, ...], Options] | None, overwrite: bool
) -> AbstractContextManager[ObjectFolder | None]:
    """The folder of DICOM objects, if any are wanted."""
    if wanted is None:
        return nullcontext()
    from usnet.dicom.folder import ObjectFolder

    return ObjectFolder(out, *wanted, overwrite=overwrite)


def _tell(failures: Iterable[Failure]) -> None:
    for failure in failures:
        typer.echo(f"usnet: {failure.source}: {failure.reason}", err=True)


def _conclude(folder: ResultFolder, page: Path, record: RunRecord | None, objects: ObjectFolder | None = None) -> int:
    """Say what came out, complete the record, and return the exit code."""
    failed, done = len(folder.failures), sum(folder.counts.values())
    code = 0 if not failed else SOME_FAILED if done else ALL_FAILED
    if objects is not None and objects.counts["failed"]:
        code = code or SOME_FAILED
    if record is not None:
        record.finish(dict(folder.counts) | {"failed": failed}, code)
    from usnet.values import LABELS

    counts = ", ".join(f"{folder.counts[label]} {label}" for label in LABELS)
    typer.echo(f"{done} images: {counts}" + (f"; {failed} failed, see diagnoses.csv" if failed else ""))
    typer.echo(f"Report: {page}")
    if objects is not None:
        made = ", ".join(
            f"{objects.counts[state]} {state}" for state in ("made", "nothing", "failed") if objects.counts[state]
        )
        typer.echo(f"Objects: {made or 'none'}, see {objects.folder / 'objects.csv'}")
    return code


def _counted(results: Iterable[Result], total: int, update: Callable[[int, int], None]) -> Iterator[Result]:
    """The results, while the progress bar counts the files that they come from."""
    from usnet.values import Failure

    files, last = 0, ""
    for result in results:
        source = result.source if isinstance(result, Failure) else result[0].source
        files, last = files + (source != last), source
        update(files, total)
        yield result


def _numbers(items: Iterable[Item]) -> dict[str, int]:
    """COCO ids by image id, where a dataset gives them and they do not clash."""
    numbered = [(item.image_id, item.number) for item in items if item.image_id and item.number is not None]
    found = {name: number for name, number in numbered if name and number is not None}
    return found if len(set(found.values())) == len(numbered) else {}
