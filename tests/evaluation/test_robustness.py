"""Disturbances: the way back leads back, pixels stay pixels, and a disturbed copy is compared with its original."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from usnet.cli.app import app
from usnet.errors import ConfigError
from usnet.evaluation.disturbances import Disturbance, disturbances
from usnet.phantoms.writing import write_dataset
from usnet.values import Box

ALL = disturbances()


def named(name: str) -> Disturbance:
    return next(d for d in ALL if d.name == name)


@pytest.mark.parametrize("disturbance", ALL, ids=lambda d: d.name)
@given(st.integers(40, 200), st.integers(40, 200), st.integers(0, 1000))
def test_pixels_stay_pixels_and_the_original_is_untouched(
    disturbance: Disturbance, height: int, width: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, (height, width)).astype(np.uint8)
    before = pixels.copy()
    found = disturbance.apply(pixels, (Box(5, 5, 20, 20),), rng)
    assert found.dtype == np.uint8
    assert found.ndim == 2
    assert min(found.shape) > 30
    assert np.array_equal(pixels, before)


@pytest.mark.parametrize("disturbance", ALL, ids=lambda d: d.name)
def test_a_bright_square_is_found_where_it_was(disturbance: Disturbance) -> None:
    pixels = np.zeros((200, 300), np.uint8)
    pixels[60:120, 90:180] = 250
    found = disturbance.apply(pixels, (), np.random.default_rng(0))
    rows, columns = np.nonzero(found > 128)
    if disturbance.name == "calipers":  # drawn over the square
        rows, columns = np.nonzero((found > 128) & (pixels > 128))
    x, y = columns.min(), rows.min()
    box = Box(float(x), float(y), float(columns.max() + 1 - x), float(rows.max() + 1 - y))
    back = disturbance.back(box, (300, 200))
    assert np.abs(np.subtract(back.as_list(), [90, 60, 90, 60])).max() <= 1.2


def test_six_decibels_are_a_tenth_of_the_range_and_no_echo_stays_none() -> None:
    pixels = np.array([[0, 100, 250]], np.uint8)
    rng = np.random.default_rng(0)
    assert named("gain +6 dB").apply(pixels, (), rng).tolist() == [[0, 126, 255]]
    assert named("gain -6 dB").apply(pixels, (), rng).tolist() == [[0, 74, 224]]


def test_the_command_names_every_disturbance(tmp_path: Path) -> None:
    write_dataset(tmp_path / "data", count=6, seed=3, size=(200, 160))
    arguments = ["robustness", "usnet-fast", "--data", str(tmp_path / "data"), "--split", "all", "--bootstrap", "20"]
    result = CliRunner().invoke(
        app, [*arguments, "--only", "flip", "--only", "JPEG 50", "-o", str(tmp_path / "out")], catch_exceptions=False
    )
    assert "flip: left and right exchanged." in result.stdout
    written = json.loads((tmp_path / "out" / "robustness.json").read_text())
    assert [row[0] for row in written["tables"][0]["rows"]] == ["none", "flip", "JPEG 50"]
    assert isinstance(CliRunner().invoke(app, [*arguments, "--only", "earthquake"]).exception, ConfigError)
