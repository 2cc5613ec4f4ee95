"""``loops.json``: one opinion for every cine loop, with its tracks frame by frame."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from usnet.diagnosis.loops import LoopOpinion, Track

FORMAT_VERSION = 1


def write_loops(loops: Sequence[LoopOpinion], path: Path) -> Path:
    """Write the opinions and return the path. Boxes are x, y, width, height in frame pixels; frames count from 0."""
    document = {"usnet_loops": FORMAT_VERSION, "loops": [_loop(loop) for loop in loops]}
    path.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="ascii")
    return path


def _loop(loop: LoopOpinion) -> dict[str, Any]:
    plain = asdict(loop)
    return plain | {"tracks": [_track(track) for track in loop.tracks]}


def _track(track: Track) -> dict[str, Any]:
    return {
        "number": track.number,
        "label": track.label,
        "probability": track.probability,
        "key_frame": track.key_frame,
        "size_mm_on_key_frame": track.key.size_mm,
        "frames": [
            {"frame": frame, "box": f.box.as_list(), "score": f.score, "probability": f.probability}
            for frame, f in zip(track.frames, track.findings, strict=True)
        ],
    }
