"""The balanced draw, copies of datasets, and merging."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from helpers import layouts
from usnet.datasets.importers import import_busbra, import_busi
from usnet.datasets.merge import merge
from usnet.datasets.records import Dataset, ImageRecord, load
from usnet.datasets.sample import draw_balanced, write_copy
from usnet.errors import ConfigError, DataError


def made(tmp_path: Path) -> Dataset:
    """Ten groups of three benign images, ten malignant images, six normal."""
    labels = ["benign"] * 30 + ["malignant"] * 10 + ["normal"] * 6
    records = []
    for n, label in enumerate(labels, 1):
        layouts.write_image(tmp_path / "in" / "images" / f"{n}.png", 8, 8, n)
        group = f"g{n // 3}" if label == "benign" else None
        records.append(ImageRecord(n, f"{n}.png", 8, 8, label, group_id=group))  # type: ignore[arg-type]
    return Dataset(tmp_path / "in", "made", tuple(records))


def test_draw_is_balanced_seeded_and_from_distinct_groups_first(tmp_path: Path) -> None:
    data = made(tmp_path)
    drawn = draw_balanced(data, 6, seed=3)
    assert Counter(r.label for r in drawn.records) == {"benign": 6, "malignant": 6, "normal": 6}
    assert len({r.group for r in drawn.records}) == 18
    assert drawn == draw_balanced(data, 6, seed=3)
    assert drawn.records != draw_balanced(data, 6, seed=4).records
    assert drawn.info["sample"] == {"per_class": 6, "seed": 3, "of": "made"}


def test_draw_takes_second_images_only_when_groups_run_out(tmp_path: Path) -> None:
    data = made(tmp_path)
    benign = data.with_records(r for r in data.records if r.label == "benign")
    groups = len({r.group for r in benign.records})
    sizes = Counter(Counter(r.group for r in draw_balanced(benign, groups + 3).records).values())
    assert sizes == {1: groups - 3, 2: 3}


def test_draw_leaves_excluded_images_and_names_short_classes(tmp_path: Path) -> None:
    data = made(tmp_path)
    with pytest.raises(DataError, match="only 6 normal images"):
        draw_balanced(data, 7)
    excluded = data.with_records(replace(r, exclude="x") if r.image_id == 46 else r for r in data.records)
    with pytest.raises(DataError, match="only 5 normal"):
        draw_balanced(excluded, 6)
    with pytest.raises(ConfigError):
        draw_balanced(data, 0)


@pytest.mark.parametrize("link", [True, False])
def test_copy(tmp_path: Path, link: bool) -> None:
    drawn = draw_balanced(made(tmp_path), 2)
    copied = write_copy(drawn, tmp_path / "out", link=link)
    assert load(tmp_path / "out") == copied
    assert len(list((tmp_path / "out" / "images").iterdir())) == 6
    with pytest.raises(DataError, match="not empty"):
        write_copy(drawn, tmp_path / "out")
    drawn.path(drawn.records[0]).unlink()
    with pytest.raises(DataError, match="missing"):
        write_copy(drawn, tmp_path / "other")


def test_merge_prefixes_everything_that_could_collide(tmp_path: Path) -> None:
    first = import_busbra(layouts.busbra(tmp_path / "a"), tmp_path / "one").dataset
    second = import_busi(layouts.busi(tmp_path / "b"), tmp_path / "two").dataset
    merged = merge([first, second, first], tmp_path / "all")
    assert load(tmp_path / "all") == merged
    assert [r.image_id for r in merged.records] == list(range(1, 11))
    assert len({r.file_name for r in merged.records}) == 10
    assert {r.patient_id for r in merged.records} == {
        "bus-bra/busbra_0001", "bus-bra/busbra_0002", "bus-bra-2/busbra_0001", "bus-bra-2/busbra_0002", None,
    }  # fmt: skip
    assert [r.fold for r in merged.records] == [3, 3, 1, None, None, None, None, 3, 3, 1]
    assert merged.records[0].nodules[0].nodule_id == "bus-bra/busbra_0001"
    for record, original in zip(merged.records, first.records, strict=False):
        assert merged.path(record).read_bytes() == first.path(original).read_bytes()
    with pytest.raises(ConfigError):
        merge([], tmp_path / "none")


def test_command_line(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from usnet.cli.app import app

    run = CliRunner().invoke
    layouts.busi(tmp_path / "in")
    (tmp_path / "in" / "benign" / "benign (1).png").write_bytes(b"")
    result = run(app, ["data", "import", "busi", str(tmp_path / "in"), str(tmp_path / "busi")])
    assert result.exit_code == 5
    assert "benign (1).png" in result.output
    assert "3 images (1 benign, 1 malignant, 1 normal)" in result.output
    result = run(app, ["data", "sample", str(tmp_path / "busi"), "--per-class", "1", "--out", str(tmp_path / "small")])
    assert (result.exit_code, len(load(tmp_path / "small").records)) == (0, 3)
    assert run(app, ["data", "merge", *(str(tmp_path / n) for n in ("busi", "small", "all"))]).exit_code == 0
    assert len(load(tmp_path / "all").records) == 6
    assert "6 images" in run(app, ["data", "describe", str(tmp_path / "all")]).output
