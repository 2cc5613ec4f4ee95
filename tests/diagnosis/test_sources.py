"""What is to be diagnosed, what is said about it, and reading ahead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.tiny_bundle import manifest
from usnet.bundles.manifest import Calibration
from usnet.datasets.records import Dataset, ImageRecord, save
from usnet.diagnosis import Item, collect
from usnet.diagnosis.ahead import read_ahead
from usnet.diagnosis.warnings import frame_warnings
from usnet.images.letterbox import plan
from usnet.values import Frame


def image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (4, 4)).save(path)
    return path


def test_folders_files_and_the_output_folder(tmp_path: Path) -> None:
    for name in ("in/a.png", "in/sub/a.png", "in/out/overlays/a.png", "other/b.png"):
        image(tmp_path / name)
    (tmp_path / "in/notes.txt").write_text("x")
    found = list(
        collect([tmp_path / "in", tmp_path / "other/b.png", tmp_path / "none.png"], exclude=tmp_path / "in/out")
    )
    assert [item.image_id for item in found] == ["a.png", "sub/a.png", "b.png", "none.png"]
    assert found[1].path == tmp_path / "in/sub/a.png"


def test_a_dataset_gives_its_ids_and_patients(tmp_path: Path) -> None:
    image(tmp_path / "images/x/1.png")
    image(tmp_path / "images/unlisted.png")
    record = ImageRecord(17, "x/1.png", 4, 4, "normal", patient_id="P9")
    save(Dataset(tmp_path, "made up", (record,)))
    assert list(collect([tmp_path])) == [Item(tmp_path / "images/x/1.png", "x/1.png", 17, "P9")]


def warned(frame: Frame, **changes: object) -> list[str]:
    found = frame_warnings(frame, plan(frame.width, frame.height), manifest(**changes))
    return [warning.partition(":")[0] for warning in found]


def test_warnings() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (300, 400), dtype=np.uint8)
    good = {"spacing_mm": (0.1, 0.1), "spacing_source": "PixelSpacing"}
    assert warned(Frame(noise, "a", "0", **good)) == []  # type: ignore[arg-type]
    assert warned(Frame(noise, "a", "0")) == ["uncalibrated"]
    flags = frozenset({"text", "colour", "calipers"})
    assert warned(Frame(noise, "a", "0", flags=flags, **good)) == ["colour", "calipers", "text"]  # type: ignore[arg-type]
    assert warned(Frame(noise * 0, "a", "0", **good)) == ["blank"]  # type: ignore[arg-type]
    assert warned(Frame(noise[:60, :90], "a", "0")) == ["small", "uncalibrated"]
    assert warned(Frame(noise, "a", "0", spacing_mm=(0.0001, 0.1))) == ["spacing"]
    assert warned(Frame(noise, "a", "0", spacing_mm=(10, 10))) == ["spacing"]
    assert warned(Frame(noise, "a", "0", attributes={"notes": ("odd region",)}, **good)) == ["file"]  # type: ignore[arg-type]
    assert warned(Frame(noise, "a", "0", **good), calibration=Calibration()) == ["probability"]  # type: ignore[arg-type]


def test_read_ahead_keeps_order_and_raises_at_the_place() -> None:
    def source() -> object:
        yield from range(5)
        raise ValueError("here")

    got: list[int] = []
    with pytest.raises(ValueError, match="here"):
        got.extend(read_ahead(source(), 2))  # type: ignore[arg-type]
    assert got == [0, 1, 2, 3, 4]
    steps = read_ahead(iter(range(100)), 3)
    assert [next(steps) for _ in range(4)] == [0, 1, 2, 3]
    steps.close()
    assert list(read_ahead(iter(()), 1)) == []
