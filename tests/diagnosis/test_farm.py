"""Workers on a real Ray cluster: machines die, no image is lost and none comes twice. Ray starts in its own time, so slow."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from helpers.tiny_bundle import dark_spots, tiny_bundle
from usnet.cli import main
from usnet.cli.diagnose_workers import Recipe, Workers, unfinished
from usnet.diagnosis import Item
from usnet.diagnosis.farm import ATTEMPTS, STORE_BYTES, SYSTEM, Farm, connected
from usnet.errors import ConfigError
from usnet.values import Diagnosis, Failure

pytest.importorskip("ray", reason="needs the extra 'ray'")
pytestmark = pytest.mark.slow


# loopback by another name, because Ray takes 127.0.0.1 for the machine's address outside
NODE = {"num_cpus": 1, "object_store_memory": STORE_BYTES, "node_ip_address": "127.0.0.2"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster with one processor, on loopback."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    try:
        made = Cluster(
            initialize_head=True, head_node_args=NODE | {"include_dashboard": False, "_system_config": SYSTEM}
        )
    except Exception as error:  # Ray raises a bare one when it does not start in half a minute
        pytest.skip(f"Ray did not start, this machine may be too busy: {str(error).splitlines()[0]}")
    yield made
    made.shutdown()


@pytest.fixture
def second(cluster: Any) -> Iterator[Any]:
    """A second machine in it."""
    node = cluster.add_node(**NODE)
    yield node
    cluster.remove_node(node)


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return Recipe(str(tiny_bundle(tmp_path / "tiny")), "auto", "cpu", "auto", 1, None, True, "none")


def exam(folder: Path, count: int) -> list[Item]:
    folder.mkdir()
    for number in range(count):
        spot = (60 + 20 * (number % 6), 60 + 20 * (number // 6 % 6))
        Image.fromarray(dark_spots((spot,))).save(folder / f"{number:03d}.png")
    return [Item(path, path.name) for path in sorted(folder.iterdir())]


def said(result: Any) -> Diagnosis | Failure:
    return result if isinstance(result, Failure) else replace(result[1], seconds=0.0)


def stop_after_one(results: AbstractContextManager[Iterator[Any]]) -> None:
    with results as found:
        next(found)
        raise KeyboardInterrupt


def alive() -> int:
    import ray

    return sum(node["Alive"] for node in ray.nodes())


def has_worker(raylet: int) -> bool:
    """Whether a machine has a worker that is at work."""
    found = Path(f"/proc/{raylet}/task/{raylet}/children").read_text().split()
    return any(Path(f"/proc/{child}/cmdline").read_bytes().startswith(b"ray::Hand.do") for child in found)


def test_a_node_killed_midway_costs_no_image(cluster: Any, second: Any, recipe: Recipe, tmp_path: Path) -> None:
    items, out = exam(tmp_path / "exam", 240), tmp_path / "out"
    diagnoser = recipe.open()
    (raylet,) = (info.process.pid for info in second.all_processes["raylet"])
    found = []
    with Workers(cluster.address, recipe, files=3).results(items, diagnoser, out, pixels=False) as results:
        for result in results:
            found.append(said(result))
            if has_worker(raylet):
                break
        assert len(list((out / "parts").glob("*.jsonl"))) < 80  # some of it is still to come
        os.kill(raylet, signal.SIGKILL)
        found += map(said, results)
        deadline = time.monotonic() + 300
        while alive() > 1 and time.monotonic() < deadline:  # Ray takes its time to say so
            time.sleep(0.2)
        assert alive() == 1
    counted = Counter(r.image_id for r in found if isinstance(r, Diagnosis))
    assert counted == Counter(item.image_id for item in items)
    assert found == [said(r) for r in diagnoser.stream_frames(items)]
    assert not unfinished(out)


def test_a_run_that_was_stopped_goes_on(cluster: Any, recipe: Recipe, tmp_path: Path) -> None:
    items, out = exam(tmp_path / "exam", 12), tmp_path / "out"
    diagnoser, workers = recipe.open(), Workers(cluster.address, recipe, files=3)
    with pytest.raises(KeyboardInterrupt):
        stop_after_one(workers.results(items, diagnoser, out, pixels=False))
    assert unfinished(out)
    before = {path.name: path.stat().st_mtime_ns for path in (out / "parts").glob("*.jsonl")}
    assert before
    with workers.results(items, diagnoser, out, pixels=False) as results:
        found = [said(r) for r in results]
        after = {path.name: path.stat().st_mtime_ns for path in (out / "parts").glob("*.jsonl")}
    assert len(after) == 4
    assert before.items() <= after.items()  # nothing was done again
    assert found == [said(r) for r in diagnoser.stream_frames(items)]
    assert not unfinished(out)


@dataclass(frozen=True)
class Deadly:
    """Writes a file for each job; job 3 ends its worker, job 5 only the first that tries it."""

    folder: Path

    def __call__(self) -> Callable[[int], None]:
        def do(job: int) -> None:
            mark = self.folder / f"tried-{job}"
            if job == 3 or (job == 5 and not mark.exists()):
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            (self.folder / f"done-{job}").touch()

        return do


def test_a_job_that_ends_its_worker_is_given_up_and_no_other(cluster: Any, tmp_path: Path) -> None:
    with connected(cluster.address) as ray:
        ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers do not find this file
        farm: Farm[int] = Farm(ray, Deadly(tmp_path), 1)
        ended = sorted(farm.run(list(range(8)), ahead=1))
        farm.close()
    assert ended == [(number, number != 3) for number in range(8)]
    assert sorted(p.name for p in tmp_path.glob("done-*")) == [f"done-{n}" for n in range(8) if n != 3]
    assert ATTEMPTS > 1


def test_what_a_job_raises_is_raised_here(cluster: Any, recipe: Recipe, tmp_path: Path) -> None:
    items = exam(tmp_path / "exam", 3)
    other = replace(recipe, operating_point="sensitive")
    with (
        pytest.raises(Exception, match="not the same as here") as caught,
        Workers(cluster.address, recipe).results(items, other.open(), tmp_path / "out", pixels=False) as results,
    ):
        list(results)
    assert type(caught.value).__name__ == "BundleError"


def test_nothing_answers() -> None:
    with pytest.raises(ConfigError, match="no Ray cluster answers"), connected("127.0.0.1:1"):
        pass


def test_the_command_with_workers_here(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    exam(tmp_path / "exam", 5)

    def run(out: str, *options: str) -> None:
        words = ["diagnose", tmp_path / "exam", "-o", tmp_path / out, "--bundle", recipe.bundle, *options]
        monkeypatch.setattr(sys, "argv", ["usnet", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            main()
        said = capsys.readouterr().err
        if "timed out during startup" in said:
            pytest.skip("this machine is too busy: Ray gives itself half a minute to start")
        assert caught.value.code == 0, said

    run("plain")
    run("workers", "--engine-workers", "local")
    plain, workers = (sorted((tmp_path / out).rglob("*.*")) for out in ("plain", "workers"))
    assert [p.relative_to(tmp_path / "plain") for p in plain] == [p.relative_to(tmp_path / "workers") for p in workers]
    for mine, theirs in zip(workers, plain, strict=True):
        if mine.suffix == ".png" or mine.name.startswith("findings"):
            assert mine.read_bytes() == theirs.read_bytes()
