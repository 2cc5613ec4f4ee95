"""Non-inferiority and equivalence as a table."""

from __future__ import annotations

from collections.abc import Sequence

from usnet.reports.statistics import Cell, Grid, p_text
from usnet.statistics.mrmc import MarginTest

VERDICTS = {True: "shown", False: "not shown", None: "not estimable"}


def margin_grid(tests: Sequence[MarginTest]) -> tuple[Grid, ...]:
    """One table, or none without tests."""
    if not tests:
        return ()
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (t.label, t.difference, t.margin, t.lower, t.upper, p_text(t.p), VERDICTS[t.shown]) for t in tests
    )
    one = tests[0]
    name = "Non-inferiority" if one.kind == "non-inferiority" else "Equivalence"
    ci = f"{100 * (1 - 2 * one.alpha):g} %"
    headings = ("", "difference", "margin", f"lower limit, {ci}", f"upper limit, {ci}", "one-sided p", "verdict")
    return (Grid(f"{name}, margin {one.margin:g}", headings, rows),)
