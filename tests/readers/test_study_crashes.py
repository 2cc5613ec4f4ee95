"""Crashes while readers save: every acknowledged answer is there, once, and the log verifies. The full measure is
``benchmarks/study_load.py``; this is a small run of it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

LOAD = Path(__file__).parents[2] / "benchmarks" / "study_load.py"
SMALL = ("--readers", "12", "--cases", "8", "--think", "0.3")


def _run(*options: str) -> str:
    done = subprocess.run(
        [sys.executable, str(LOAD), *SMALL, *options], capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return done.stdout


def _nothing_lost(shown: str, answers: int) -> None:
    found = dict(
        re.findall(
            r"(?:^|; )(answers|acknowledged|lost|doubled|faults found by verify): ([^;\n]+)", shown, re.MULTILINE
        )
    )
    assert found == {
        "answers": str(answers),
        "acknowledged": str(answers),
        "lost": "0",
        "doubled": "0",
        "faults found by verify": "[]",
    }


@pytest.mark.slow
def test_kill_9_of_the_server_at_random_moments() -> None:
    shown = _run("--arms", "1", "--kills", "4")
    assert "'kill': 4" in shown
    _nothing_lost(shown, 96)


@pytest.mark.slow
@pytest.mark.postgres
def test_postgresql_stopped_and_started_midway() -> None:
    from helpers.postgres import programs

    if programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    shown = _run("--arms", "1", "--postgres", "--restarts", "2")
    assert "'restart': 2" in shown
    _nothing_lost(shown, 96)
