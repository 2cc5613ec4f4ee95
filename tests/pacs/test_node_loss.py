"""Nothing is lost and nothing doubled while everything is killed: the small form of ``benchmarks/node_loss.py``."""

from __future__ import annotations

from pathlib import Path

import pytest
from loss import Plan, Trial

pytestmark = [pytest.mark.pacs, pytest.mark.slow]


def test_every_study_comes_to_an_end(tmp_path: Path) -> None:
    report = Trial(tmp_path, Plan(studies=20, kills=4, restarts=1, damaged=2, longest_life=8.0)).run()
    assert not report.wrong
    assert report.acknowledged == 20
    assert (report.kills, report.archive_restarts) == (4, 1)
    assert report.dead_letters == 2
    assert all("could be diagnosed: the decoder failed" in reason for reason in report.reasons)
