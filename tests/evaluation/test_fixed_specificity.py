from __future__ import annotations

from helpers.opinions import study
from usnet.evaluation import evaluate

ASKED = ("sensitivity at specificity 0.9", "malignant v benign")


def test_the_interval_counts_the_doubt_about_the_threshold() -> None:
    """Wilson's takes the threshold as given, and holds the score's true sensitivity in 8 of 10 samples (docs/statistics.md)."""
    found = evaluate(*study(200, seed=3), bootstrap=200).metric(*ASKED)
    assert found is not None
    first, *others = found.intervals
    assert "bootstrap" in first.method
    assert "wilson" in others[0].method
    assert first.high - first.low > others[0].high - others[0].low


def test_without_draws_the_note_says_what_is_missing() -> None:
    found = evaluate(*study(200, seed=3), bootstrap=0).metric(*ASKED)
    assert found is not None
    assert found.note is not None
    assert "wilson" in found.intervals[0].method
    assert "threshold as given" in found.note
