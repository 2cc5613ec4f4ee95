"""Groups: the unit that must never be split between training and testing.

A group is a patient, joined with every other patient who shows the same frame (a duplicate). Where no patient ids are
published (BUSI), a group is an image and its duplicates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import replace
from typing import Literal, TypeVar

from usnet.datasets.records import Dataset
from usnet.errors import DataError

T = TypeVar("T", bound=Hashable)

CONTRADICTING = "contradicting-duplicate"
"""``ImageRecord.exclude`` of an image whose duplicate carries another label: neither can be trusted."""


def join_groups(dataset: Dataset, pairs: Iterable[tuple[int, int]], near: Iterable[tuple[int, int]] = ()) -> Dataset:
    """Set ``group_id`` of every image: its group so far (the patient, else the image), joined along duplicate pairs.

    ``pairs`` are image ids of one frame. Images linked by them (directly or through others) that carry different labels get
    ``exclude='contradicting-duplicate'``; they stay in the dataset. ``near`` pairs are neighbours in one sweep: they join groups
    too, but may rightly differ in label. A joined group takes the name of its first image's.

    Raises
    ------
    DataError
        A pair names an image id that the dataset does not hold.
    """
    links = list(pairs)
    joining = [*links, *near]
    unknown = sorted({i for pair in joining for i in pair} - {r.image_id for r in dataset.records})
    if unknown:
        raise DataError(f"duplicate pairs name image ids {unknown[:5]} that are not there", source=dataset.root)
    group_of = {r.image_id: r.group for r in dataset.records}
    joined = _first_of_component(group_of.values(), ((group_of[a], group_of[b]) for a, b in joining))
    frame = _first_of_component(group_of, links)
    labels: dict[int, set[str]] = defaultdict(set)
    for record in dataset.records:
        if record.label is not None:
            labels[frame[record.image_id]].add(record.label)
    return dataset.with_records(
        replace(
            record,
            group_id=joined[record.group],
            exclude=CONTRADICTING if len(labels[frame[record.image_id]]) > 1 else record.exclude,
        )
        for record in dataset.records
    )


def _first_of_component(items: Iterable[T], links: Iterable[tuple[T, T]]) -> dict[T, T]:
    """For every item the earliest item that links connect it with (union-find)."""
    order = {item: position for position, item in enumerate(dict.fromkeys(items))}
    parent = {item: item for item in order}

    def find(item: T) -> T:
        while parent[item] != item:
            parent[item] = parent[parent[item]]
            item = parent[item]
        return item

    for a, b in links:
        first, second = sorted((find(a), find(b)), key=order.__getitem__)
        parent[second] = first
    return {item: find(item) for item in order}


def verify_groups(dataset: Dataset, by: Literal["split", "fold"] = "split") -> int:
    """Number of groups, none of which lies in two splits (or folds).

    Raises
    ------
    DataError
        A group does; the message names up to three with their images.
    """
    places: dict[str, dict[str | int | None, str]] = defaultdict(dict)
    for record in dataset.records:
        places[record.group].setdefault(getattr(record, by), record.file_name)
    crossing = {group: where for group, where in places.items() if len(where) > 1}
    if crossing:
        named = "; ".join(
            f"{group} ({', '.join(f'{name} in {place}' for place, name in where.items())})"
            for group, where in list(crossing.items())[:3]
        )
        raise DataError(
            f"{len(crossing)} groups lie in more than one {by}: {named}",
            source=dataset.root,
            expected=f"each group in one {by}",
            hint="Split again with 'usnet data split'",
        )
    return len(places)
