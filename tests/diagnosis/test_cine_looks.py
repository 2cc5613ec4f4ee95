"""When a nodule of a loop gets its second look, and that images on their own always do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers.tiny_bundle import dark_spots
from helpers.tiny_dicom import write_dicom
from helpers.tiny_look import look_bundle
from usnet.bundles.decode import Candidates
from usnet.bundles.manifest import SecondLook
from usnet.diagnosis import Diagnoser
from usnet.diagnosis.cine_looks import FRESH, LookPlan
from usnet.diagnosis.prepare import Prepared
from usnet.images.letterbox import plan
from usnet.values import Diagnosis, Frame

SETTINGS = SecondLook(size=32)


def shown(number: int, *, source: str = "a.dcm", cine: bool = True) -> Prepared:
    frame = Frame(np.zeros((256, 256), dtype=np.uint8), source, "", number=number)
    image = np.zeros((1, 256, 256), dtype=np.float32)
    return Prepared(frame, image, plan(256, 256), source, None, (), 0.0, cine)


def found(*boxes: tuple[float, float], score: float = 0.8) -> Candidates:
    corners = np.array([(x, y, x + 40, y + 30) for x, y in boxes], dtype=np.float32).reshape(-1, 4)
    strongest = float(np.log(score / (1 - score)))
    return Candidates(corners, np.tile(np.float32([-3.0, strongest]), (len(corners), 1)))


def test_a_nodule_of_a_loop_is_looked_at_now_and_then() -> None:
    looks = LookPlan(SETTINGS)
    asked = [len(looks.plan(shown(n), found((50 + 2 * n, 60)))[1]) for n in range(2 * FRESH + 1)]
    assert asked == [1, *[0] * (FRESH - 1)] * 2 + [1]


def test_the_frames_between_take_the_look_of_their_own_nodule() -> None:
    looks = LookPlan(SETTINGS)
    first, asked = looks.plan(shown(0), found((50, 60), (150, 60)))
    assert [first[0], first[1]] == asked
    second, more = looks.plan(shown(1), found((152, 61), (51, 61), (60, 180)))
    assert second[0] is first[1]
    assert second[1] is first[0]
    assert more == [second[2]]
    assert asked[0].box.as_list() == pytest.approx((50, 60, 40, 30))


@pytest.mark.parametrize("jump", [(5, 0), (1, 60)])
def test_after_a_pause_or_a_jump_it_is_looked_at_again(jump: tuple[int, int]) -> None:
    frames, pixels = jump
    looks = LookPlan(SETTINGS)
    looks.plan(shown(0), found((50, 60)))
    assert len(looks.plan(shown(frames), found((50 + pixels, 60)))[1]) == 1


def test_another_file_begins_anew_and_images_are_always_looked_at() -> None:
    looks = LookPlan(SETTINGS)
    looks.plan(shown(0), found((50, 60)))
    assert len(looks.plan(shown(0, source="b.dcm"), found((50, 60)))[1]) == 1
    for number in range(3):
        assert len(looks.plan(shown(number, source="c.png", cine=False), found((50, 60)))[1]) == 1


def test_boxes_too_weak_for_a_track_are_looked_at_in_images_only() -> None:
    weak = found((50, 60), score=0.05)
    assert LookPlan(SETTINGS).plan(shown(0), weak) == ({}, [])
    assert len(LookPlan(SETTINGS).plan(shown(0, cine=False), weak)[1]) == 1
    assert LookPlan(SETTINGS).plan(shown(0), None) == ({}, [])


def test_a_still_loop_says_on_every_frame_what_its_picture_says(tmp_path: Path) -> None:
    diagnoser = Diagnoser(look_bundle(tmp_path / "bundle"))
    picture = dark_spots(((68, 68), (188, 188)), (10, 70))
    loop = write_dicom(tmp_path / "loop.dcm", np.stack([picture] * 7), spacing_mm=(0.2, 0.1))
    alone = diagnoser.diagnose(Frame(picture, "one", "", spacing_mm=(0.2, 0.1)))
    for batch_size in (1, 3):
        results = [r for r in diagnoser.stream([loop], batch_size=batch_size) if isinstance(r, Diagnosis)]
        assert [r.frame for r in results] == list(range(7))
        for result in results:
            assert [f.probability for f in result.findings] == pytest.approx(
                [f.probability for f in alone.findings], abs=1e-5
            )
            assert replace(result.findings[0], probability=0) == replace(alone.findings[0], probability=0)
