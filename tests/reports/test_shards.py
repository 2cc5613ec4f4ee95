"""Parts of a run as files: what was written comes back, and what was not written whole is not taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from usnet.errors import DataError
from usnet.reports.shards import is_whole, read_shard, write_shard
from usnet.values import Box, Diagnosis, Failure, Finding, Frame, ModelIdentity, OperatingPoint

POINT = OperatingPoint("p", 0.5, 0.5, "made up")


def result(name: str, number: int = 0) -> tuple[Frame, Diagnosis]:
    finding = Finding(Box(1 / 3, 2.5, 10, 20.125), 0.9, 0.1 + 0.2, (0.4, 0.6), "malignant", (1.5, 2.25))
    said = Diagnosis(
        name, name, 7, 5, (finding,), 0.2, 0.7, 0.1, "malignant", POINT, ModelIdentity("m", "ab"), 0.25, frame=number
    )
    return Frame(np.full((5, 7), 9, dtype=np.uint8), name, "c" * 64, number=number), said


def test_results_come_back_in_order(tmp_path: Path) -> None:
    written = [result("one.png"), Failure("té\tb\n.png", "no\tpicture"), result("loop.dcm", 0), result("loop.dcm", 1)]
    write_shard(tmp_path / "a.jsonl", written)
    assert is_whole(tmp_path / "a.jsonl")
    read = list(read_shard(tmp_path / "a.jsonl"))
    assert read[1] == written[1]
    for mine, theirs in zip(read, written, strict=True):
        if not isinstance(mine, Failure) and not isinstance(theirs, Failure):
            assert mine[1] == theirs[1]
            assert (mine[0].source, mine[0].sha256, mine[0].number) == (theirs[1].source, "c" * 64, theirs[1].frame)
            assert mine[0].pixels.shape == (5, 7)
            assert not mine[0].pixels.any()


def test_a_part_without_results_is_whole(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.jsonl", [])
    assert is_whole(tmp_path / "a.jsonl")
    assert list(read_shard(tmp_path / "a.jsonl")) == []


def test_cut_anywhere_it_is_not_whole_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write_shard(path, [result("one.png"), Failure("b.png", "no picture")])
    content = path.read_bytes()
    for length in (0, 1, 40, content.index(b"\n"), content.index(b"\n") + 1, content.rindex(b"{"), len(content) - 3):
        path.write_bytes(content[:length])
        assert not is_whole(path), length
        with pytest.raises(DataError, match="run the command again"):
            list(read_shard(path))
    assert not is_whole(tmp_path / "none.jsonl")


def test_a_lost_line_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write_shard(path, [result("one.png"), result("two.png")])
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    with pytest.raises(DataError):
        list(read_shard(path))


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    def broken():  # type: ignore[no-untyped-def]
        yield result("one.png")
        raise RuntimeError("the network died")

    with pytest.raises(RuntimeError):
        write_shard(tmp_path / "a.jsonl", broken())
    assert not list(tmp_path.iterdir())
