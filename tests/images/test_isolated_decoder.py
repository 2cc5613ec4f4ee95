"""The child process that decodes lossless JPEG: it works, it may crash, it may hang."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_files import dataset, encode, ramp
from pydicom import dcmread
from pydicom.encaps import get_frame
from pydicom.pixels.utils import as_pixel_options
from pydicom.uid import RLELossless

from usnet.images import isolated

GREY = ramp()


@pytest.fixture
def frame() -> tuple[bytes, dict[str, Any]]:
    """One RLE frame, which needs no extra, and its decoding options."""
    made = dcmread(io.BytesIO(encode(dataset(GREY), RLELossless)))
    options = as_pixel_options(made) | {"transfer_syntax_uid": RLELossless, "pixel_keyword": "PixelData"}
    return get_frame(made.PixelData, 0, number_of_frames=1), options


def test_frames_come_back_in_order(frame: tuple[bytes, dict[str, Any]]) -> None:
    data, options = frame
    for seen in isolated.decoded(iter([data, data]), options):
        np.testing.assert_array_equal(seen, GREY)


def test_a_decoder_error_is_told(frame: tuple[bytes, dict[str, Any]]) -> None:
    with pytest.raises(ValueError, match="RLE"):
        list(isolated.decoded(iter([b"\0" * 100]), frame[1]))


@pytest.mark.parametrize("script", ["exit 1", "kill -ABRT $$", "exec sleep 60"])
def test_a_crash_or_hang_ends_the_frame_only(
    script: str, frame: tuple[bytes, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "decoder"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setattr(isolated, "SECONDS", 0.5)
    with pytest.raises(ValueError, match="the decoder crashed"):
        list(isolated.decoded(iter([frame[0]]), frame[1]))


def test_the_server_answers_every_request(frame: tuple[bytes, dict[str, Any]]) -> None:
    data, options = frame
    good = json.dumps({"length": len(data), "options": options}).encode() + b"\n" + data
    bad = json.dumps({"length": 3, "options": options}).encode() + b"\nabc"
    answers = io.BytesIO()
    isolated.serve(io.BytesIO(bad + good), answers)
    answers.seek(0)
    assert "error" in json.loads(answers.readline())
    head = json.loads(answers.readline())
    assert (head["shape"], head["dtype"]) == ([48, 64], "|u1")
    np.testing.assert_array_equal(np.frombuffer(answers.read(), np.uint8).reshape(48, 64), GREY)
