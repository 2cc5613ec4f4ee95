"""What a check of published figures says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["fits", "does not fit", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One statement: which check, about what, its verdict, one or two sentences, and the numbers behind them."""

    check: str
    subject: str
    verdict: Verdict
    text: str
    numbers: dict[str, float | str | None] = field(default_factory=dict)
