"""``usnet diagnose --engine-workers`` without a cluster: parts, their names, what is done again and what is not."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.mixed_files import mixed_files
from helpers.tiny_bundle import dark_spots, tiny_bundle
from usnet import extras
from usnet.cli import diagnose_workers as workers
from usnet.cli import main
from usnet.cli.diagnose_workers import Part, Recipe, Start, fingerprint
from usnet.diagnosis import Item
from usnet.errors import BundleError, ConfigError, DataError
from usnet.values import Diagnosis, Failure

Work = Callable[[Part], None]


class Here:
    """Does parts in this process, as :class:`usnet.diagnosis.farm.Farm` does them elsewhere; over ``deadly`` files workers die."""

    def __init__(self, work: Work, deadly: frozenset[str] = frozenset()) -> None:
        self._work, self._deadly = work, deadly
        self.done: list[Part] = []

    def run(self, jobs: Sequence[Part], ahead: int = 2) -> Iterator[tuple[int, bool]]:
        for number in reversed(range(len(jobs))):  # ends come in any order
            alive = not any(item.path.name in self._deadly for item in jobs[number].items)
            if alive:
                self._work(jobs[number])
                self.done.append(jobs[number])
            yield number, alive


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    bundle = tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")
    return Recipe(str(bundle), "auto", "cpu", "auto", 1, None, True, "none")


@pytest.fixture(scope="module")
def settings(recipe: Recipe) -> str:
    return fingerprint(recipe.open(), recipe.group_by)


@pytest.fixture(scope="module")
def work(recipe: Recipe, settings: str) -> Work:
    return Start(recipe, settings)()


def exam(folder: Path) -> list[Item]:
    return [Item(path) for path in mixed_files(folder)]


def parts_of(items: list[Item], folder: Path, settings: str, size: int = 3) -> list[Part]:
    folder.mkdir(exist_ok=True)
    return list(workers._parts(items, folder, size, settings))


def said(results: Iterator[workers.Result]) -> list[Diagnosis | Failure]:
    return [r if isinstance(r, Failure) else replace(r[1], seconds=0.0) for r in results]


def plain(recipe: Recipe, items: list[Item]) -> list[Diagnosis | Failure]:
    return said(recipe.open().stream_frames(items))


def test_parts_give_what_a_plain_run_gives_in_its_order(
    recipe: Recipe, settings: str, work: Work, tmp_path: Path
) -> None:
    items = exam(tmp_path)
    farm, parts = Here(work), parts_of(items, tmp_path / "parts", settings)
    expected = plain(recipe, items)
    assert len(expected) == 10
    assert said(workers._in_order(farm, parts)) == expected  # type: ignore[arg-type]
    assert len(farm.done) == 3
    again = Here(work)
    assert said(workers._in_order(again, parts)) == expected  # type: ignore[arg-type]
    assert not again.done
    parts[1].shard.write_bytes(parts[1].shard.read_bytes()[:-9])  # cut by a full disk
    assert said(workers._in_order(again, parts)) == expected  # type: ignore[arg-type]
    assert again.done == [parts[1]]


def test_a_file_that_ends_every_worker_fails_and_no_other(
    recipe: Recipe, settings: str, work: Work, tmp_path: Path
) -> None:
    items = exam(tmp_path)
    farm = Here(work, frozenset({"3.png"}))
    found = said(workers._in_order(farm, parts_of(items, tmp_path / "parts", settings)))  # type: ignore[arg-type]
    deadly = Failure(str(tmp_path / "3.png"), "every worker that tried it ended")
    expected = [deadly if r.source == deadly.source else r for r in plain(recipe, items)]
    assert found == expected


def test_a_changed_file_or_setting_is_another_part(recipe: Recipe, settings: str, tmp_path: Path) -> None:
    items = exam(tmp_path)
    before = parts_of(items, tmp_path / "parts", settings)
    assert [p.shard for p in parts_of(items, tmp_path / "parts", settings)] == [p.shard for p in before]
    os.utime(items[4].path, ns=(1, 1))
    after = parts_of(items, tmp_path / "parts", settings)
    assert [a.shard == b.shard for a, b in zip(after, before, strict=True)] == [True, False, True]
    ungated = fingerprint(replace(recipe, gate=False).open(), "none")
    sensitive = fingerprint(replace(recipe, operating_point="sensitive").open(), "none")
    grouped = fingerprint(recipe.open(), "name")
    assert len({settings, sensitive, grouped}) == 3
    assert ungated == settings  # the tiny model has no gate


def test_a_worker_with_another_model_refuses(settings: str, recipe: Recipe, tmp_path: Path) -> None:
    other = tiny_bundle(tmp_path / "other", name="other")
    with pytest.raises(BundleError, match="not the same as here"):
        Start(replace(recipe, bundle=str(other)), settings)()


def test_a_worker_without_the_archive_refuses(settings: str, work: Work, tmp_path: Path) -> None:
    gone = Part((Item(tmp_path / "not" / "mounted.png"),), ((10, 1),), tmp_path / "a.jsonl")
    with pytest.raises(DataError, match="not on the worker's machine"):
        work(gone)
    assert not gone.shard.exists()


def test_frames_are_read_again_for_pictures(recipe: Recipe, settings: str, work: Work, tmp_path: Path) -> None:
    items = exam(tmp_path)
    parts = parts_of(items, tmp_path / "parts", settings)
    for part in parts:
        work(part)
    Image.fromarray(dark_spots()).save(items[5].path)
    found = list(workers._with_pixels(workers._in_order(Here(work), parts)))  # type: ignore[arg-type]
    expected = list(recipe.open().stream_frames(items))
    for mine, theirs in zip(found, expected, strict=True):
        if isinstance(theirs, tuple) and theirs[0].source == str(items[5].path):
            assert mine == Failure(theirs[0].source, "the file has changed since it was diagnosed")
        elif isinstance(mine, tuple) and isinstance(theirs, tuple):
            np.testing.assert_array_equal(mine[0].pixels, theirs[0].pixels)
            assert mine[0].number == theirs[0].number
        else:
            assert mine == theirs


def test_workers_take_processors_only(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: object())
    assert replace(recipe, device="auto", threads=None).for_workers().threads == 2
    with pytest.raises(ConfigError, match="workers on cuda"):
        replace(recipe, device="cuda").for_workers()


def test_without_ray_the_extra_is_named(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "ray" else object())
    (tmp_path / "exam").mkdir()
    exam(tmp_path / "exam")
    arguments = ["diagnose", tmp_path / "exam", "-o", tmp_path / "out", "--bundle", recipe.bundle]
    monkeypatch.setattr(sys, "argv", ["usnet", *map(str, arguments), "--engine-workers", "local"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert "pip install 'usnet[ray]'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
