"""Names of outputs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usnet.reports.names import OutputNames, stem_of


@pytest.mark.parametrize(
    ("image_id", "stem"),
    [
        ("a.png", "a"),
        ("sub/a.png", "sub-a"),
        ("/abs/a.png", "abs-a"),
        ("../../etc/passwd", "etc-passwd"),
        ("..\\win.png", "win"),
        ("cine.dcm#0012", "cine-0012"),
        ("benign (1).png", "benign_(1)"),
        ("<script>.png", "_script_"),
        ("ä ö.png", "ä_ö"),
        ("bad\udcff.png", "bad_"),
        ("con.png", "image_con"),
        (".png", "png"),
        ("", "image"),
        ("..", "image"),
        ("x" * 500 + ".png", "x" * 120),
    ],
)
def test_stems(image_id: str, stem: str) -> None:
    assert stem_of(image_id) == stem


@given(st.lists(st.text(max_size=12) | st.sampled_from(["a.png", "A.jpg", "a", "a-2", "b/a.png"]), max_size=12))
def test_stems_are_safe_and_never_given_twice(ids: list[str]) -> None:
    names = OutputNames()
    stems = [names.unique(image_id) for image_id in ids]
    assert len({stem.casefold() for stem in stems}) == len(ids)
    for stem in stems:
        assert Path(stem).name == stem
        assert len(stem.encode()) < 160
