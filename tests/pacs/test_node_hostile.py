"""The node under attack: the small form of ``benchmarks/node_hostile.py``."""

from __future__ import annotations

from pathlib import Path

import pytest
from siege import Siege

pytestmark = [pytest.mark.pacs, pytest.mark.slow]


def test_the_node_survives(tmp_path: Path) -> None:
    report = Siege(tmp_path, 200, seed=3, loops=0.02).run()
    assert report.alive
    assert report.strays == []
    assert report.peak_all_mib < 1024
    assert report.acknowledged > 100
    assert report.answered > 0
    assert report.failed > 0
    assert report.flood_connections > 50
