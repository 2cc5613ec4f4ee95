"""All checks in one run: every image is decoded once, then each check looks at what was kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from usnet.anchors import AnchorSpec
from usnet.datasets.check.anchors import anchor_coverage, check_anchors
from usnet.datasets.check.boxes import check_boxes
from usnet.datasets.check.context import Context, Item, inspect
from usnet.datasets.check.contradictions import check_contradictions
from usnet.datasets.check.copies import check_copies
from usnet.datasets.check.files import check_files
from usnet.datasets.check.labels import check_labels
from usnet.datasets.check.loading import Loaded, load_leniently
from usnet.datasets.check.marks import check_marks
from usnet.datasets.check.plausible import check_values
from usnet.datasets.check.report import SEVERITIES, CheckReport, Problem
from usnet.datasets.check.splits import check_splits
from usnet.datasets.duplicates.search import pair_up
from usnet.datasets.parallel import Progress, each
from usnet.datasets.records import Dataset

CHECKS = (
    check_files,
    check_boxes,
    check_labels,
    check_contradictions,
    check_copies,
    check_splits,
    check_marks,
    check_anchors,
    check_values,
)


def check_dataset(
    dataset: Dataset | Path | str,
    *,
    anchors: AnchorSpec = AnchorSpec(),
    demand_split: bool = False,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> CheckReport:
    """Find every problem of a dataset.

    Parameters
    ----------
    dataset
        A dataset, or its folder: from a folder, rows of ``dataset.json`` that cannot be read are problems too.
    anchors
        The detector's anchors, for the share of boxes that none covers.
    demand_split
        Whether an image without split or fold is an error.
    jobs, progress
        As in :func:`usnet.datasets.duplicates.find_duplicates`.

    Raises
    ------
    DataError
        ``dataset.json`` is missing or no COCO file at all.
    """
    loaded = _loaded(dataset)
    context = _look(loaded, anchors, demand_split, jobs, progress)
    problems = [*loaded.problems, *(problem for check in CHECKS for problem in check(context))]
    return CheckReport(loaded.dataset.name, len(loaded.rows), _ordered(problems), anchor_coverage(context))


def _ordered(problems: list[Problem]) -> tuple[Problem, ...]:
    """Kinds together, the gravest kind first; within a kind by severity and row."""
    gravity: dict[str, int] = {}
    for p in problems:
        gravity[p.kind] = min(gravity.get(p.kind, len(SEVERITIES)), SEVERITIES.index(p.severity))
    return tuple(sorted(problems, key=lambda p: (gravity[p.kind], p.kind, SEVERITIES.index(p.severity), p.row or 0)))


def _loaded(dataset: Dataset | Path | str) -> Loaded:
    if isinstance(dataset, Dataset):
        return Loaded(dataset, tuple(range(1, len(dataset.records) + 1)), ())
    return load_leniently(Path(dataset))


def _look(
    loaded: Loaded, anchors: AnchorSpec, demand_split: bool, jobs: int | None, progress: Progress | None
) -> Context:
    records = loaded.dataset.records
    paths = [loaded.dataset.path(record) for record in records]
    facts = tuple(each(inspect, paths, jobs=jobs, progress=progress))
    numbered = [replace(record, image_id=position) for position, record in enumerate(records)]
    pairs = pair_up(numbered, [f.descriptor for f in facts], jobs=jobs, progress=progress)
    items = tuple(Item(*parts) for parts in zip(loaded.rows, records, facts, strict=True))
    skipped = frozenset(p.file for p in loaded.problems if p.file is not None)
    return Context(loaded.dataset, items, tuple(pairs), anchors, skipped, demand_split)
