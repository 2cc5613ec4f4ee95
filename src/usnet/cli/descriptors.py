"""``usnet descriptors``: the reference that ``usnet diagnose --explain`` compares findings with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def descriptors(
    data: Annotated[Path, typer.Option(help="Dataset folder whose training nodules make the reference distribution.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="JSON file to write.")],
    split: Annotated[str, typer.Option(help="train, val, test, or all.")] = "train",
    experts: Annotated[
        Path | None,
        typer.Option(
            help="Dataset of 'usnet data import breast': fit BI-RADS words on its experts' and measure kappa."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the five parts of the cross-validation.")] = 0,
) -> None:
    """Measure the BI-RADS descriptors of training nodules, and how far the words they give agree with experts (kappa).

    Contours are found inside the true boxes. Each word's rule is one descriptor with its cut-points; kappa is that of cases outside
    the part on which the rule was fitted.
    """
    import numpy as np

    from usnet.cli.evaluate import select
    from usnet.cli.progress import bar
    from usnet.cli.stats_common import show
    from usnet.datasets.records import load
    from usnet.descriptors.reference import WordRule, reference_of
    from usnet.evaluation.descriptor_agreement import agreements, descriptor_table, expert_words, word_rules
    from usnet.reports.descriptors import agreement_outcome

    chosen = select(load(data), split)
    known = [r for r in chosen.records if r.exclude is None and r.label in ("benign", "malignant")]
    with bar("Measuring") as progress:
        table, records = descriptor_table(chosen, known, progress)
    rules: tuple[WordRule, ...] = ()
    if experts is not None:
        told = load(experts)
        with bar("Experts' cases") as progress:
            values, cases = descriptor_table(told, [r for r in told.records if r.exclude is None], progress)
        found = agreements(values, cases, expert_words(told, cases), seed=seed)
        rules = word_rules(found, told.name)
        show(agreement_outcome(found, told.name, len(cases)), None)
    malignant = np.array([r.label == "malignant" for r in records])
    reference = reference_of(table, malignant, f"{chosen.name}, split {split}", rules)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(reference.model_dump_json(indent=1) + "\n", encoding="utf-8")
    typer.echo(f"Reference of {len(records)} nodules: {out}")
