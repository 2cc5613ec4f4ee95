"""Work ahead: order kept, no more than asked for, errors where they belong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from usnet.diagnosis.ahead import in_order

WAIT = 60.0


def test_results_come_in_order_though_work_ends_in_another() -> None:
    later = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert later.wait(WAIT)  # the first ends after the second
        elif number == 1:
            later.set()
        return number * number

    with ThreadPoolExecutor(2) as pool:
        assert list(in_order(pool, work, range(6), 2)) == [n * n for n in range(6)]


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_no_more_is_taken_than_the_depth(depth: int) -> None:
    taken: list[int] = []

    def endless() -> Iterator[int]:
        while True:
            taken.append(len(taken))
            yield taken[-1]

    with ThreadPoolExecutor(2) as pool:
        results = in_order(pool, str, endless(), depth)
        for number in range(10):
            assert next(results) == str(number)
            assert len(taken) <= number + depth
        results.close()


def test_an_error_comes_in_its_place_and_gives_up_what_has_not_begun() -> None:
    gate, begun = threading.Event(), list[int]()

    def work(number: int) -> int:
        begun.append(number)
        if number == 1:
            raise ValueError("one")
        if number == 2:
            assert gate.wait(WAIT)
        return number

    with ThreadPoolExecutor(1) as pool:
        results = in_order(pool, work, range(8), 4)
        assert next(results) == 0
        with pytest.raises(ValueError, match="one"):
            next(results)
        gate.set()
    assert set(begun) <= {0, 1, 2}
