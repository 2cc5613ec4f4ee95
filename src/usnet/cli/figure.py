"""``usnet figure``: the paper's figures, drawn from the code and the data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from matplotlib.figure import Figure

app = typer.Typer(
    name="figure",
    help="Draw the paper's figures (focal loss, network, annotated images), and failures.",
    no_args_is_help=True,
)

Out = Annotated[Path, typer.Option("--out", "-o", help="File to write; the ending (.svg, .png, .pdf) is the format.")]


@app.command("focal-loss")
def focal_loss(
    out: Out = Path("focal-loss.svg"),
    gamma: Annotated[list[float] | None, typer.Option(help="Repeat for several. Default: 0, 0.5, 1, 2, 3, 5.")] = None,
) -> None:
    """The focal loss for several gamma; the paper's is 3."""
    _need()
    from usnet.reports.figures.focal_loss import GAMMAS, focal_loss_figure

    _save(focal_loss_figure(gamma or GAMMAS), out)


@app.command()
def schema(
    out: Out = Path("schema.svg"),
    config: Annotated[Path | None, typer.Option(help="TOML file. Default: the paper's network.")] = None,
) -> None:
    """The network, as the paper's Figure 2, with the sizes of a configuration."""
    _need()
    from usnet.reports.figures.schema import schema_figure
    from usnet.training.config import load_config

    _save(schema_figure(load_config(config).network), out)


@app.command("annotations")
def annotated_images(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder.")],
    out: Out = Path("annotations.png"),
    columns: Annotated[int, typer.Option(min=1, max=8, help="Images a row.")] = 2,
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 0,
) -> None:
    """Images of a dataset with their boxes, as the paper's Figure 1."""
    _need()
    from usnet.datasets.records import load
    from usnet.reports.figures.annotations import annotations_figure

    _save(annotations_figure(load(dataset), columns, seed), out)


@app.command()
def failures(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder.")],
    predictions: Annotated[Path, typer.Argument(help="predictions.jsonl of 'usnet evaluate'.")],
    out: Out = Path("failures.png"),
    split: Annotated[str, typer.Option(help="The split that was evaluated: train, val, test, or all.")] = "test",
    count: Annotated[int, typer.Option(min=1, max=64, help="Images.")] = 8,
    columns: Annotated[int, typer.Option(min=1, max=8, help="Images a row.")] = 4,
) -> None:
    """Images on which a model was most wrong, one a patient: truth drawn through, findings dashed."""
    _need()
    from usnet.cli.evaluate import select
    from usnet.datasets.records import load
    from usnet.reports.evaluation_predictions import read_predictions
    from usnet.reports.figures.failures import failures_figure

    chosen = select(load(dataset), split)
    _save(failures_figure(chosen, read_predictions(predictions, chosen), count, columns), out)


def _need() -> None:
    from usnet.extras import need

    need("matplotlib", extra="evaluate", feature="drawing figures")


def _save(figure: Figure, out: Path) -> None:
    from usnet.errors import ConfigError

    known = figure.canvas.get_supported_filetypes()
    if out.suffix.lstrip(".").lower() not in known:
        raise ConfigError(f"unknown ending {out.suffix!r}", source=out, expected=f"one of {', '.join(sorted(known))}")
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=150)
    typer.echo(out)
