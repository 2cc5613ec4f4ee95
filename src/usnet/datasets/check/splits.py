"""Whatever must stay together but lies on two sides of a split: patients, groups, copies. Excluded images do not count."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import get_args

from usnet.datasets.check.context import Context, Item
from usnet.datasets.check.report import Problem, Severity
from usnet.datasets.records import Split
from usnet.values import LABELS

_AGAIN = "Split again with 'usnet data split'"


def check_splits(context: Context) -> Iterator[Problem]:
    """Looks at ``split`` where any image has one, else at ``fold``."""
    items = [item for item in context.items if item.record.exclude is None]
    by_split = any(item.record.split is not None for item in items)
    yield from _unknown(items)
    yield from _crossing(items, by_split)
    yield from _copies(context, by_split)
    if context.demand_split:
        yield from _complete(items, by_split)


def _place(item: Item, by_split: bool) -> str | None:
    if by_split:
        return item.record.split
    return None if item.record.fold is None else f"fold {item.record.fold}"


def _unknown(items: list[Item]) -> Iterator[Problem]:
    for item in items:
        if item.record.split is not None and item.record.split not in get_args(Split):
            message = f"split {item.record.split!r}"
            yield Problem(
                "error", "unknown-split", message, item.record.file_name, item.row, "train, val, test or null"
            )


def _crossing(items: list[Item], by_split: bool) -> Iterator[Problem]:
    patients: dict[str, list[Item]] = defaultdict(list)
    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        if _place(item, by_split) is None:
            continue
        if item.record.patient_id is not None:
            patients[item.record.patient_id].append(item)
        if item.record.group != item.record.patient_id:
            groups[item.record.group].append(item)
    for word, members in (("patient", patients), ("group", groups)):
        for name, images in members.items():
            problem = _across(word, name, images, by_split)
            if problem:
                yield problem


def _across(word: str, name: str, images: list[Item], by_split: bool) -> Problem | None:
    first = {_place(item, by_split): item for item in reversed(images)}
    if len(first) < 2:
        return None
    where = ", ".join(f"{item.record.file_name} (row {item.row}) in {place}" for place, item in first.items())
    row, file = min((item.row, item.record.file_name) for item in first.values())
    return Problem("error", f"{word}-across-split", f"{word} {name} on {len(first)} sides: {where}", file, row, _AGAIN)


def _copies(context: Context, by_split: bool) -> Iterator[Problem]:
    for pair, a, b in context.paired():
        sides = (_place(a, by_split), _place(b, by_split))
        if None in sides or sides[0] == sides[1] or a.record.exclude or b.record.exclude:
            continue
        message = f"in {sides[0]} here, in {sides[1]} as {b.record.file_name} (row {b.row}; {pair.kind})"
        file, other = a.record.file_name, b.record.file_name
        yield Problem("error", "duplicate-across-split", message, file, a.row, _AGAIN, other)


def _complete(items: list[Item], by_split: bool) -> Iterator[Problem]:
    counts: dict[str, Counter[str | None]] = defaultdict(Counter)
    for item in items:
        place = _place(item, by_split)
        if place is None:
            yield Problem(
                "error", "no-split", "neither in a split nor in a fold", item.record.file_name, item.row, _AGAIN
            )
        else:
            counts[place][item.record.label] += 1
    present = {item.record.label for item in items}
    for place in ("train", "val", "test") if by_split else sorted(counts):
        severity: Severity = "error" if place == "train" else "warning"
        for label in LABELS:
            if label in present and not counts[place][label]:
                yield Problem(severity, "class-missing", f"no {label} image in {place}", hint=_AGAIN)
