"""``usnet compare-methods``: every rival on the same splits, in one table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from usnet.errors import ConfigError, MissingExtra

if TYPE_CHECKING:
    from usnet.comparators.method import Budget, Method
    from usnet.comparators.running import Result
    from usnet.datasets.records import Dataset

PREDICTIONS, COST, DICE = "predictions.jsonl", "cost.json", "dice.json"

MasksOption = Annotated[
    list[Path] | None,
    typer.Option(
        help="Folder of the masks that experts drew (BUS-BRA's, BUSI's, BrEaST's): the U-Net learns them, and Dice is measured."
    ),
]
BoxesOption = Annotated[
    str,
    typer.Option(metavar="found|given|both", help="Classical methods judge boxes that USNet found, or the true ones."),
]


def compare_methods(
    data: Annotated[list[Path] | None, typer.Option(help="Dataset folder with splits; repeat for several.")] = None,
    methods: Annotated[str, typer.Option(help="Names with commas, a family's name, or 'all'; see --list.")] = "all",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the table and every method's opinions.")
    ] = None,
    show_list: Annotated[bool, typer.Option("--list", help="Name all methods and stop.")] = False,
    external: Annotated[
        list[Path] | None, typer.Option(help="COCO results of any detector on val and test images; repeat for several.")
    ] = None,
    masks: MasksOption = None,
    bundle: Annotated[
        str | None,
        typer.Option(help="Compare with this trained bundle; without, USNet is trained with the same budget."),
    ] = None,
    boxes: BoxesOption = "found",
    config: Annotated[
        Path | None, typer.Option(help="Configuration (TOML) of 'usnet train': inputs, augmentation and budget of all.")
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change a setting.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Short for --set training.epochs=N.")] = None,
    ablations: Annotated[
        Path | None,
        typer.Option(help="TOML of ablations; without, those of the package: gamma, levels, size, augmentation."),
    ] = None,
    bootstrap: Annotated[int, typer.Option(min=0, help="Draws of whole groups; 0 for none.")] = 2000,
    seed: Annotated[int, typer.Option(help="Of the draws.")] = 0,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Keep methods whose opinions are in OUT already; go on with a training that was stopped."
        ),
    ] = False,
) -> None:
    """Train and evaluate the paper's rivals on identical splits, inputs, budget and evaluation; test each against USNet.

    Exit code 5 if a method could not run, for example because its extra is not installed; the others are in the table.
    """
    from usnet.comparators.catalogue import catalogue, chosen
    from usnet.comparators.method import Budget
    from usnet.comparators.outlines import find_masks
    from usnet.comparators.pool import labelled, pooled
    from usnet.datasets.records import load
    from usnet.training.config import load_config

    changes = [*(set_ or []), *([f"training.epochs={epochs}"] if epochs else [])]
    budget = Budget(load_config(config, changes), masks=find_masks(masks) if masks else None, unfinished=out)
    known = catalogue(bundle=bundle, boxes=boxes, external=external or (), ablations=ablations)
    if show_list:
        _print(known)
        return
    if not data or out is None:
        raise ConfigError("--data and --out are needed", hint="Or name all methods with --list")
    wanted = chosen(known, methods)
    pool = pooled([load(folder) for folder in data])
    test = pool.with_records(labelled(pool, "test"))
    results, refused, failed = _run(wanted, pool, test, budget, bundle, out, resume)
    _show(results, test, _settings(budget, bundle, wanted), (bootstrap, seed), refused, out)
    if failed:
        raise typer.Exit(5)


def _print(known: dict[str, Method]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 140
    table = Table("name", "family", "is told", "what it is", title="Methods", title_justify="left")
    for method in known.values():
        table.add_row(method.name, method.kind, method.told or "nothing", method.says)
    console.print(table)


def _run(
    wanted: list[Method],
    pool: Dataset,
    test: Dataset,
    budget: Budget,
    bundle: str | None,
    out: Path,
    resume: bool,
) -> tuple[list[Result], list[tuple[str, str]], int]:
    """Results, methods that did not run with the reason, and how many of those should have."""
    from usnet.cli.progress import bar
    from usnet.comparators.method import Unchanged
    from usnet.comparators.network import UNFINISHED
    from usnet.comparators.running import run
    from usnet.errors import UsnetError

    results: list[Result] = []
    refused: list[tuple[str, str]] = []
    failed = 0
    for method in wanted:
        made_with = _made_with(method, pool, budget, bundle)
        kept = _kept(method, test, out / method.name, budget, made_with) if resume else None
        if kept is not None:
            results.append(kept)
            continue
        if not resume:
            (out / method.name / UNFINISHED).unlink(missing_ok=True)
        try:
            with bar(method.name) as progress:
                result = run(method, pool, list(test.records), budget=budget, progress=progress)
        except UsnetError as error:
            if method.name == "usnet" or not (isinstance(error, MissingExtra) or results):
                raise
            typer.echo(f"usnet: {method.name}: {error}", err=True)
            refused.append((method.name, str(error)))
            failed += not isinstance(error, Unchanged)
            continue
        _keep(result, test, out / method.name, made_with)
        results.append(result)
    return results, refused, failed


def _made_with(method: Method, pool: Dataset, budget: Budget, bundle: str | None) -> str:
    """Data and settings; where USNet's boxes are used, its bundle too."""
    uses = bundle is not None and method.kind in ("usnet", "classical")
    return budget.made_with(pool) + (f" {bundle}" if uses else "")


def _keep(result: Result, test: Dataset, folder: Path, made_with: str) -> None:
    from usnet.comparators.network import UNFINISHED
    from usnet.reports.comparison_runs import write_truth
    from usnet.reports.evaluation_predictions import write_predictions

    folder.mkdir(parents=True, exist_ok=True)
    write_truth(folder, test)
    write_predictions(folder / PREDICTIONS, test, result.results)
    cost = {"minutes": result.cost.minutes, "parameters": result.cost.parameters, "made_with": made_with}
    if result.dice:
        (folder / DICE).write_text(json.dumps(dict(result.dice), indent=1) + "\n", encoding="utf-8")
    (folder / COST).write_text(json.dumps(cost) + "\n", encoding="ascii")
    (folder / UNFINISHED).unlink(missing_ok=True)


def _kept(method: Method, test: Dataset, folder: Path, budget: Budget, made_with: str) -> Result | None:
    """What a folder holds, unless it was made with other data or settings: one table is one budget. Dice of boxes is measured where
    it was not asked for before; a U-Net's paint is gone."""
    from usnet.comparators.running import Cost, Result, outlined
    from usnet.reports.evaluation_predictions import read_predictions

    if not (folder / COST).is_file():
        return None
    cost = json.loads((folder / COST).read_text(encoding="ascii"))
    if cost.get("made_with") != made_with:
        raise ConfigError(
            "opinions made with other data or settings",
            source=str(folder),
            hint="Another --out, or run it anew without --resume",
        )
    results = read_predictions(folder / PREDICTIONS, test)
    if (folder / DICE).is_file():
        dice = json.loads((folder / DICE).read_text(encoding="utf-8"))
    else:
        boxed = budget.masks if method.kind != "segmentation" else None
        dice = outlined(method, results, test, test.records, boxed)
    return Result(method, tuple(results), Cost(cost["minutes"], cost["parameters"]), dice)


def _settings(budget: Budget, bundle: str | None, wanted: list[Method]) -> dict[str, object]:
    """With what all methods were trained."""
    training = budget.config.training
    own: dict[str, object] = {} if bundle is None else {"usnet": f"the bundle {bundle}, with a training of its own"}
    if not any(m.trains and m.kind in ("usnet", "detector", "segmentation", "ablation") for m in wanted):
        return {"seed": training.seed} | own
    return {
        "epochs": training.epochs,
        "batch size": training.batch_size,
        "learning rate": training.learning_rate,
        "input": f"{budget.config.network.anchors.image_size} px",
        "seed": training.seed,
        "precision": training.precision,
    } | own


def _show(
    results: list[Result],
    test: Dataset,
    settings: dict[str, object],
    draws: tuple[int, int],
    refused: list[tuple[str, str]],
    out: Path,
) -> None:
    from usnet.cli.stats_common import show
    from usnet.comparators.scores import table
    from usnet.reports.comparison_methods import methods_outcome

    rows = table(test, results, bootstrap=draws[0], seed=draws[1])
    show(methods_outcome(rows, test, results[0].method.name, settings=settings, refused=refused), out)
