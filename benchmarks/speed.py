"""How fast the parts are on this machine: one table of medians, no judgement.

Numbers go to BENCHMARKS.md by hand, with date and commit::

    python benchmarks/speed.py [phantoms] [training] [evaluation] [diagnosis] [commands]
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from timing import median_seconds

sys.path.remove(str(Path(__file__).resolve().parent))  # its statistics.py is not the standard library's

ROOT = Path(__file__).resolve().parents[1]


def row(name: str, value: float, unit: str, note: str = "") -> None:
    """One line of the table."""
    print(f"| {name} | {value:.3g} {unit} | {note} |", flush=True)


def phantoms() -> None:
    """Simulated images a second, one process."""
    from usnet.phantoms import simulate

    seeds = iter(range(10_000))
    seconds = median_seconds(lambda: [simulate(next(seeds)) for _ in range(20)], runs=3)
    row("phantoms, 256 x 256, one process", 20 / seconds, "images/s")


def training() -> None:
    """Images a second of a training step of fast.toml: augmentation, forward, matching, loss, backward, optimiser."""
    import torch

    from usnet.models.loss import detection_loss
    from usnet.models.matching import match
    from usnet.training.augment import augment, draw
    from usnet.training.config import load_config
    from usnet.training.module import Detector

    config = load_config(ROOT / "configs" / "fast.toml")
    size = config.training.batch_size
    detector = Detector(config, 1)
    optimiser = torch.optim.AdamW(detector.parameters(), lr=1e-3)
    frames = torch.randint(0, 256, (size, 1, 256, 256), dtype=torch.uint8)
    boxes = torch.tensor([[[60.0, 70.0, 150.0, 130.0]]]).repeat(size, 1, 1)
    classes = torch.zeros(size, 1, dtype=torch.long)

    def step() -> None:
        draws = [draw(config.augment, 0, 0, i) for i in range(size)]
        pixels, moved = augment(frames.float() / 255, boxes, draws)
        with torch.autocast("cpu", torch.bfloat16):
            logits, deltas = detector(pixels.contiguous(memory_format=torch.channels_last))
        targets = match(detector.anchors, moved, classes, config.network.anchors, config.loss)
        sum(detection_loss(logits, deltas, targets, config.loss).values()).backward()  # type: ignore[union-attr]
        optimiser.step()
        optimiser.zero_grad()

    note = f"batch {size}, bf16 autocast, {torch.get_num_threads()} threads, torch {torch.__version__}"
    row("training step, fast.toml", size / median_seconds(step, runs=10, warm_up=3), "images/s", note)


def evaluation() -> None:
    """Evaluating 2,000 made-up opinions with 1,000 bootstrap draws, without inference."""
    sys.path.insert(0, str(ROOT / "tests"))
    from helpers.opinions import study  # type: ignore[import-not-found]
    from usnet.evaluation import evaluate

    dataset, diagnoses = study(2000)
    seconds = median_seconds(lambda: evaluate(dataset, diagnoses, bootstrap=1000), runs=3, warm_up=0)
    row("evaluate, 2,000 images, 1,000 draws", seconds, "s", "without inference")


def diagnosis() -> None:
    """One frame through the shipped model, or the bundle that USNET_BENCHMARK_BUNDLE names; file reading not counted."""
    from usnet.diagnosis import Diagnoser
    from usnet.values import Box, Frame

    diagnoser = Diagnoser(os.environ.get("USNET_BENCHMARK_BUNDLE"))
    frame = np.random.default_rng(0).integers(0, 255, (480, 640), dtype=np.uint8)
    seconds = median_seconds(lambda: diagnoser.diagnose(frame), runs=30, warm_up=5)
    row("diagnose one frame, warm", seconds * 1000, "ms", diagnoser.bundle.manifest.name)
    looker = diagnoser.second_look
    if looker is not None:
        box = Frame(frame, "noise", ""), Box(200, 150, 180, 120)
        for count in (1, 3):
            seconds = median_seconds(lambda count=count: looker.logits([box] * count), runs=30, warm_up=5)
            row(f"second look at {count} of its boxes", seconds * 1000, "ms", "part of the above")


def commands() -> None:
    """Whole commands, process start included."""
    usnet = str(Path(sys.executable).parent / "usnet")
    with tempfile.TemporaryDirectory() as folder:
        exam = Path(folder) / "exam"
        run = [usnet, "phantom", "--count", "3", "--seed", "1", str(exam)]
        subprocess.run(run, check=True, capture_output=True)
        picture = next((exam / "images").iterdir())
        out = str(Path(folder) / "out")
        for name, command in (
            ("usnet --help", [usnet, "--help"]),
            ("import usnet", [sys.executable, "-c", "import usnet"]),
            ("usnet diagnose, one PNG, cold", [usnet, "diagnose", str(picture), "-o", out, "--overwrite"]),
        ):
            call = lambda command=command: subprocess.run(command, check=True, capture_output=True)  # noqa: E731
            row(name, median_seconds(call), "s", "whole process")


def main() -> None:
    """Run the parts named on the command line, all by default."""
    parts = {f.__name__: f for f in (phantoms, training, evaluation, diagnosis, commands)}
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| what | median | note |\n|---|---|---|")
    for name in sys.argv[1:] or list(parts):
        parts[name]()


if __name__ == "__main__":
    main()
