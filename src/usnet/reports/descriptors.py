"""How far measured BI-RADS words agree with experts, in the form that ``usnet stats`` writes."""

from __future__ import annotations

from collections.abc import Sequence

from usnet.evaluation.descriptor_agreement import FOLDS, TermAgreement
from usnet.reports.statistics import Grid, Outcome, interval_text


def agreement_outcome(found: Sequence[TermAgreement], name: str, cases: int) -> Outcome:
    """Kappa of every word."""
    rows = tuple(
        (
            t.question.term,
            ", ".join(f"{word} {count}" for word, count in t.counts.items()),
            t.agreement.n,
            t.agreement.value,
            interval_text(t.agreement.interval),
            t.agreement.observed,
            f"{t.rule.descriptor} at {', '.join(f'{c:.3g}' for c in t.rule.cuts)}",
            t.agreement.note,
        )
        for t in found
    )
    headings = ("term", "experts' words", "n", "kappa", "95 % CI", "observed", "rule", "remark")
    return Outcome(
        "descriptors",
        f"Cohen's kappa of words by rules fitted on the other {FOLDS - 1} of {FOLDS} parts",
        f"{cases} nodules of {name}",
        "nodule, the largest of each image",
        (Grid("Measured descriptors against the experts' words", headings, rows),),
        (),
        ("The rule shown is the one fitted on all cases.", "A kappa of 0 is agreement by chance alone."),
        {t.question.term: t.agreement for t in found},
    )
