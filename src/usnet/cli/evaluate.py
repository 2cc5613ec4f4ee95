"""``usnet evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from usnet.bundles import Bundle
    from usnet.datasets.records import Dataset
    from usnet.evaluation import Evaluation
    from usnet.reports.comparison_runs import Run
    from usnet.values import Diagnosis, Failure, OperatingPoint

SPLITS = ("train", "val", "test", "all")


def evaluate(
    bundle: Annotated[str, typer.Argument(help="Bundle folder or zip, or the name of a shipped bundle.")],
    data: Annotated[Path, typer.Option(help="Dataset folder of 'usnet data import'.")],
    out: Annotated[Path, typer.Option(help="Folder for report.html, metrics.json, metrics.csv, figures, predictions.")],
    split: Annotated[str, typer.Option(help="train, val, test, or all.")] = "test",
    operating_point: Annotated[
        str | None, typer.Option(help="One of the bundle's operating points. Default: the bundle's own default.")
    ] = None,
    bootstrap: Annotated[int, typer.Option(min=0, help="Draws of whole groups for intervals; 0 for none.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    predictions: Annotated[
        Path | None, typer.Option(help="predictions.jsonl of an earlier evaluation: measure these, run no model.")
    ] = None,
    engine: Annotated[str, typer.Option(help="auto, onnxruntime, openvino or torch.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, f32, or a lower one that the bundle allows.")] = "auto",
    compare: Annotated[
        Path | None, typer.Option(help="Folder of an evaluation of another model on the same images: compare with it.")
    ] = None,
) -> None:
    """Measure a model on a dataset: the paper's table, intervals, figures, baselines, one HTML report.

    Thresholds are those stored in the bundle; nothing is chosen on the images measured. Intervals know which images belong to one
    patient or group. Exit code 5 if an image could not be diagnosed.
    """
    from usnet.bundles import load as load_bundle
    from usnet.datasets.records import load
    from usnet.evaluation import evaluate as measure
    from usnet.extras import need
    from usnet.reports.comparison_runs import write_truth
    from usnet.reports.evaluation import write_evaluation
    from usnet.reports.evaluation_predictions import read_predictions, write_predictions
    from usnet.values import Diagnosis

    need("matplotlib", extra="evaluate", feature="the report of an evaluation")
    model = load_bundle(bundle)
    point = model.operating_point(operating_point)
    chosen = select(load(data), split)
    other = _other(compare, chosen)
    if predictions is None:
        results = _diagnose(model, point, chosen, engine, precision)
    else:
        results = read_predictions(predictions, chosen)
        _check(results, model, point, predictions)
    out.mkdir(parents=True, exist_ok=True)
    write_truth(out, chosen)
    stored = write_predictions(out / "predictions.jsonl", chosen, results)
    opinions = [r for r in results if isinstance(r, Diagnosis)]
    evaluation = measure(chosen, opinions, bootstrap=bootstrap, seed=seed)
    files = write_evaluation(evaluation, out)
    _print(evaluation)
    typer.echo(f"Report: {files['report.html']}\nPredictions: {stored}")
    if other is not None:
        _compare(out.name, chosen, results, other, (bootstrap, seed), out)
    _fail_on(results)


def _other(folder: Path | None, dataset: Dataset) -> Run | None:
    """The run to compare with; refused before any image is read where it is of other images."""
    if folder is None:
        return None
    from usnet.evaluation.same_truth import check_same_truth
    from usnet.reports.comparison_runs import read_run

    other = read_run(folder)
    check_same_truth(dataset, other.dataset, ("these images", other.name))
    return other


def _compare(
    name: str,
    dataset: Dataset,
    results: list[Diagnosis | Failure],
    other: Run,
    draws: tuple[int, int],
    out: Path,
) -> None:
    from usnet.cli.stats_common import show
    from usnet.reports.comparison import runs_outcome
    from usnet.reports.comparison_runs import make_run

    typer.echo()
    show(runs_outcome(make_run(name, dataset, results), other, bootstrap=draws[0], seed=draws[1]), out)


def select(dataset: Dataset, split: str) -> Dataset:
    """Records of a split, excluded ones included, so that they are counted."""
    from usnet.errors import ConfigError, DataError

    if split not in SPLITS:
        raise ConfigError(f"--split {split!r}", expected=f"one of {', '.join(SPLITS)}")
    if split == "all":
        return dataset
    chosen = dataset.with_records(r for r in dataset.records if r.split == split)
    if not chosen.records:
        have = sorted({str(r.split) for r in dataset.records})
        raise DataError(
            f"no image in split {split!r} (found: {', '.join(have)})",
            source=dataset.root,
            hint="Run 'usnet data split', or evaluate with --split all",
        )
    return chosen


def _diagnose(
    model: Bundle, point: OperatingPoint, dataset: Dataset, engine: str, precision: str
) -> list[Diagnosis | Failure]:
    """Opinions on all records that are not excluded, in their order."""
    from usnet.cli.engines import open_chosen
    from usnet.cli.progress import bar
    from usnet.diagnosis import Diagnoser, Item

    running = open_chosen(model, engine, precision=precision)
    diagnoser = Diagnoser(model, engine=running, operating_point=point, gate=False)  # refusal is measured on its own
    typer.echo(f"Engine: {diagnoser.description} ({running.reason})", err=True)
    records = [r for r in dataset.records if r.exclude is None]
    items = [Item(dataset.path(r), r.file_name, r.image_id, r.patient_id) for r in records]
    results: list[Diagnosis | Failure] = []
    with bar("Diagnosing") as progress:
        for result in diagnoser.stream(items):
            results.append(result)
            progress(len(results), len(items))
    return results


def _check(results: list[Diagnosis | Failure], model: Bundle, point: OperatingPoint, path: Path) -> None:
    from usnet.errors import ConfigError
    from usnet.values import Diagnosis

    for result in results:
        if not isinstance(result, Diagnosis):
            continue
        if result.model.sha256 != model.identity.sha256:
            raise ConfigError(
                f"predictions are by {result.model.name} ({result.model.sha256[:12]})",
                source=path,
                expected=f"{model.identity.name} ({model.identity.sha256[:12]})",
                hint="Leave out --predictions to run this bundle",
            )
        if result.operating_point != point:
            raise ConfigError(
                f"predictions were called at operating point {result.operating_point.name!r}",
                source=path,
                expected=f"{point.name!r} as the bundle stores it",
                hint="Name that one with --operating-point, or leave out --predictions",
            )


def _print(evaluation: Evaluation) -> None:
    from rich.console import Console
    from rich.table import Table

    from usnet.evaluation.summary import HEADINGS, comparison_text, finding_text, interval_note, paper_table

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 190
    for title, averaging in (("Images as they are", "raw"), ("Every class weighted alike", "balanced")):
        rows = paper_table(evaluation, averaging)  # type: ignore[arg-type]
        headings = HEADINGS[: max((len(row.cells) for row in rows), default=0)]
        table = Table(title=f"{title} (95 % intervals)", title_justify="left")
        for heading in ("Class", "Unit", "Pos/neg", *headings):
            table.add_column(heading)
        for row in rows:
            cells = (row.note, *[""] * (len(headings) - 1)) if row.note else row.cells
            table.add_row(row.subject, row.unit, f"{row.positives}/{row.negatives}", *cells)
        console.print(table)
    lines = [interval_note(evaluation), *finding_text(evaluation)]
    for name, images, alone, model, difference in comparison_text(evaluation):
        lines.append(
            f"Malignant v benign, {name} ({images} images): AUC {alone}; the model {model}; difference {difference}"
        )
    lines += [f"Note: {warning}" for warning in evaluation.warnings]
    for line in lines:
        console.print(line, markup=False)


def _fail_on(results: list[Diagnosis | Failure]) -> None:
    from usnet.values import Failure

    failures = [r for r in results if isinstance(r, Failure)]
    for failure in failures:
        typer.echo(f"not diagnosed: {failure.source}: {failure.reason}", err=True)
    if failures:
        raise typer.Exit(5)
