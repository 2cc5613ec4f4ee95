"""``usnet stats``: the statistics of a paper, from files of scores, readings and marks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from usnet.reports.statistics import Outcome

app = typer.Typer(
    name="stats",
    help="ROC, reader studies, FROC, agreement, groups, sample size; check a published table.",
    no_args_is_help=True,
)

Out = Annotated[Path | None, typer.Option("--out", "-o", help="Folder for JSON, LaTeX and figures.")]
Level = Annotated[float, typer.Option(min=0.5, max=0.999, help="Of the intervals.")]
Truth = Annotated[str | None, typer.Option(help="Column of truth. Default: truth, label or outcome.")]
Positive = Annotated[
    str | None, typer.Option(help="Value of the truth that is positive. Default: 1, malignant, true ...")
]
Cluster = Annotated[str | None, typer.Option(help="Column that says which cases belong together (patient).")]
Column = Annotated[list[str] | None, typer.Option(help="ROLE=HEADING where a column has another name, as score=pom.")]


@app.command()
def roc(
    file: Annotated[Path, typer.Argument(help="CSV, a row a case: truth and one or more scores.")],
    score: Annotated[
        list[str] | None, typer.Option(help="Column of scores; repeat for several. Default: score.")
    ] = None,
    truth: Truth = None,
    positive: Positive = None,
    cluster: Cluster = None,
    specificity: Annotated[float, typer.Option(min=0.0, max=0.999, help="For sensitivity and partial area.")] = 0.9,
    level: Level = 0.95,
    out: Out = None,
) -> None:
    """AUC (DeLong, or Obuchowski 1997 with clusters), partial area, operating points."""
    from usnet.reports.statistics_roc import roc_outcome

    options = {"truth": truth, "positive": positive, "cluster": cluster}
    _show(roc_outcome(file, score, specificity=specificity, level=level, **options), out)


@app.command()
def compare(
    file: Annotated[Path, typer.Argument(help="CSV, a row a case.")],
    first: Annotated[str, typer.Option(help="Column of the first score.")],
    second: Annotated[str | None, typer.Option(help="Column of the second score, of the same cases.")] = None,
    by: Annotated[str | None, typer.Option(help="Instead: column that makes two groups of cases.")] = None,
    truth: Truth = None,
    positive: Positive = None,
    cluster: Cluster = None,
    level: Level = 0.95,
    out: Out = None,
) -> None:
    """Two AUCs: of the same cases (paired), or of two groups of cases (unpaired)."""
    from usnet.reports.statistics_roc import compare_outcome

    options = {"by": by, "truth": truth, "positive": positive, "cluster": cluster}
    _show(compare_outcome(file, first, second, level=level, **options), out)


@app.command()
def mrmc(
    file: Annotated[
        Path, typer.Argument(help="Long CSV (reader, modality, case, truth, score), .imrmc or RJafroc .xlsx.")
    ],
    method: Annotated[
        str, typer.Option(help="or (Obuchowski-Rockette), dbm, or u (U-statistics: readings may be missing).")
    ] = "or",
    covariance: Annotated[str | None, typer.Option(help="delong, jackknife or unbiased.")] = None,
    inference: Annotated[
        str, typer.Option(help="readers-and-cases-random, readers-fixed or cases-fixed: whom the result speaks for.")
    ] = "readers-and-cases-random",
    merit: Annotated[str, typer.Option(help="auc, sensitivity or specificity.")] = "auc",
    threshold: Annotated[float | None, typer.Option(help="Positive at a rating of at least this.")] = None,
    margin: Annotated[float | None, typer.Option(min=0.0, help="Non-inferiority margin of each difference.")] = None,
    ai: Annotated[
        Path | None, typer.Option(help="CSV of case and score of one algorithm, to set against the readers.")
    ] = None,
    modality: Annotated[str | None, typer.Option(help="With --ai: the readers' modality.")] = None,
    column: Column = None,
    level: Level = 0.95,
    out: Out = None,
) -> None:
    """Reader study: compare modalities, or one algorithm with the readers."""
    from usnet.reports.statistics_readers import ai_outcome, mrmc_outcome

    common = {"merit": merit, "threshold": threshold, "columns": _columns(column), "level": level}
    if ai is not None:
        cases = "fixed" if inference == "cases-fixed" else "random"
        kind = covariance or "jackknife"
        _show(ai_outcome(file, ai, modality=modality, cases=cases, covariance=kind, **common), out)  # type: ignore[arg-type]
        return
    chosen = {"method": method, "covariance": covariance or "delong", "inference": inference, "margin": margin}
    _show(mrmc_outcome(file, **chosen, **common), out)  # type: ignore[arg-type]


@app.command()
def froc(
    marks: Annotated[Path, typer.Argument(help="CSV (modality, reader, case, lesion_hit, rating) or RJafroc .xlsx.")],
    lesions: Annotated[Path | None, typer.Option(help="CSV: case, lesion, weight.")] = None,
    cases: Annotated[Path | None, typer.Option(help="CSV: case, diseased.")] = None,
    merit: Annotated[
        str, typer.Option(help="wAFROC, AFROC, wAFROC1, AFROC1, HrAuc, FROC, MaxLLF or MaxNLF.")
    ] = "wAFROC",
    method: Annotated[str, typer.Option(help="or or dbm.")] = "or",
    level: Level = 0.95,
    out: Out = None,
) -> None:
    """Free-response reading: figures of merit, and a comparison of modalities."""
    from usnet.reports.statistics_froc import froc_outcome

    _show(froc_outcome(marks, lesions, cases, merit=merit, method=method, level=level), out)


@app.command()
def agreement(
    file: Annotated[Path, typer.Argument(help="CSV, a row a rating: case, reader, rating.")],
    case: Annotated[str, typer.Option(help="Column.")] = "case",
    reader: Annotated[str, typer.Option(help="Column.")] = "reader",
    rating: Annotated[str, typer.Option(help="Column.")] = "rating",
    occasion: Annotated[
        str | None, typer.Option(help="Column of first and second reading, for each reader with himself.")
    ] = None,
    weights: Annotated[str, typer.Option(help="none, linear or quadratic.")] = "none",
    categories: Annotated[str | None, typer.Option(help="In their order, with commas: 2,3,4a,4b,4c,5.")] = None,
    limits: Annotated[
        bool, typer.Option("--limits", help="Ratings are measurements: Bland and Altman's limits.")
    ] = False,
    level: Level = 0.95,
    out: Out = None,
) -> None:
    """Cohen's and Fleiss' kappa, Gwet's AC, between readers or within them; limits of agreement."""
    from usnet.errors import ConfigError
    from usnet.reports.statistics_agreement import agreement_outcome
    from usnet.reports.statistics_limits import limits_outcome

    if limits:
        if occasion or categories or weights != "none":
            raise ConfigError(
                "--limits takes measurements of several readers", expected="no occasion, categories or weights"
            )
        _show(limits_outcome(file, case=case, reader=reader, rating=rating, level=level), out)
        return
    if weights not in ("none", "linear", "quadratic"):
        raise ConfigError(f"--weights {weights!r}", expected="none, linear or quadratic")
    names = {"case": case, "reader": reader, "rating": rating, "occasion": occasion}
    chosen = {"weights": weights, "categories": _names(categories), "level": level}
    _show(agreement_outcome(file, **names, **chosen), out)  # type: ignore[arg-type]


@app.command()
def groups(
    file: Annotated[Path, typer.Argument(help="CSV, a row a reader (or other unit): score and level.")],
    value: Annotated[str, typer.Option(help="Column of values.")] = "score",
    group: Annotated[str, typer.Option(help="Column of groups.")] = "level",
    order: Annotated[str | None, typer.Option(help="The groups in their order, with commas: tests the trend.")] = None,
    single: Annotated[float | None, typer.Option(help="One score (of an AI) to set against each group.")] = None,
    unit: Annotated[str, typer.Option(help="What a row is.")] = "reader",
    level: Level = 0.95,
    out: Out = None,
) -> None:
    """Describe and compare groups, as Table 1 of the paper should have been; words are counted."""
    from usnet.reports.statistics_groups import groups_outcome

    chosen = {"value": value, "group": group, "single": single, "unit": unit, "level": level}
    _show(groups_outcome(file, order=_names(order), **chosen), out)  # type: ignore[arg-type]


@app.command("sample-size")
def sample_size(
    effect: Annotated[float, typer.Option(help="Difference of AUC to find.")],
    file: Annotated[Path | None, typer.Argument(help="Pilot study, as for mrmc.")] = None,
    components: Annotated[
        str | None,
        typer.Option(help="Instead: modality_reader=..,error=..,cov1=..,cov2=..,cov3=..,cases=.. of a study."),
    ] = None,
    readers: Annotated[int | None, typer.Option(min=2, help="Number of readers.")] = None,
    cases: Annotated[
        int | None, typer.Option(min=4, help="Number of cases. With --readers: the power of both.")
    ] = None,
    power: Annotated[float, typer.Option(min=0.05, max=0.999, help="To reach.")] = 0.8,
    alpha: Annotated[float, typer.Option(min=0.0001, max=0.5, help="Two-sided.")] = 0.05,
    column: Column = None,
    out: Out = None,
) -> None:
    """How many readers and cases a reader study needs."""
    from usnet.errors import ConfigError
    from usnet.reports.statistics_readers import sample_size_outcome

    if readers is None and cases is None:
        raise ConfigError("neither --readers nor --cases", expected="one of them, or both for the power")
    parts = _components(components) if components else None
    chosen = {
        "effect": effect,
        "components": parts,
        "readers": readers,
        "cases": cases,
        "target": power,
        "alpha": alpha,
    }
    _show(sample_size_outcome(file, columns=_columns(column), **chosen), out)  # type: ignore[arg-type]


@app.command("check-paper")
def check_paper(
    file: Annotated[str, typer.Argument(help="TOML file of printed figures, or a shipped example: li2020.")],
    out: Out = None,
) -> None:
    """Do the printed figures of a paper fit each other? Exit code 1 where some do not."""
    from usnet.reports.statistics_paper import paper_outcome

    outcome = paper_outcome(file)
    for verdict, check, subject, finding in outcome.grids[0].rows:
        typer.echo(f"{verdict}: {check}, {subject}: {finding}")
    typer.echo(" ".join((*outcome.sentences, *outcome.notes)))
    _write(outcome, out)
    if outcome.numbers["does not fit"]:
        raise typer.Exit(1)


def _show(outcome: Outcome, out: Path | None) -> None:
    from usnet.reports.statistics import text

    typer.echo(text(outcome))
    _write(outcome, out)


def _write(outcome: Outcome, out: Path | None) -> None:
    from usnet.reports.statistics import write_outcome

    if out is not None:
        for path in write_outcome(outcome, out).values():
            typer.echo(path)


def _names(text: str | None) -> list[str] | None:
    return [name.strip() for name in text.split(",")] if text else None


def _columns(pairs: list[str] | None) -> dict[str, str]:
    from usnet.errors import ConfigError

    found = {}
    for pair in pairs or []:
        role, sign, heading = pair.partition("=")
        if not sign or role not in ("reader", "modality", "case", "truth", "score"):
            raise ConfigError(f"--column {pair!r}", expected="reader, modality, case, truth or score = heading")
        found[role] = heading
    return found


def _components(text: str) -> dict[str, float]:
    from usnet.errors import ConfigError

    names = ("modality_reader", "error", "cov1", "cov2", "cov3", "cases")
    try:
        found = {k.strip(): float(v) for k, v in (part.split("=") for part in text.split(","))}
    except ValueError as error:
        raise ConfigError(f"--components {text!r}", expected="name=number with commas") from error
    if set(found) != set(names):
        raise ConfigError(f"--components {text!r}", expected=", ".join(names))
    return found
