"""Checks of printed figures of each class against the rest; see :mod:`usnet.statistics.check_paper`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from usnet.statistics.findings import Finding, Verdict
from usnet.statistics.published import (
    Printed,
    Range,
    binormal_auc,
    error_sums,
    f1_of,
    half_unit,
    implied_prevalence,
    implied_prevalence_from_precision,
    is_count,
    possible_sizes,
)
from usnet.statistics.published_matrix import FIGURES, MatrixFit, Table, cell_range, fit_matrix, last_digit, suspects

EQUAL = "every class weighted alike"
SIZE_LIMIT = 5000


def check_classes(section: Mapping[str, Any]) -> Iterator[Finding]:
    """Prevalence, F1, counts, sums of errors, the matrix behind the figures, claims about two classes, AUC."""
    table: dict[str, dict[str, Printed]] = section["figures"]
    sizes: dict[str, dict[str, int]] = section.get("sizes", {})
    for name, figures in table.items():
        yield from _prevalence(name, figures, table, sizes)
        yield from _f1(name, figures)
        yield from _counts(name, figures, sizes)
        yield from _auc(name, figures)
    if len(table) < 2 or not all({"recall", "specificity"} <= set(f) for f in table.values()):
        return
    mixes = {EQUAL: dict.fromkeys(table, 1)} | sizes
    whole = {name: mix for name, mix in mixes.items() if all(mix.get(c, 0) > 0 for c in table)}
    for name, mix in whole.items():
        yield _sums(name, table, mix)
    fits = {name: fit_matrix(table, mix) for name, mix in whole.items()}
    yield from _matrix(table, whole, fits)
    best = min(fits, key=lambda name: fits[name].miss)
    yield from _suspects_and_claims(table, whole, best, section.get("claim", []), sizes)


def _prevalence(
    name: str, figures: Mapping[str, Printed], table: Table, sizes: Mapping[str, Mapping[str, int]]
) -> Iterator[Finding]:
    """The share of the class that its own figures imply, in two ways, against the stated numbers of cases."""
    ways: dict[tuple[str, ...], Callable[[Printed, Printed, Printed], Range | None]]
    ways = {("accuracy", "recall", "specificity"): implied_prevalence}
    ways[("precision", "recall", "specificity")] = implied_prevalence_from_precision
    found: dict[str, Range] = {}
    for needed, solve in ways.items():
        share = solve(*(figures[f] for f in needed)) if set(needed) <= set(figures) else None
        if share is not None:
            found[", ".join(needed)] = share
    if not found:
        return
    stated = {mix: counts.get(name, 0) / sum(counts.values()) for mix, counts in sizes.items()}
    fitting = [m for m, v in stated.items() if all(s.low - 1e-9 <= v <= s.high + 1e-9 for s in found.values())]
    shares = "; ".join(f"{s.value:.4f} ({s.low:.4f} to {s.high:.4f}) from {way}" for way, s in found.items())
    text = f"share of {name} cases that the figures imply: {shares}"
    text += ". Stated: " + ", ".join(f"{v:.3f} ({mix})" for mix, v in stated.items()) if stated else ""
    k = len(table)
    if not fitting and all(abs(s.value - 1 / k) < 0.005 for s in found.values()):
        text += f". One in {k}: the figures weigh every class alike, they are not rates of the stated cases"
    verdict: Verdict = "note" if not stated else "fits" if fitting else "does not fit"
    yield Finding("implied prevalence", name, verdict, text + ".", {way: s.value for way, s in found.items()})


def _f1(name: str, figures: Mapping[str, Printed]) -> Iterator[Finding]:
    if not {"precision", "recall", "f1"} <= set(figures):
        return
    f1 = f1_of(figures["precision"], figures["recall"])
    if f1 is None:
        return
    printed, slack = float(figures["f1"]), half_unit(figures["f1"]) + 1e-9
    fits = f1.low - slack <= printed <= f1.high + slack
    # F1 of averages is not the average of F1, so a gap is no proof; but it must be explained
    text = f"precision and recall give F1 {f1.value:.2f}, printed {figures['f1']}"
    if not fits and _transposed(f"{f1.value:.2f}", str(figures["f1"])):
        text += " (two digits changed places)"
    yield Finding("F1", name, "fits" if fits else "does not fit", text + ".", {"implied": f1.value, "printed": printed})


def _transposed(first: str, second: str) -> bool:
    """Whether two neighbouring digits are swapped."""
    a, b = first.replace(".", ""), second.replace(".", "")
    return any(a[:i] + a[i + 1] + a[i] + a[i + 2 :] == b for i in range(len(a) - 1)) and a != b


def _counts(name: str, figures: Mapping[str, Printed], sizes: Mapping[str, Mapping[str, int]]) -> Iterator[Finding]:
    """Recall as k of n for the stated n."""
    if "recall" not in figures:
        return
    recall = figures["recall"]
    stated = {mix: counts[name] for mix, counts in sizes.items() if counts.get(name)}
    hits = {mix: is_count(recall, n) for mix, n in stated.items()}
    known = list(dict.fromkeys(f"{k}/{stated[mix]} ({mix})" for mix, k in hits.items() if k is not None))
    first = next(possible_sizes(recall, SIZE_LIMIT), None)
    least = f"the smallest count with this rate is {first[0]}/{first[1]}" if first else "no count has this rate"
    text = f"recall {recall} % is {', '.join(known)}" if known else f"recall {recall} % is no k/n of the stated sizes"
    numbers: dict[str, float | str | None] = {"smallest n": first[1] if first else None}
    verdict: Verdict = "note" if not stated else "fits" if known else "does not fit"
    yield Finding("counts", name, verdict, f"{text}; {least}.", numbers)


def _auc(name: str, figures: Mapping[str, Printed]) -> Iterator[Finding]:
    if not {"auc", "recall", "specificity"} <= set(figures):
        return
    point = 100 * binormal_auc(figures["recall"], figures["specificity"])
    text = (
        f"the point (sensitivity {figures['recall']}, specificity {figures['specificity']}) lies on an equal-variance curve "
        f"with AUC {point:.2f} %; printed {figures['auc']} %. The two need not agree."
    )
    yield Finding("AUC against its point", name, "note", text, {"equal-variance AUC": point})


def _sums(mix_name: str, table: Table, mix: Mapping[str, float]) -> Finding:
    sums = error_sums(
        {c: f["recall"] for c, f in table.items()}, {c: f["specificity"] for c, f in table.items()}, dict(mix)
    )
    text = (
        f"false negatives sum to {sums.false_negatives:.2f} % of cases and false positives to {sums.false_positives:.2f} % "
        f"(must agree within {sums.slack:.3f})"
    )
    verdict: Verdict = "fits" if sums.agree else "does not fit"
    numbers: dict[str, float | str | None] = {
        "false negatives": sums.false_negatives,
        "false positives": sums.false_positives,
    }
    return Finding("sums of errors", mix_name, verdict, text + ".", numbers)


def _matrix(table: Table, mixes: Mapping[str, Mapping[str, float]], fits: Mapping[str, MatrixFit]) -> Iterator[Finding]:
    digit = last_digit(table)
    for name in mixes:
        miss = fits[name].miss
        text = f"the nearest confusion matrix misses a figure by {miss:.3f} points (last digit: {digit:g})"
        verdict: Verdict = "fits" if miss <= digit else "does not fit"
        yield Finding("confusion matrix", name, verdict, text + ".", {"greatest miss": miss})


def _suspects_and_claims(
    table: Table,
    mixes: Mapping[str, Mapping[str, float]],
    best: str,
    claims: list[Mapping[str, Any]],
    sizes: Mapping[str, Mapping[str, int]],
) -> Iterator[Finding]:
    """Figures that stand alone against all others, and what the matrix says about pairs of classes."""
    found = sorted(suspects(table, mixes[best]), key=lambda s: s[2].miss)
    for number, (name, figure, fit) in enumerate(found):
        printed, implied = table[name][figure], fit.value(name, figure)
        text = (
            f"{figure} {printed} does not go with the other figures, which fit each other to {fit.miss:.3f} points "
            f"({best}) and give {implied:.2f}"
        )
        same = [f for f in FIGURES if f != figure and table[name].get(f) == printed]
        text += f"; the same number is printed as {same[0]}, so it may have been copied" if same else ""
        verdict: Verdict = "does not fit" if number == 0 else "note"
        text = text if number == 0 else f"or else: {text}"
        yield Finding("odd one out", name, verdict, text + ".", {"printed": float(printed), "implied": implied})
    without = (found[0][0], found[0][1]) if found else None
    fit = found[0][2] if found else fit_matrix(table, mixes[best])
    if fit.miss > last_digit(table):
        return
    for name, mix in sizes.items():
        if all(mix.get(c, 0) > 0 for c in table):
            real = fit.at(mix)
            text = ", ".join(
                f"{c} {real.value(c, 'precision'):.1f} % (printed {table[c].get('precision')})" for c in table
            )
            yield Finding("precision at the stated mix", name, "note", f"the same recalls would give {text}.")
    for claim in claims:
        yield _claim(claim, table, mixes[best], without, fit)


def _claim(
    claim: Mapping[str, Any],
    table: Table,
    mix: Mapping[str, float],
    without: tuple[str, str] | None,
    fit: MatrixFit,
) -> Finding:
    """A specificity of one class against one other, where the figures count all others."""
    positive, negative, printed = claim["positive"], claim["negative"], claim["specificity"]
    low, high = cell_range(table, mix, negative, positive, tolerance=max(fit.miss * 1.01, 0.0082), without=without)
    slack = half_unit(printed)
    fits = 100 - high - slack <= float(printed) <= 100 - low + slack
    against_all = table[positive]["specificity"]
    text = (
        f"{claim.get('where', 'text')}: specificity {printed} % for {positive} against {negative}; the figures leave "
        f"{100 - high:.1f} to {100 - low:.1f} % for these two classes"
    )
    if not fits and abs(float(against_all) - float(printed)) <= slack + half_unit(against_all):
        others = ", ".join(c for c in table if c not in (positive, negative))
        text += f". {printed} % is the specificity against all other classes ({against_all} %), which counts {others}"
    verdict: Verdict = "fits" if fits else "does not fit"
    numbers: dict[str, float | str | None] = {"low": 100 - high, "high": 100 - low, "printed": float(printed)}
    return Finding("specificity of a pair", f"{positive} v {negative}", verdict, text + ".", numbers)
