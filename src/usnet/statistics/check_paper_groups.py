"""Checks of two-by-two tables, group means and p values; see :mod:`usnet.statistics.check_paper`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from usnet.statistics.agreement import kappa_of_table
from usnet.statistics.findings import Finding
from usnet.statistics.groups_counts import fisher
from usnet.statistics.published import half_unit, kappa_from_accuracy, mann_whitney_p, spread
from usnet.statistics.rates import RATE_NAMES, Counts


def check_tables(tables: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Rates and kappa of each 2 x 2 table against its counts."""
    for table in tables:
        counts = Counts(*(float(table[cell]) for cell in ("tp", "fp", "fn", "tn")))
        off = []
        for name in RATE_NAMES:
            value = counts.rate(name).value
            if name in table and (
                value is None or abs(100 * value - float(table[name])) > half_unit(table[name]) + 1e-9
            ):
                off.append(f"{name} {table[name]} (counts: {'undefined' if value is None else f'{100 * value:.2f}'})")
        text = "not of these counts: " + ", ".join(off) if off else "all printed rates are those of the counts"
        yield Finding("rates from counts", table["name"], "does not fit" if off else "fits", text + ".")
        yield from _kappa(table, counts)


def _kappa(table: Mapping[str, Any], counts: Counts) -> Iterator[Finding]:
    if "kappa" not in table:
        return
    kappa = kappa_of_table([[counts.tp, counts.fn], [counts.fp, counts.tn]]).value
    printed = table["kappa"]
    if kappa is None or abs(kappa - float(printed)) > half_unit(printed) + 1e-9:
        shown = "undefined" if kappa is None else f"{kappa:.3f}"
        text = f"kappa {printed} is not that of reading against truth ({shown})"
        yield Finding("kappa", table["name"], "note", text + ".", {"kappa against truth": kappa})
        return
    text = f"kappa {printed} is the agreement with the truth ({kappa:.3f}), not between readers"
    accuracy = counts.rate("accuracy").value
    if accuracy is not None and counts.positives == counts.negatives:
        implied = kappa_from_accuracy(Decimal(str(100 * accuracy)))
        text += f"; half of the cases are positive, so kappa = 2 x accuracy - 1 = {implied:.2f}: it adds nothing to the accuracy"
    yield Finding("kappa", table["name"], "note", text + ".", {"kappa against truth": kappa})


def check_groups(groups: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Whether a printed plus-or-minus can be a standard deviation."""
    for group in groups:
        n, low, high = int(group["n"]), float(group["low"]), float(group["high"])
        result = spread(group["plus_minus"], n, low, high)
        value, called = group["plus_minus"], group.get("called")
        text = (
            f"n = {n}, range {low:g} to {high:g}: a standard deviation lies between {result.least_sd:.2f} and {result.most_sd:.2f}"
            f"; {value} as a standard error stands for a standard deviation of {result.sd_if_se:.2f}"
        )
        text += {
            "SE": f". So {value} is a standard error",
            "SD": f". So {value} is a standard deviation",
            "either": ". Both are possible",
            "neither": ". It can be neither",
        }[result.verdict]
        wrong = result.verdict == "neither" or (called in ("SD", "SE") and result.verdict not in (called, "either"))
        text += f", although it is called {called}" if wrong and called and result.verdict != "neither" else ""
        numbers: dict[str, float | str | None] = {
            "least SD": result.least_sd,
            "most SD": result.most_sd,
            "SD if SE": result.sd_if_se,
        }
        yield Finding("plus or minus", group["name"], "does not fit" if wrong else "fits", text + ".", numbers)


def check_p_values(values: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Whether Mann-Whitney's test can give a printed p with any of the sizes that could be meant."""
    for entry in values:
        p, results = entry["p"], {tuple(s): mann_whitney_p(entry["p"], *map(int, s)) for s in entry["sizes"]}
        reachable = any(r.reachable for r in results.values())
        parts = [
            f"{m} v {n}: nearest {r.exact:.3f} (exact) and {r.normal:.3f} (normal), "
            f"least {r.least_exact:.3f} and {r.least_normal:.3f}"
            for (m, n), r in results.items()
        ]
        head = f"p = {p} can" if reachable else f"p = {p} cannot"
        tail = ""
        if not reachable:
            tail = (
                ", unless most values are tied"
                if any(r.with_ties for r in results.values())
                else ", with or without ties"
            )
        text = f"{head} come from a Mann-Whitney test of these sizes{tail} ({'; '.join(parts)})."
        yield Finding("p value", entry["name"], "fits" if reachable else "does not fit", text, {"p": float(p)})


def check_same_rates(entries: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Whether one rate on two sets of cases differs by more than chance."""
    for entry in entries:
        (k1, n1), (k2, n2) = ((int(v) for v in entry[side]) for side in ("first", "second"))
        p = fisher([[k1, n1 - k1], [k2, n2 - k2]]).p
        text = f"{k1}/{n1} ({100 * k1 / n1:.1f} %) and {k2}/{n2} ({100 * k2 / n2:.1f} %): Fisher p = {p:.4f}"
        differ = p is not None and p < 0.05
        text += "; the two sets of cases, or the thresholds, are not alike" if differ else ""
        yield Finding("same rate twice", entry["name"], "note", text + ".", {"p": p})
