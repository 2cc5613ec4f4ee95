"""The gate lets B-mode through and gives everything else a reason, not an opinion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from usnet.bundles import load, write
from usnet.datasets.records import Dataset
from usnet.diagnosis import Diagnoser
from usnet.diagnosis.gate import FILE, Gate, NoBreastUltrasound, gate_of
from usnet.errors import BundleError, DataError
from usnet.evaluation.gate_fit import Appearances, appearances, fit_gate, others
from usnet.images.appearance import COUNT, appearance
from usnet.phantoms.others import KINDS, other_picture
from usnet.phantoms.writing import write_dataset
from usnet.values import Failure, Frame


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    made = write_dataset(tmp_path_factory.mktemp("gate") / "data", count=36, seed=11, size=(240, 200))
    return made.with_records(replace(r, split="val" if i % 3 == 0 else "train") for i, r in enumerate(made.records))


@pytest.fixture(scope="module")
def gate(phantoms: Dataset) -> Gate:
    """Fitted on so few frames that the threshold needs room below the least of them."""
    seen = appearances(phantoms)
    fitted = fit_gate([seen], others(0, 64))
    return fitted.model_copy(update={"threshold": float(fitted.score(seen.features).min()) - 0.01})


def frame(pixels: np.ndarray, **values: object) -> Frame:
    return Frame(pixels.astype(np.uint8), "x.png", "0" * 64, **values)  # type: ignore[arg-type]


@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 10_000), st.booleans())
def test_features_are_finite_whatever_the_image(height: int, width: int, seed: int, blank: bool) -> None:
    rng = np.random.default_rng(seed)
    pixels = np.full((height, width), seed % 256) if blank else rng.integers(0, 256, (height, width))
    found = appearance(pixels.astype(np.uint8))
    assert found.shape == (COUNT,)
    assert np.isfinite(found).all()


def test_drawn_pictures_are_reproducible_and_of_every_kind() -> None:
    pictures = [other_picture(3, number) for number in range(len(KINDS))]
    assert all(np.array_equal(p, other_picture(3, i)) for i, p in enumerate(pictures))
    assert all(p.dtype == np.uint8 and p.ndim == 2 for p in pictures)


def test_ultrasound_passes_and_the_rest_does_not(gate: Gate, phantoms: Dataset) -> None:
    from usnet import images

    for record in phantoms.records[1:8]:
        gate.check(images.read(phantoms.path(record)))
    scores = gate.score(others(99, 24))
    assert (scores < gate.threshold).sum() >= 18


@pytest.mark.parametrize(
    ("pixels", "flags", "reason"),
    [
        (np.full((200, 200), 90), frozenset(), "blank"),
        (np.random.default_rng(0).integers(0, 255, (300, 300)), frozenset({"colour"}), "Doppler"),
        (np.random.default_rng(0).integers(0, 255, (300, 300)), frozenset(), "not breast ultrasound"),
    ],
)
def test_each_refusal_says_why(gate: Gate, pixels: np.ndarray, flags: frozenset[str], reason: str) -> None:
    with pytest.raises(NoBreastUltrasound, match=f"{reason}.*No opinion is given"):
        gate.check(frame(pixels, flags=flags))


def test_a_bundle_with_a_gate_refuses_in_a_batch_and_can_be_told_not_to(
    gate: Gate, phantoms: Dataset, tmp_path: Path
) -> None:
    plain = load()
    files: dict[str, Path | bytes] = {name: plain.read(name) for name in plain.manifest.files if name != FILE}
    files[FILE] = gate.model_dump_json().encode()
    gated = load(write(tmp_path / "gated", plain.manifest, files))
    assert gate_of(gated) == gate
    Image.fromarray(other_picture(5, 4)).save(tmp_path / "page.png")
    paths = [phantoms.path(phantoms.records[1]), tmp_path / "page.png", phantoms.path(phantoms.records[2])]
    first, page, last = Diagnoser(gated).stream(paths)
    assert isinstance(page, Failure)
    assert page.reason.startswith("not breast ultrasound")
    assert not isinstance(first, Failure)
    assert not isinstance(last, Failure)
    assert not any(isinstance(r, Failure) for r in Diagnoser(gated, gate=False).stream(paths))
    with pytest.raises(NoBreastUltrasound):
        Diagnoser(gated).diagnose(paths[1])


def test_a_damaged_gate_is_named(tmp_path: Path) -> None:
    plain = load()
    files: dict[str, Path | bytes] = {name: plain.read(name) for name in plain.manifest.files}
    files[FILE] = b'{"mean": [1.0]}'
    with pytest.raises(BundleError, match=FILE):
        Diagnoser(write(tmp_path / "bad", plain.manifest, files))


def test_fitting_needs_both_splits_and_reports_unseen_sets(phantoms: Dataset) -> None:
    seen = appearances(phantoms)
    with pytest.raises(DataError, match="train or val"):
        fit_gate([replace(seen, split=np.full(seen.split.shape, "test"))], others(0, 16))
    second = Appearances("second", seen.features + 0.01, seen.split)
    measured = fit_gate([seen, second], others(0, 64)).measured
    assert set(measured) == {"drawn_refused", f"unseen_{seen.name}_refused", "unseen_second_refused"}
    assert measured["drawn_refused"] > 0.8
