"""The same frame under two names."""

from __future__ import annotations

from collections.abc import Iterator

from usnet.datasets.check.context import Context, Item
from usnet.datasets.check.report import Problem, Severity
from usnet.datasets.duplicates.search import DuplicatePair

_WORDS = {"exact": "the same pixels as", "duplicate": "the same frame as", "near": "a neighbouring frame of"}
_JOIN = "'usnet data split' joins their patients, or set one group_id"


def check_copies(context: Context) -> Iterator[Problem]:
    """Every pair once, and once more where its labels contradict."""
    for pair, a, b in context.paired():
        yield _pair(pair, a, b)
        if pair.label_conflict:
            yield _conflict(a, b)


def _pair(pair: DuplicatePair, a: Item, b: Item) -> Problem:
    joined = a.record.group == b.record.group
    severity: Severity = "note" if joined else "warning"
    message = f"{_WORDS[pair.kind]} {b.record.file_name} (row {b.row}), similarity {pair.similarity:.2f}"
    message += ", in one group" if joined else ", in another group"
    kind = "near-duplicate" if pair.kind == "near" else "duplicate"
    return Problem(severity, kind, message, a.record.file_name, a.row, None if joined else _JOIN, b.record.file_name)


def _conflict(a: Item, b: Item) -> Problem:
    excluded = a.record.exclude is not None and b.record.exclude is not None
    message = f"{a.record.label} here, {b.record.label} as {b.record.file_name} (row {b.row})"
    return Problem(
        "note" if excluded else "error",
        "contradicting-duplicate",
        message + (", both excluded" if excluded else ""),
        a.record.file_name,
        a.row,
        None if excluded else "Find out which is right; 'usnet data split' excludes both until then",
        b.record.file_name,
    )
