"""Median wall time, for every benchmark. Imports next to nothing, as it is loaded before the scripts clear their path."""

from __future__ import annotations

import time
from collections.abc import Callable


def median_seconds(job: Callable[[], object], runs: int = 5, warm_up: int = 1) -> float:
    """Median wall time of ``job`` after ``warm_up`` uncounted runs."""
    for _ in range(warm_up):
        job()
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        job()
        times.append(time.perf_counter() - begin)
    times.sort()
    return (times[(runs - 1) // 2] + times[runs // 2]) / 2
