"""Dates moved by whole days, so that intervals, weekdays apart, and times of day stay (option 113107)."""

from __future__ import annotations

import re
from datetime import date, timedelta

_DATE = re.compile(r"(\d{4})[.-]?(\d{2})[.-]?(\d{2})")
_DATETIME = re.compile(r"(\d{8})(\d{0,6}(?:\.\d{1,6})?(?:[+-]\d{4})?)")
_TIME = re.compile(r"\d{2}:?(\d{2}:?(\d{2}(\.\d{1,6})?)?)?")
_AGE = re.compile(r"\d{3}[DWMY]")

OLDEST = 89
"""Years: older people are few, so their age is given as 90 and more."""


def shifted(text: str, vr: str, days: int) -> str | None:
    """A DA, DT or TM value moved by ``days``; ``None`` for one that is no date, which then has to go."""
    text = text.strip()
    if vr == "TM":
        return text if _TIME.fullmatch(text) else None
    if vr == "DA":
        return _moved(text, days)
    whole = _DATETIME.fullmatch(text)
    moved = _moved(whole[1], days) if whole else None
    return moved + whole[2] if moved and whole else None


def capped_age(text: str) -> str | None:
    """An age string, 90 years and more as ``090Y``; ``None`` for anything else."""
    text = text.strip()
    if not _AGE.fullmatch(text):
        return None
    return "090Y" if text[3] == "Y" and int(text[:3]) > OLDEST else text


def _moved(text: str, days: int) -> str | None:
    parts = _DATE.fullmatch(text)
    if not parts:
        return None
    try:
        return (date(*(int(part) for part in parts.groups())) + timedelta(days=days)).strftime("%Y%m%d").zfill(8)
    except (ValueError, OverflowError):
        return None
