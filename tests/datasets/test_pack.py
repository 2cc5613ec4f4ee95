"""A pack holds the same truth, smaller."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from usnet import images
from usnet.cli.data_pack import datasets_of
from usnet.datasets.pack import MARK, pack, unpack
from usnet.datasets.records import Dataset
from usnet.errors import ConfigError, DataError
from usnet.phantoms.writing import write_dataset


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    made = write_dataset(tmp_path / "data", count=6, seed=5, size=(300, 240))
    splits = ("train", "train", "val", "test", "train", None)
    records = [replace(r, split=s, spacing_mm=(0.1, 0.1)) for r, s in zip(made.records, splits, strict=True)]
    records[4] = replace(records[4], exclude="contradicting-duplicate")
    return made.with_records(records)


def test_images_and_boxes_shrink_together(dataset: Dataset, tmp_path: Path) -> None:
    file = pack([dataset], tmp_path / "small.zip", longest=150)
    (found,) = unpack(file, tmp_path / "unpacked")
    wanted = [r for r in dataset.records if r.split in ("train", "val") and r.exclude is None]
    assert [(r.image_id, r.label, r.group, r.split) for r in found.records] == [
        (r.image_id, r.label, r.group, r.split) for r in wanted
    ]
    assert found.info["packed"]["jpeg_quality"] == 90
    for small, large in zip(found.records, wanted, strict=True):
        frame, original = images.read(found.path(small)), images.read(dataset.path(large))
        assert (frame.width, frame.height) == (small.width, small.height)
        assert max(frame.width, frame.height) == 150
        assert small.spacing_mm == pytest.approx((0.1 * large.height / small.height, 0.1 * large.width / small.width))
        assert abs(float(frame.pixels.mean()) - float(original.pixels.mean())) < 2
        for a, b in zip(small.nodules, large.nodules, strict=True):
            scale = [small.width / large.width, small.height / large.height] * 2
            assert a.box.as_list() == pytest.approx(list(np.multiply(b.box.as_list(), scale)))


def test_small_images_keep_their_size(dataset: Dataset, tmp_path: Path) -> None:
    (found,) = unpack(pack([dataset], tmp_path / "p.zip", longest=4000), tmp_path / "u")
    assert (found.records[0].width, found.records[0].height) == (dataset.records[0].width, dataset.records[0].height)


def test_training_reads_folders_and_packs(dataset: Dataset, tmp_path: Path) -> None:
    file = pack([dataset], tmp_path / "p.zip")
    for _ in range(2):  # the second time from the folder unfolded before
        found = datasets_of([file, dataset.root], tmp_path / "run.data")
        assert [len(d.records) for d in found] == [3, 6]


def test_refused(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="different name"):
        pack([dataset, dataset], tmp_path / "p.zip")
    with pytest.raises(DataError, match="no image in split"):
        pack([dataset.with_records(replace(r, split="test") for r in dataset.records)], tmp_path / "p.zip")
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(DataError, match="no pack"):
        unpack(tmp_path / "text.zip", tmp_path / "a")
    with zipfile.ZipFile(tmp_path / "slip.zip", "w") as archive:
        archive.writestr(MARK, json.dumps({"datasets": ["x"]}))
        archive.writestr("../evil.txt", "out")
    with pytest.raises(DataError, match="leads out"):
        unpack(tmp_path / "slip.zip", tmp_path / "b")
    assert not (tmp_path / "evil.txt").exists()
