"""What ``usnet diagnose`` does once its options are understood: judge every image, and write what is wanted."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from usnet.cli.diagnose_workers import Workers
    from usnet.diagnosis.grouping import GroupBy
    from usnet.diagnosis.pipeline import Diagnoser
    from usnet.diagnosis.sources import Item
    from usnet.dicom.folder import ObjectFolder
    from usnet.dicom.kinds import Kind, Options
    from usnet.reports.folder import ResultFolder
    from usnet.reports.manifest import RunRecord
    from usnet.values import Diagnosis, Failure, Frame

    Result = tuple[Frame, Diagnosis] | Failure
    Explainer = Callable[[tuple[Frame, Diagnosis] | None], None]

ALL_FAILED, SOME_FAILED = 3, 5


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is written, and where: the options of the command by their names; ``objects`` are kinds and choices about them,
    ``readers`` the processes that read, ``None`` for as many as pay; ``workers`` judge elsewhere."""

    out: Path
    report: Path | None
    objects: tuple[tuple[Kind, ...], Options] | None
    overlays: bool
    overwrite: bool
    explain: bool
    saliency: bool
    reference: Path | None
    readers: int | None = None
    workers: Workers | None = None

    @property
    def pixels(self) -> bool:
        """Whether an output shows what frames hold."""
        return self.overlays or self.explain or self.objects is not None


def work(items: list[Item], diagnoser: Diagnoser, rule: GroupBy, wanted: Wanted) -> int:
    """Judge every item and write its results while they come; the exit code."""
    from usnet.cli.progress import bar
    from usnet.reports.folder import ResultFolder
    from usnet.reports.manifest import RunRecord

    out, overwrite = wanted.out, _overwrite(wanted)
    numbers = _numbers(items)
    with (
        ResultFolder(
            out, diagnoser, numbers=numbers, group_by=rule, overlays=wanted.overlays, overwrite=overwrite
        ) as folder,
        _objects(out, wanted.objects, overwrite) as objects,
        _results(items, diagnoser, rule, wanted) as results,
        bar("Diagnosing") as update,
    ):
        record = None if wanted.report is None else RunRecord(wanted.report, diagnoser, sys.argv)
        explainer = _explainer(diagnoser, wanted) if wanted.explain else None
        for result in _counted(results, len(items), update):
            folder.add(result)
            if record is not None:
                record.add(result)
            _pass_on(result, explainer, objects)
        page = folder.finish()
        if explainer is not None:
            explainer(None)
        if objects is not None:
            _tell(objects.finish())
    return _conclude(folder, page, record, objects)


def _overwrite(wanted: Wanted) -> bool:
    """Results that workers left when they were stopped are not in the way."""
    from usnet.cli.diagnose_workers import unfinished

    return wanted.overwrite or (wanted.workers is not None and unfinished(wanted.out))


def _results(
    items: list[Item], diagnoser: Diagnoser, rule: GroupBy, wanted: Wanted
) -> AbstractContextManager[Iterator[Result]]:
    """What the model says of every frame, in order, here or from workers."""
    if wanted.workers is not None:
        return wanted.workers.results(items, diagnoser, wanted.out, pixels=wanted.pixels)
    return closing(diagnoser.stream_frames(items, group_by=rule, readers=_readers(wanted, len(items))))


def _readers(wanted: Wanted, files: int) -> int:
    from usnet.diagnosis.engine.protocol import cores
    from usnet.diagnosis.readers import readers_for

    return readers_for(files, cores()) if wanted.readers is None else wanted.readers


def _pass_on(result: Result, explainer: Explainer | None, objects: ObjectFolder | None) -> None:
    """Say what failed, explain what did not, and make objects of it."""
    from usnet.values import Failure

    if isinstance(result, Failure):
        _tell([result])
    elif explainer is not None:
        explainer(result)
    if objects is not None:
        _tell(objects.add(result))


def _explainer(diagnoser: Diagnoser, wanted: Wanted) -> Explainer:
    """Explains one image after another; called with ``None`` it writes the page."""
    from usnet.descriptors.reference import load_reference
    from usnet.diagnosis.explain import explain
    from usnet.reports.explanations import ExplanationFolder

    known = load_reference(wanted.reference)
    folder = ExplanationFolder(wanted.out, known)

    def add(result: tuple[Frame, Diagnosis] | None) -> None:
        """Explain one image, or finish."""
        if result is None:
            typer.echo(f"Explanations: {folder.finish()}")
            return
        frame, diagnosis = result
        folder.add(frame, diagnosis, explain(diagnoser, frame, diagnosis, known, saliency=wanted.saliency))

    return add


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
