"""What a check found."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Literal

from usnet.values import Pathology

Severity = Literal["error", "warning", "note"]
"""``error`` would harm training or its evaluation; ``warning`` deserves a look; ``note`` is good to know."""

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. ``file`` is relative to ``images/``; ``row`` the 1-based place in ``dataset.json``'s ``images``
    (in its ``annotations`` for ``kind='bad-annotation'``); ``other`` the second file of a pair.
    """

    severity: Severity
    kind: str
    message: str
    file: str | None = None
    row: int | None = None
    hint: str | None = None
    other: str | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """Boxes of one class that no anchor reaches at ``iou`` after the letterbox."""

    pathology: Pathology
    boxes: int
    uncovered: int
    iou: float

    @property
    def share(self) -> float:
        """Uncovered boxes of all, 0 without boxes."""
        return self.uncovered / self.boxes if self.boxes else 0.0


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All problems of a dataset, the worst first, and the share of boxes no anchor covers."""

    dataset: str
    images: int
    problems: tuple[Problem, ...]
    coverage: tuple[Coverage, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Problems by kind, in the order of :attr:`problems`."""
        return dict(Counter(p.kind for p in self.problems))

    @property
    def severities(self) -> dict[Severity, int]:
        """Problems by severity."""
        found = Counter(p.severity for p in self.problems)
        return {severity: found[severity] for severity in SEVERITIES}

    @property
    def harmful(self) -> bool:
        """Whether anything would harm training."""
        return any(p.severity == "error" for p in self.problems)

    def of_kind(self, kind: str) -> tuple[Problem, ...]:
        """Problems of one kind."""
        return tuple(p for p in self.problems if p.kind == kind)

    def to_json(self) -> dict[str, Any]:
        """A document for ``json.dump``."""
        return {
            "dataset": self.dataset,
            "images": self.images,
            "harmful": self.harmful,
            "severities": self.severities,
            "counts": self.counts,
            "anchor_coverage": [asdict(c) | {"share": round(c.share, 6)} for c in self.coverage],
            "problems": [asdict(p) for p in self.problems],
        }
