"""Findings linked across frames: what lasts is one nodule, what flashes is none."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.opinions import opinion, record
from usnet.diagnosis import Diagnoser
from usnet.diagnosis.loops import Loops, loop_opinion, loop_opinions
from usnet.errors import DataError
from usnet.phantoms.writing import write_dataset
from usnet.reports.folder import LOOPS, ResultFolder
from usnet.values import Box, Diagnosis

Rows = list[tuple[Box, float, float]]


def frame(number: int, boxes: Rows, source: str = "loop.dcm") -> Diagnosis:
    return replace(opinion(record(0, "benign"), boxes), source=source, frame=number, image_id=f"{source}#{number:04d}")


def moving(number: int, score: float = 0.8, probability: float = 0.7, x: float = 50) -> tuple[Box, float, float]:
    return Box(x + 2 * number, 60, 60, 40), score, probability


def test_a_moving_nodule_is_one_track_with_its_best_frame() -> None:
    scores = [0.5, 0.6, 0.9, 0.7]
    said = loop_opinion([frame(i, [moving(i, s, 0.2 + 0.2 * i)]) for i, s in enumerate(scores)])
    (track,) = said.tracks
    assert track.frames == (0, 1, 2, 3)
    assert said.key_frame == track.key_frame == 2
    assert track.key.box == moving(2)[0]
    assert track.probability == pytest.approx(0.5)
    assert said.p_malignant == pytest.approx(0.9 * track.probability)
    assert said.p_benign + said.p_malignant + said.p_normal == pytest.approx(1)


def test_two_nodules_are_two_tracks_and_the_worse_one_speaks() -> None:
    frames = [frame(i, [moving(i, 0.9, 0.1), moving(i, 0.6, 0.8, x=250)]) for i in range(5)]
    said = loop_opinion(frames)
    assert [(t.number, t.label) for t in said.tracks] == [(1, "benign"), (2, "malignant")]
    assert said.label == "malignant"
    assert said.key_frame == said.tracks[1].key_frame


def test_a_flash_is_no_finding_of_the_loop() -> None:
    frames = [frame(i, [moving(i)] if i in (3, 9) else []) for i in range(12)]
    said = loop_opinion(frames)
    assert (said.label, said.tracks, said.key_frame) == ("normal", (), None)
    assert said.p_normal > 0.5


def test_a_short_gap_and_weak_candidates_do_not_break_a_track() -> None:
    weak = 0.2  # below the detection threshold of 0.3, above half of it
    rows: list[Rows] = [[moving(0)], [moving(1, weak)], [], [], [moving(4)], [moving(5, 0.1)], [moving(6)]]
    (track,) = loop_opinion([frame(i, r) for i, r in enumerate(rows)]).tracks
    assert track.frames == (0, 1, 4, 6)


def test_weak_candidates_alone_begin_nothing_and_a_long_gap_ends_a_track() -> None:
    assert loop_opinion([frame(i, [moving(i, 0.25)]) for i in range(8)]).tracks == ()
    rows: list[Rows] = [[moving(0)], [moving(1)], [moving(2)], *[[]] * 6, [moving(9)], [moving(10)], [moving(11)]]
    said = loop_opinion([frame(i, r) for i, r in enumerate(rows)])
    assert sorted(t.frames for t in said.tracks) == [(0, 1, 2), (9, 10, 11)]


@given(st.lists(st.integers(0, 3), min_size=2, max_size=12), st.integers(0, 100))
def test_every_box_is_in_one_track_and_order_does_not_matter(counts: list[int], seed: int) -> None:
    frames = [frame(i, [moving(i, 0.5 + 0.1 * k, 0.5, x=30 + 100 * k) for k in range(n)]) for i, n in enumerate(counts)]
    said = loop_opinion(frames)
    seen = [(f, id(finding)) for t in said.tracks for f, finding in zip(t.frames, t.findings, strict=True)]
    assert len(seen) == len(set(seen))
    assert all(list(t.frames) == sorted(set(t.frames)) for t in said.tracks)
    assert loop_opinion(random.Random(seed).sample(frames, len(frames))) == said


def test_loops_are_told_apart_as_they_stream_by_and_single_images_are_none() -> None:
    stream = [
        *(frame(i, [moving(i)], "a.dcm") for i in range(4)),
        frame(0, [], "one.png"),
        *(frame(i, [], "b.dcm") for i in range(2)),
    ]
    assert [(o.source, o.label, o.frames) for o in loop_opinions(stream)] == [
        ("a.dcm", "benign" if moving(0)[2] < 0.5 else "malignant", 4),
        ("b.dcm", "normal", 2),
    ]
    assert Loops().finish() is None


def test_frames_of_two_files_are_refused() -> None:
    with pytest.raises(DataError, match="frames of 2 files"):
        loop_opinion([frame(0, [], "a"), frame(1, [], "b")])
    with pytest.raises(DataError, match="frames of 0 files"):
        loop_opinion([])


def test_a_phantom_loop_gets_one_opinion_in_the_results(tmp_path: Path) -> None:
    write_dataset(tmp_path / "set", count=1, seed=4, format="dicom", shares=(0, 1, 0), size=(200, 200), cine=6)
    (loop,) = (tmp_path / "set" / "cine").rglob("*.dcm")
    diagnoser = Diagnoser(gate=False)  # small phantoms are not what the gate knows
    with ResultFolder(tmp_path / "out", diagnoser, overlays=False) as folder:
        for result in diagnoser.stream_frames([loop]):
            folder.add(result)
        page = folder.finish()
    (said,) = json.loads((tmp_path / "out" / LOOPS).read_text())["loops"]
    assert said["frames"] == 6
    assert said["p_benign"] + said["p_malignant"] + said["p_normal"] == pytest.approx(1)
    assert "Cine loops" in page.read_text()
