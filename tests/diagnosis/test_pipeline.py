"""Files to diagnoses through a real (tiny) network."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import usnet
from helpers.tiny_bundle import dark_spots, tiny_bundle, tiny_model
from helpers.tiny_dicom import write_dicom
from usnet.bundles.manifest import Preprocessing
from usnet.diagnosis import Diagnoser, Item, prepare
from usnet.errors import BundleError, ConfigError, UnreadableImage
from usnet.values import Diagnosis, Failure, Frame, OperatingPoint


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture(scope="module")
def diagnoser(bundle: Path) -> Diagnoser:
    return Diagnoser(bundle)


def save(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def exam(folder: Path) -> list[Path]:
    """Seven frames of different sizes: none, one and two nodules."""
    pixels = [
        np.full((256, 256), 150, dtype=np.uint8),
        dark_spots(),
        dark_spots(((124, 124),), (60,)),
        dark_spots(((60, 60), (196, 188)), (5, 60)),
        dark_spots(((248, 184),), (10,), size=(512, 384), side=96),
        dark_spots(((30, 62),), (10,), size=(64, 128), side=24),
        np.zeros((90, 120), dtype=np.uint8),
    ]
    return [save(folder / f"{number}.png", image) for number, image in enumerate(pixels)]


def comparable(result: Diagnosis | Failure) -> Diagnosis:
    assert isinstance(result, Diagnosis)
    return replace(result, seconds=0.0)


def test_labels(diagnoser: Diagnoser, tmp_path: Path) -> None:
    results = [diagnoser.diagnose(path) for path in exam(tmp_path)]
    assert [r.label for r in results][:4] == ["normal", "malignant", "benign", "malignant"]
    assert [len(r.findings) for r in results][:4] == [0, 1, 1, 2]
    assert {f.label for f in results[3].findings} == {"benign", "malignant"}
    assert all(r.seconds > 0 for r in results)


@pytest.mark.parametrize("batch_size", [1, 2, 7])
def test_batches_change_nothing(diagnoser: Diagnoser, tmp_path: Path, batch_size: int) -> None:
    paths = exam(tmp_path)
    alone = [comparable(diagnoser.diagnose(path)) for path in paths]
    streamed = [comparable(result) for result in diagnoser.stream(paths, batch_size=batch_size)]
    for one, many in zip(alone, streamed, strict=True):
        assert (one.source, one.label, len(one.findings)) == (many.source, many.label, len(many.findings))
        assert one.p_malignant == pytest.approx(many.p_malignant, abs=1e-6)
        for a, b in zip(one.candidates, many.candidates, strict=True):
            assert a.box.as_list() == pytest.approx(b.box.as_list(), abs=1e-4)
            assert a.score == pytest.approx(b.score, abs=1e-6)


@pytest.mark.parametrize(
    ("size", "mode", "box"),
    [  # network box (100, 100, 48, 48) by hand in frame pixels
        ((256, 256), "letterbox", (100, 100, 48, 48)),
        ((512, 384), "letterbox", (200, 136, 96, 96)),
        ((384, 512), "letterbox", (136, 200, 96, 96)),
        ((128, 128), "letterbox", (50, 50, 24, 24)),
        ((64, 128), "letterbox", (18, 50, 24, 24)),
        ((1024, 512), "letterbox", (400, 144, 192, 192)),
        ((512, 128), "stretch", (200, 50, 96, 24)),
        ((128, 512), "stretch", (50, 200, 24, 96)),
    ],
)
def test_boxes_return_in_frame_pixels(
    tmp_path: Path, size: tuple[int, int], mode: str, box: tuple[int, int, int, int]
) -> None:
    changed = tiny_bundle(tmp_path / "b", preprocessing=Preprocessing(mode=mode))  # type: ignore[arg-type]
    pixels = np.full(size[::-1], 150, dtype=np.uint8)
    x, y, width, height = box
    pixels[y : y + height, x : x + width] = 10
    result = Diagnoser(changed).diagnose(pixels)
    assert result.findings[0].box.as_list() == pytest.approx(box, abs=1e-4)
    assert (result.width, result.height) == size


def test_every_kind_of_source_gives_the_same(diagnoser: Diagnoser, tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", dark_spots())
    frame = usnet.Frame(dark_spots(), "frame", "0" * 64)
    sources = [path, str(path), path.read_bytes(), frame, dark_spots()]
    results = [comparable(diagnoser.diagnose(source)) for source in sources]
    assert len({(r.label, r.p_malignant, r.findings) for r in results}) == 1
    assert [r.source for r in results] == [str(path), str(path), "<bytes>", "frame", "<array>"]


@pytest.mark.parametrize(
    "array", [np.zeros((4, 4)), np.zeros((4, 4, 3), dtype=np.uint8), np.zeros((0, 4), dtype=np.uint8)]
)
def test_arrays_of_another_kind(diagnoser: Diagnoser, array: np.ndarray) -> None:
    with pytest.raises(UnreadableImage, match=r"expected uint8 \[H, W\]"):
        diagnoser.diagnose(array)


def test_top_level_function(bundle: Path, tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", dark_spots())
    result = usnet.diagnose(path, bundle)
    assert result.label == "malignant"
    assert result.model.name == "tiny-test"
    assert any(w.startswith("uncalibrated:") for w in result.warnings)


def test_one_bad_file_does_not_stop_the_rest(diagnoser: Diagnoser, tmp_path: Path) -> None:
    good = save(tmp_path / "good.png", dark_spots())
    bad = {"empty.png": b"", "text.png": b"hello", "cut.png": good.read_bytes()[:200]}
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    paths = [tmp_path / "empty.png", good, tmp_path / "missing.png", tmp_path / "text.png", good, tmp_path / "cut.png"]
    for batch_size in (1, 3):
        results = list(diagnoser.stream(paths, batch_size=batch_size))
        assert [r.source for r in results] == [str(p) for p in paths]
        assert [isinstance(r, Failure) for r in results] == [True, False, True, True, False, True]
        reasons = [r.reason for r in results if isinstance(r, Failure)]
        assert all(reason and "\n" not in reason and str(tmp_path) not in reason for reason in reasons)


def test_an_unexpected_error_is_a_failure_too(
    diagnoser: Diagnoser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [save(tmp_path / f"{n}.png", dark_spots()) for n in range(3)]
    original = prepare.frame_warnings

    def fragile(frame: Frame, *rest: object) -> object:
        if frame.source.endswith("1.png"):
            raise RuntimeError("a fault of ours")
        return original(frame, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(prepare, "frame_warnings", fragile)
    results = list(diagnoser.stream(paths))
    assert [type(r) for r in results] == [Diagnosis, Failure, Diagnosis]
    assert "a fault of ours" in results[1].reason  # type: ignore[union-attr]


def test_multi_frame_dicom_gives_a_diagnosis_a_frame(diagnoser: Diagnoser, tmp_path: Path) -> None:
    frames = np.stack([np.full((256, 256), 150, dtype=np.uint8), dark_spots(), dark_spots(((60, 60),))])
    path = write_dicom(tmp_path / "cine.dcm", frames, spacing_mm=(0.2, 0.1))
    results = [r for r in diagnoser.stream([path], batch_size=2) if isinstance(r, Diagnosis)]
    assert [(r.frame, r.label) for r in results] == [(0, "normal"), (1, "malignant"), (2, "malignant")]
    assert [r.image_id.rpartition("#")[2] for r in results] == ["0000", "0001", "0002"]
    assert results[1].findings[0].size_mm == pytest.approx((4.8, 9.6))
    assert not any(w.startswith("uncalibrated") for w in results[1].warnings)
    first = diagnoser.diagnose(path)
    assert first.frame == 0
    assert any(w.startswith("frames:") for w in first.warnings)


def test_streaming_reads_no_further_than_asked(diagnoser: Diagnoser, tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", dark_spots())
    taken: list[int] = []

    def endless() -> Iterator[Item]:
        number = 0
        while True:
            taken.append(number)
            yield Item(path, f"{number}")
            number += 1

    stream = diagnoser.stream(endless(), batch_size=2)
    assert not taken
    for _ in range(20):
        assert isinstance(next(stream), Diagnosis)
    assert len(taken) <= 20 + (2 * diagnoser.engine.lanes + 3) * 2
    stream.close()  # type: ignore[attr-defined]
    assert not any(thread.name.startswith(("usnet-read-ahead", "usnet-lane")) for thread in threading.enumerate())


def test_operating_points(bundle: Path, tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", dark_spots())
    deaf = Diagnoser(bundle, operating_point="deaf").diagnose(path)
    own = Diagnoser(bundle, operating_point=OperatingPoint("own", 0.01, 0.999, "mine")).diagnose(path)
    assert (deaf.label, deaf.findings) == ("normal", ())
    assert deaf.candidates
    assert own.label == "benign"
    assert len(own.findings) == len(own.candidates)
    assert own.operating_point.name == "own"
    with pytest.raises(ConfigError, match="balanced, sensitive, deaf"):
        Diagnoser(bundle, operating_point="loud")


def test_values_that_are_not_finite_are_never_a_normal_image(tmp_path: Path) -> None:
    broken = Diagnoser(tiny_bundle(tmp_path / "b", model=tiny_model(bias=float("nan"))))
    path = save(tmp_path / "a.png", dark_spots())
    with pytest.raises(BundleError, match="not finite"):
        broken.diagnose(path)
    (result,) = broken.stream([path])
    assert result == Failure(str(path), "the network gave values that are not finite")


def test_groups(diagnoser: Diagnoser, tmp_path: Path) -> None:
    paths = [save(tmp_path / name, dark_spots()) for name in ("n1-l.png", "n1-r.png")]
    paths.append(write_dicom(tmp_path / "d.dcm", dark_spots()[None], patient="Anna"))
    items = [Item(path, path.name, patient="Berta" if path.name == "n1-r.png" else None) for path in paths]

    def groups(rule: str) -> list[str | None]:
        return [r.group for r in diagnoser.stream(items, group_by=rule) if isinstance(r, Diagnosis)]  # type: ignore[arg-type]

    assert groups("none") == [None, None, None]
    assert groups("name") == ["n1", "n1", "d"]
    assert groups("patient") == ["n1-l.png", "Berta", "Anna"]
