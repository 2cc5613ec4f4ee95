"""``usnet study``: reader studies, from the protocol to the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from usnet.cli import study_analyse, study_demo, study_run

if TYPE_CHECKING:
    from usnet.statistics.mrmc.sample_size import Planning

app = typer.Typer(
    name="study",
    help="Reader studies: protocol, cases, readers, order, audit, analysis. Readers read at 'usnet serve'.",
    no_args_is_help=True,
)


@app.command()
def protocol(
    out: Annotated[Path | None, typer.Argument(help="File to write; the terminal if left out.")] = None,
) -> None:
    """Write a protocol to start from, every key with its reason."""
    from usnet.errors import ConfigError
    from usnet.readers.protocol_file import template

    if out is None:
        typer.echo(template(), nl=False)
        return
    if out.exists():
        raise ConfigError("exists already", source=out, hint="Name another file")
    out.write_text(template(), encoding="utf-8")
    typer.echo(f"{out}: edit it, then draw cases with 'usnet study sample'")


@app.command()
def check(file: Annotated[Path, typer.Argument(help="Protocol.", show_default=False)]) -> None:
    """Check a protocol and say what it would mean for a reader."""
    from usnet.readers.protocol_file import read_protocol

    p = read_protocol(file)
    cases = p.cases
    typer.echo(f"{p.study.id}: {p.design.kind}, {', '.join(p.design.arms)}; sha256 {p.sha256()}")
    typer.echo(
        f"cases: {cases.total} ({', '.join(f'{s.count} {s.name}' for s in cases.strata)}), {cases.training} for training, "
        f"{cases.repeats} repeated"
    )
    typer.echo(
        f"a reader reads {cases.training + p.periods * (cases.total + cases.repeats)} images in {p.periods} part(s)"
    )
    typer.echo("levels: " + ", ".join(f"{level.name} {level.text()}" for level in p.levels))


@app.command()
def plan(
    effect: Annotated[float, typer.Option(min=0.001, max=0.5, help="Difference of AUC to find.")],
    readers: Annotated[int | None, typer.Option(min=2, help="Number of readers.")] = None,
    cases: Annotated[
        int | None, typer.Option(min=4, help="Number of cases. With --readers: the power of both.")
    ] = None,
    pilot: Annotated[Path | None, typer.Option(help="Readings of a pilot study, as for 'usnet stats mrmc'.")] = None,
    structure: Annotated[str, typer.Option(help="Without a pilot study: Roe and Metz' HL, LL, HH or LH.")] = "HL",
    auc: Annotated[float, typer.Option(help="Without a pilot study: expected AUC.")] = 0.85,
    power: Annotated[float, typer.Option(min=0.05, max=0.999, help="To reach.")] = 0.8,
    alpha: Annotated[float, typer.Option(min=0.0001, max=0.5, help="Two-sided.")] = 0.05,
) -> None:
    """How many readers and cases a study of two arms needs."""
    from usnet.errors import ConfigError
    from usnet.readers.plan import assumed, sample_size, table
    from usnet.readers.plan import power as power_of
    from usnet.reports.statistics import Grid, plain_text

    if readers is None and cases is None:
        raise ConfigError("neither --readers nor --cases", expected="one of them, or both for the power")
    planning = _pilot(pilot) if pilot else assumed(structure, auc)
    if readers is not None and cases is not None:
        found = power_of(planning, readers=readers, cases=cases, effect=effect, alpha=alpha)
    else:
        best = sample_size(planning, effect=effect, readers=readers, cases=cases, target=power, alpha=alpha)
        if best is None:
            raise ConfigError(
                f"no study of this kind reaches a power of {power:g}",
                hint="Take more readers, or look for a larger effect",
            )
        found = best
    some = sorted({max(2, round(found.readers * f)) for f in (0.5, 0.75, 1, 1.5, 2)})
    sizes = sorted({max(4, round(found.cases * f)) for f in (0.5, 0.75, 1, 1.5, 2)})
    rows = tuple(
        (row[0].readers, *(one.power for one in row))
        for row in table(planning, readers=some, cases=sizes, effect=effect, alpha=alpha)
    )
    typer.echo(
        plain_text(Grid(f"Power to find a difference of {effect:g}", ("readers", *(f"{k} cases" for k in sizes)), rows))
    )
    typer.echo(found.sentence())
    source = f"pilot study {pilot}" if pilot else f"structure {structure} of Roe and Metz at AUC {auc:g}, simulated"
    typer.echo(f"Variances: {source}. They are uncertain themselves: read the table, not one number.")


@app.command()
def sample(
    pool: Annotated[Path, typer.Argument(help="Dataset folder to draw from.", show_default=False)],
    file: Annotated[Path, typer.Option("--protocol", "-p", help="Protocol with the strata and the seed.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="New folder for the study's cases.")],
) -> None:
    """Draw the cases by stratum and the protocol's seed; training cases from other patients."""
    from usnet.datasets.records import load
    from usnet.readers.cases import draw_cases, write_cases
    from usnet.readers.protocol_file import read_protocol

    dataset, rules = load(pool), read_protocol(file)
    chosen = draw_cases(dataset, rules)
    write_cases(dataset, chosen, out)
    for stratum in rules.cases.strata:
        uses = [c.use for c in chosen if c.stratum == stratum.name]
        typer.echo(f"{stratum.name}: {uses.count('test')} cases, {uses.count('training')} for training")
    groups = len({c.nodule for c in chosen})
    typer.echo(f"{out}: {len(chosen)} images of {groups} patients, seed {rules.study.seed}")


def _pilot(path: Path) -> Planning:
    from usnet.statistics.mrmc import Planning, analyse, read_study

    return Planning.from_result(analyse(read_study(path), covariance="jackknife"))


study_run.add_to(app)
app.command()(study_analyse.analyse)
app.command()(study_demo.demo)
