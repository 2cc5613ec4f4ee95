"""Reading in processes: the same results in the same order, and a process that dies costs one file."""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.mixed_files import mixed_files
from helpers.tiny_bundle import dark_spots, tiny_bundle
from helpers.tiny_dicom import write_dicom
from usnet.diagnosis import Diagnoser, Item
from usnet.diagnosis.prepare import Prepared
from usnet.diagnosis.readers import MANY_FILES, read_in_processes, readers_for
from usnet.values import Diagnosis, Failure


@pytest.fixture(scope="module")
def diagnoser(tmp_path_factory: pytest.TempPathFactory) -> Diagnoser:
    return Diagnoser(tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny"))


def readers_here() -> list[multiprocessing.process.BaseProcess]:
    return [p for p in multiprocessing.active_children() if p.name == "usnet-reader"]


def test_processes_give_what_a_thread_gives(diagnoser: Diagnoser, tmp_path: Path) -> None:
    paths = mixed_files(tmp_path)

    def results(readers: int) -> list[object]:
        found = diagnoser.stream_frames(paths, batch_size=2, readers=readers)
        return [r if isinstance(r, Failure) else replace(r[1], seconds=0.0) for r in found]

    expected = results(0)
    assert sum(isinstance(r, Diagnosis) for r in expected) == 8
    assert results(2) == expected
    assert not readers_here()


def test_a_process_that_dies_costs_one_file(diagnoser: Diagnoser, tmp_path: Path) -> None:
    frames = np.stack([dark_spots()] * 12)  # more than a pipe holds, so its reader waits in the middle
    loops = [Item(write_dicom(tmp_path / f"{n}.dcm", frames)) for n in range(3)]
    steps = read_in_processes(diagnoser.preparer, loops, "none", 1)
    got = [next(steps)]
    (reader,) = readers_here()
    assert reader.pid is not None
    os.kill(reader.pid, signal.SIGKILL)
    got += steps
    whole = [s.image_id.rpartition("#")[0] for s in got if isinstance(s, Prepared)]
    (failure,) = [s for s in got if isinstance(s, Failure)]
    assert failure == Failure(str(loops[0].path), "the process that read it ended (exit code -9)")
    assert [whole.count(str(item.path)) for item in loops[1:]] == [12, 12]
    assert whole.count(str(loops[0].path)) < 12
    assert not readers_here()


def test_leaving_early_leaves_no_process(diagnoser: Diagnoser, tmp_path: Path) -> None:
    results = diagnoser.stream(mixed_files(tmp_path))
    next(results)
    steps = read_in_processes(diagnoser.preparer, map(Item, mixed_files(tmp_path)), "none", 2)
    assert isinstance(next(steps), Prepared)
    steps.close()
    assert not readers_here()


def test_how_many_pay() -> None:
    assert readers_for(MANY_FILES - 1, 64) == readers_for(10_000, 2) == 0
    assert [readers_for(MANY_FILES, cores) for cores in (4, 8, 64)] == [1, 2, 4]
