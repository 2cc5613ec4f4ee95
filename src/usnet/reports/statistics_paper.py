"""``usnet stats check-paper``: findings about a published table."""

from __future__ import annotations

from pathlib import Path

from usnet.reports.statistics import Grid, Outcome
from usnet.statistics.check_paper import check_paper, read_paper


def paper_outcome(source: str | Path) -> Outcome:
    """Findings as an outcome, those that do not fit first.

    Raises
    ------
    DataError, ConfigError
        As :func:`usnet.statistics.check_paper.check_paper`.
    """
    document, findings = read_paper(source), check_paper(source)
    order = {"does not fit": 0, "note": 1, "fits": 2}
    ranked = sorted(findings, key=lambda f: order[f.verdict])
    rows = tuple((f.verdict, f.check, f.subject, f.text) for f in ranked)
    bad = sum(f.verdict == "does not fit" for f in findings)
    title = str(document.get("title", source))
    sentence = f"Of {len(findings)} statements about the printed figures {bad} say that figures do not fit each other."
    notes = ("What fits is not shown to be right. What does not fit may have a reason that the paper does not print.",)
    return Outcome(
        "check-paper",
        "arithmetic on printed figures: rounding, counts, implied prevalence, sums of errors, reachable p values",
        f"{len(findings)} statements",
        "printed figure",
        (Grid(f"Check of {title}", ("verdict", "check", "about", "finding"), rows),),
        (sentence,),
        notes,
        {"findings": findings, "does not fit": bad},
    )
