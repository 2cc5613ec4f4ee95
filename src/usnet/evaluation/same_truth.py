"""Two runs may be compared only where they speak of the same images with the same truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from usnet.datasets.records import Dataset, ImageRecord
from usnet.errors import DataError
from usnet.evaluation.truth import Cases

SHOWN = 3
"""Images named in an error."""

PARTS: dict[str, Callable[[ImageRecord], Any]] = {
    "label": lambda r: r.label,
    "size": lambda r: (r.width, r.height),
    "nodules": lambda r: sorted((n.box.as_list(), n.pathology or "") for n in r.nodules),
    "patient": lambda r: r.patient_id,
    "group": lambda r: r.group,
    "exclusion": lambda r: r.exclude,
}
"""What makes the truth of an image here."""


def check_same_truth(first: Dataset, second: Dataset, names: tuple[str, str] = ("the first", "the second")) -> None:
    """Raise where two datasets differ in their images or in the truth of one.

    Raises
    ------
    DataError
        It names the images and what differs.
    """
    a, b = ({r.file_name: r for r in d.records} for d in (first, second))
    for has, lacks, one, other in ((a, b, *names), (b, a, *names[::-1])):
        only = sorted(set(has) - set(lacks))
        if only:
            raise DataError(
                f"{_count(only)} of {one} not in {other}: {_some(only)}",
                expected="two runs on the same images",
                hint="Evaluate both models on the same data set and split",
            )
    for what, part in PARTS.items():
        differ = [name for name in a if part(a[name]) != part(b[name])]
        if differ:
            values = [f"{part(side[differ[0]])} in {name}" for side, name in zip((a, b), names, strict=True)]
            raise DataError(
                f"{what} differs for {_count(differ)}: {_some(differ)} ({', '.join(values)})",
                expected="the same truth in both runs",
                hint="Evaluate both models on the same version of the data set",
            )


def aligned(first: Cases, second: Cases, names: tuple[str, str] = ("the first", "the second")) -> Cases:
    """``second`` in the order of ``first``.

    Raises
    ------
    DataError
        An image has an opinion in one run only.
    """
    places = {r.file_name: i for i, r in enumerate(second.records)}
    order = [r.file_name for r in first.records]
    for have, want, name in ((set(places), order, names[1]), (set(order), list(places), names[0])):
        missing = [file for file in want if file not in have]
        if missing:
            raise DataError(
                f"{_count(missing)} without a prediction in {name}: {_some(missing)}",
                expected="predictions of the same images in both runs",
                hint="An image that one model could not read must be left out of both",
            )
    rows = [places[name] for name in order]
    return replace(
        second,
        records=tuple(second.records[i] for i in rows),
        diagnoses=tuple(second.diagnoses[i] for i in rows),
        **{name: getattr(second, name)[rows] for name in ("truth", "called", "probability", "group", "boxed")},
    )


def _count(items: Sequence[str]) -> str:
    return f"{len(items)} image{'s' if len(items) > 1 else ''}"


def _some(items: Iterable[str]) -> str:
    names = list(items)
    return ", ".join(names[:SHOWN]) + (" ..." if len(names) > SHOWN else "")
