"""Whole jobs for ``inference.py``: a folder, cine loops, one picture from a cold start. Imports next to nothing when loaded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Medians = Callable[..., dict[str, float]]


def simulated(folder: Path, count: int, frames: int) -> tuple[list[Path], dict[str, Path]]:
    """``count`` DICOM files, and the loops: 30 frames from pydicom's own files and a simulated one of ``frames``."""
    usnet = [sys.executable, "-m", "usnet", "phantom", "--format", "dicom"]
    exam, cine = folder / "exam", folder / "cine"
    subprocess.run([*usnet, "--count", str(count), "--seed", "1", str(exam)], check=True, capture_output=True)
    one = ["--count", "1", "--seed", "4", "--shares", "0,1,0", "--cine", str(frames)]
    subprocess.run([*usnet, *one, str(cine)], check=True, capture_output=True)
    from pydicom import examples

    (phantom,) = (cine / "cine").rglob("*.dcm")
    return sorted((exam / "images").rglob("*.dcm")), {
        "pydicom's 30 frames": Path(examples.get_path("ybr_color")),
        f"{frames} simulated frames": phantom,
    }


def folder_rates(diagnoser: Any, seen: list[Path], count: int, medians: Medians, rounds: int) -> dict[str, float]:
    """Images a second of ``count`` files, of both networks alone on the same work, and of the detector alone.

    The networks alone run side by side in the engine's lanes on inputs in memory, with as many crops as the files asked for.
    """
    import numpy as np

    files = [seen[i % len(seen)] for i in range(count)]
    steps = list(diagnoser.preparer.files(_items(seen[:20]), "none"))
    images = np.stack([s.image for s in steps if hasattr(s, "image")][:4])
    crops = _crops_an_image(diagnoser, files[: max(8, min(50, count))])

    def whole() -> None:
        for _ in diagnoser.stream(files):
            pass

    jobs: dict[str, Callable[[], object]] = {
        "whole": whole,
        "networks": lambda: _networks(diagnoser, images, crops, count),
        "detector": lambda: _networks(diagnoser, images, 0.0, count),
    }
    return {name: count / seconds for name, seconds in medians(jobs, rounds, warm_up=1).items()}


def _items(files: list[Path]) -> list[Any]:
    from usnet.diagnosis import Item

    return [Item(path) for path in files]


def _crops_an_image(diagnoser: Any, files: list[Path]) -> float:
    """How many boxes of an image get a second look, on average."""
    from usnet.bundles.fusion import worth_a_look

    if diagnoser.second_look is None:
        return 0.0
    steps = [s for s in diagnoser.preparer.files(_items(files), "none") if hasattr(s, "image")]
    found = [diagnoser._detect([step]).found[0] for step in steps]
    return sum(len(worth_a_look(c, diagnoser.second_look.settings)) for c in found) / len(found)


def _networks(diagnoser: Any, images: Any, crops: float, count: int) -> None:
    """Both networks for ``count`` images in batches of four, side by side."""
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np

    engine, look = diagnoser.engine.side_by_side(), None
    per_batch = round(4 * crops)
    feed = None
    if per_batch:
        size, look = diagnoser.second_look.settings.size, diagnoser.second_look._network.side_by_side()
        feed = np.random.default_rng(0).random((per_batch, 2, size, size), dtype=np.float32)

    def batch(_: int) -> None:
        engine.run(images)
        if look is not None:
            look.run(feed)

    with ThreadPoolExecutor(engine.lanes) as pool:
        list(pool.map(batch, range(count // 4)))


def cine_rates(diagnoser: Any, loops: dict[str, Path], medians: Medians, rounds: int) -> dict[str, float]:
    """Frames a second from a loop's file to its one opinion."""
    from usnet.diagnosis.loops import loop_opinions
    from usnet.images import frame_count
    from usnet.values import Diagnosis

    def opinion(path: Path) -> object:
        results = [r for r in diagnoser.stream([path]) if isinstance(r, Diagnosis)]
        return list(loop_opinions(results))

    seconds = medians({name: (lambda p=path: opinion(p)) for name, path in loops.items()}, rounds, warm_up=1)
    return {name: frame_count(loops[name]) / value for name, value in seconds.items()}


def cold_start(picture: Path, folder: Path, bundle: str | None, rounds: int) -> dict[str, float]:
    """Median wall seconds and largest resident MiB of ``usnet diagnose`` on one picture, process start included."""
    import numpy as np

    command = [sys.executable, "-m", "usnet", "diagnose", str(picture), "-o", str(folder / "one"), "--overwrite"]
    command += [] if bundle is None else ["--bundle", bundle]
    # started by a small process: what a large one starts counts the large one's memory as its own
    measured = [
        tuple(map(float, subprocess.check_output([sys.executable, "-c", _ONE_RUN, *command], text=True).split()))
        for _ in range(rounds + 1)  # the first fills caches
    ]
    return {"seconds": float(np.median([m[0] for m in measured[1:]])), "mebibytes": max(m[1] for m in measured)}


_ONE_RUN = """
import resource, subprocess, sys, time
begin = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
seconds = time.perf_counter() - begin
unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
print(seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / unit)
"""
