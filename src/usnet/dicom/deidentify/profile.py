"""The Basic Application Level Confidentiality Profile: what happens to each attribute (PS3.15 Table E.1-1, edition 2026c).

The table is data, ``data/basic_profile_2026c.csv``: a tag and its action a row, as dicom-anonymizer 2.1.0 (BSD) lists them.

Rules of our own are stricter, because a list of known places cannot know where a scanner hides a name: private attributes,
attributes that the dictionary does not know, free text, binary values and what else describes the patient go unless
``data/lists.toml`` lets them stay.
"""

from __future__ import annotations

import csv
import tomllib
from functools import cache
from importlib.resources import files

from pydicom.datadict import keyword_for_tag

from usnet.dicom.deidentify.options import Options

EDITION = "2026c"


@cache
def table() -> dict[int, str]:
    """Action by tag: X remove, Z empty, D replace, U new UID, and combinations by the type that an object needs."""
    text = (files("usnet.dicom.deidentify") / "data" / f"basic_profile_{EDITION}.csv").read_text(encoding="ascii")
    return {int(row["tag"], 16): row["action"] for row in csv.DictReader(text.splitlines())}


@cache
def words(name: str) -> frozenset[str]:
    """One of the lists of ``data/lists.toml``."""
    text = (files("usnet.dicom.deidentify") / "data" / "lists.toml").read_text(encoding="utf-8")
    return frozenset(str(tomllib.loads(text)[name]).split())


def is_kept(tag: int, options: Options) -> bool:
    """Whether an option keeps the attribute as it is."""
    keyword = keyword_for_tag(tag)
    return ("patient" in options.keep and keyword in words("patient")) or (
        "device" in options.keep and keyword in words("device")
    )


def is_cleaned_description(tag: int, options: Options) -> bool:
    """Whether the attribute stays with its ultrasound words only."""
    return "descriptions" in options.keep and keyword_for_tag(tag) in words("descriptions")


def cleaned_description(text: str) -> str:
    """The words of ``text`` that ultrasound uses, and numbers from 1 to 12 (clock positions)."""
    parts = "".join(c if c.isalnum() or c == "'" else " " for c in text).split()
    clock = {str(hour) for hour in range(1, 13)}
    return " ".join(part for part in parts if part.lower() in words("vocabulary") or part in clock)
