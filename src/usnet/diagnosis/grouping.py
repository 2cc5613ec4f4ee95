"""Which views belong together: frames of one patient, or files whose names differ in a view suffix only."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal, get_args

from usnet.diagnosis.sources import Item
from usnet.errors import ConfigError
from usnet.values import Frame

GroupBy = Literal["none", "patient", "name"]

_VIEW_SUFFIX = re.compile(r"(?<=.)[-_](?:[A-Za-z]{1,12}\d{0,2}|\d{1,2})$")
"""``-l``, ``_trans``, ``-view2``, ``_1``. Longer numbers count images, not views: ``img_0001`` and ``img_0002`` stay apart."""


def group_by_named(text: str) -> GroupBy:
    """The rule of that name.

    Raises
    ------
    ConfigError
        There is none.
    """
    for name in get_args(GroupBy):
        if text == name:
            return name  # type: ignore[no-any-return]
    raise ConfigError(f"no grouping {text!r}", expected=f"one of {', '.join(get_args(GroupBy))}")


def group_of(rule: GroupBy, item: Item, frame: Frame) -> str | None:
    """The group of one frame.

    ``patient``: the patient of the dataset, else of the DICOM header; an image of an unknown patient is a group of its own, named
    after its file. ``name``: the file's path without extension and view suffix. ``none``: no group.
    """
    if rule == "none":
        return None
    if rule == "name":
        return view_stem(item.image_id or str(item.path))
    return item.patient or frame.attributes.get("patient_id") or item.image_id or str(item.path)


def view_stem(name: str) -> str:
    """``sub/bus_0001-l.png`` gives ``sub/bus_0001``."""
    path = Path(name)
    return path.with_name(_VIEW_SUFFIX.sub("", path.stem) or path.stem).as_posix()
