"""Fixtures of the store's tests."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest


@pytest.fixture
def in_threads() -> Callable[[Callable[[int], None], int], None]:
    """Calls a function with 0, 1, 2, ... on eight threads and raises what it raised."""

    def run(function: Callable[[int], None], times: int) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(function, range(times)))

    return run
