"""Images a second in training, each acceleration on its own and all together, against torchvision's way of training a detector.

The same network, loss, images, batch and device in one process. The reference follows torchvision's detection scripts: a
DataLoader that decodes and flips each file, float32, plain tensors, an unfused optimiser. Candidates take turns (ABBA). Every one
starts from the same weights and sees the same images in the same order; ours also pays for its richer augmentation. The mean loss
stands beside the speed, the share of a step that goes to data (reading or taking them, disturbing them), and on a CPU the share of
what it can multiply at that precision (a step is three times the network's products: forward, to the inputs, to the weights).
Writes ``benchmarks/training.json`` with the ratios; it never judges a time::

    python benchmarks/training.py [--short] [--device cpu|cuda] [--batch 16] [--threads N] [--steps N] [--out FILE]

``--short`` takes few steps and leaves out ``torch.compile``, whose start takes minutes.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from roofline import gemm, gmac_per_second
from timing import median_seconds

HERE = Path(__file__).resolve().parent
sys.path = [p for p in sys.path if Path(p or ".").resolve() != HERE]  # its statistics.py is not the standard library's

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402
from torch import Tensor  # noqa: E402

from usnet.models.cost import multiply_accumulates  # noqa: E402
from usnet.models.loss import detection_loss  # noqa: E402
from usnet.models.matching import match  # noqa: E402
from usnet.training.augment import augment, draw  # noqa: E402
from usnet.training.config import load_config  # noqa: E402
from usnet.training.module import Detector  # noqa: E402

SIZE = 256
CONFIG = HERE.parent / "configs" / "fast.toml"


@dataclass(frozen=True)
class Way:
    """One way of training. ``files``: read and flip each file anew, as the reference does, in place of cached bytes and our
    augmentation of whole batches."""

    name: str
    files: bool = False
    bf16: bool = False
    channels_last: bool = False
    fused: bool = False
    compiled: bool = False


REFERENCE = Way("torchvision's way", files=True)
PLAIN = Way("cached bytes, batch augmentation")
ALONE = (
    Way("+ bf16", bf16=True),
    Way("+ channels-last", channels_last=True),
    Way("+ fused optimiser", fused=True),
    Way("+ compile", compiled=True),
)
ALL = Way("+ bf16, channels-last, fused", bf16=True, channels_last=True, fused=True)


class Files(torch.utils.data.Dataset[tuple[Tensor, Tensor]]):
    """Pictures on disk with one box each, flipped by chance: what a reference dataset does for every image of every epoch."""

    def __init__(self, paths: list[Path], boxes: Tensor) -> None:
        self._paths, self._boxes = paths, boxes

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        from torchvision.transforms.v2 import functional as F

        image = F.to_dtype(F.pil_to_tensor(Image.open(self._paths[index]).convert("L")), torch.float32, scale=True)
        box = self._boxes[index].clone()
        if index % 2:
            image = F.horizontal_flip(image)
            box[:, [0, 2]] = SIZE - box[:, [2, 0]]
        return image, box


class Training:
    """One way, ready to step."""

    def __init__(
        self, way: Way, start: Detector, paths: list[Path], boxes: Tensor, options: argparse.Namespace
    ) -> None:
        self.way, self.losses, self.waited = way, [], []
        self._device, self._batch = torch.device(options.device), options.batch
        self._detector = copy.deepcopy(start).to(self._device)
        if way.channels_last:
            self._detector = self._detector.to(memory_format=torch.channels_last)
        self._network: Any = torch.compile(self._detector) if way.compiled else self._detector
        self._optimiser = torch.optim.AdamW(self._detector.parameters(), lr=1e-3, fused=way.fused)
        self._boxes = boxes.to(self._device)
        self._files = Files(paths, boxes)
        if not way.files:
            pixels = np.stack([np.asarray(Image.open(path).convert("L")) for path in paths])
            self._cached = torch.from_numpy(pixels)[:, None].to(self._device)
        self._batches = self._from_files() if way.files else self._from_memory()
        self._config = start.config

    def _from_files(self) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            loader = torch.utils.data.DataLoader(self._files, batch_size=self._batch, drop_last=True)
            for images, boxes in loader:
                yield images.to(self._device), boxes.to(self._device)

    def _from_memory(self) -> Iterator[tuple[Tensor, Tensor]]:
        position = 0
        while True:
            chosen = [(position + i) % len(self._cached) for i in range(self._batch)]
            draws = [draw(self._config.augment, 0, 0, position + i) for i in range(self._batch)]
            position += self._batch
            yield augment(self._cached[chosen].float() / 255, self._boxes[chosen], draws)

    def step(self) -> None:
        """One step of the optimiser."""
        begin = time.perf_counter()
        images, boxes = next(self._batches)
        self.waited.append(time.perf_counter() - begin)
        if self.way.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        classes = torch.zeros(boxes.shape[:2], dtype=torch.long, device=self._device)
        with torch.autocast(self._device.type, torch.bfloat16) if self.way.bf16 else nullcontext():
            logits, deltas = self._network(images)
        config = self._config
        targets = match(self._detector.anchors, boxes, classes, config.network.anchors, config.loss)
        parts = detection_loss(logits.float(), deltas.float(), targets, config.loss)
        loss = torch.stack(list(parts.values())).sum()
        loss.backward()
        self._optimiser.step()
        self._optimiser.zero_grad()
        self.losses.append(loss.item())


def measure(trainings: list[Training], steps: int) -> dict[str, float]:
    """Median seconds of a step of each way, in turn and every other round in reverse, after one uncounted step."""
    times: dict[str, list[float]] = {t.way.name: [] for t in trainings}
    for number in range(steps + 1):
        for training in trainings if number % 2 == 0 else trainings[::-1]:
            begin = time.perf_counter()
            training.step()
            if number:
                times[training.way.name].append(time.perf_counter() - begin)
    return {name: float(np.median(values)) for name, values in times.items()}


def matrix_rates() -> dict[bool, float]:
    """Multiply-accumulates a second, in thousand millions, without and with bf16."""
    return {bf16: gmac_per_second(median_seconds(gemm("bfloat16" if bf16 else "float32"))) for bf16 in (False, True)}


def pictures(folder: Path, count: int) -> tuple[list[Path], Tensor]:
    """Made-up images as PNG files of the network's size, and their boxes ``[N, 1, 4]``."""
    rng = np.random.default_rng(0)
    paths = []
    for number in range(count):
        pixels = rng.normal(120, 30, (SIZE, SIZE))
        pixels[70:130, 60:150] *= 0.4
        path = folder / f"{number:04d}.png"
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
        paths.append(path)
    return paths, torch.tensor([[[60.0, 70.0, 150.0, 130.0]]]).repeat(count, 1, 1)


def main() -> None:
    """Measure, print a table, write the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="few steps, no compilation")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, help="of torch; its own number if left out")
    parser.add_argument("--steps", type=int, help="of each way that count; 30, or 3 for the short form, if left out")
    parser.add_argument("--out", type=Path, default=HERE / "training.json")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    ways = [REFERENCE, PLAIN, *(w for w in ALONE if not (options.short and w.compiled)), ALL]
    torch.manual_seed(0)
    start = Detector(load_config(CONFIG), 1)
    load_before = os.getloadavg()
    with tempfile.TemporaryDirectory() as folder:
        paths, boxes = pictures(Path(folder), 2 * options.batch)
        trainings = [Training(way, start, paths, boxes, options) for way in ways]
        seconds = measure(trainings, options.steps or (3 if options.short else 30))
    work = 3 * options.batch * multiply_accumulates(start.network, SIZE) / 1e9
    rates = matrix_rates() if options.device == "cpu" else {}
    plain, reference = seconds[PLAIN.name], seconds[REFERENCE.name]
    rows = {
        t.way.name: {
            "v_torchvision": round(reference / seconds[t.way.name], 3),
            "v_plain": round(plain / seconds[t.way.name], 3),
            "share_of_matrix_rate": round(work / seconds[t.way.name] / rates[t.way.bf16], 3) if rates else None,
            "share_of_time_for_data": round(float(np.median(t.waited)) / seconds[t.way.name], 4),
            "mean_loss": round(float(np.mean(t.losses)), 4),
        }
        for t in trainings
    }
    print(
        f"{options.device}, batch {options.batch}, torch {torch.__version__}, {work / options.batch:.1f} GMAC an image"
    )
    print(f"matrix rate: {', '.join(f'{rate:.0f} GMAC/s' for rate in rates.values())} (f32, bf16)\n" if rates else "")
    print(
        "| way | images/s | v torchvision | v plain | of the matrix rate | data | mean loss |\n|---|---|---|---|---|---|---|"
    )
    for name, row in rows.items():
        speed = " | ".join(f"{row[key] or 0:.2f}" for key in ("v_torchvision", "v_plain", "share_of_matrix_rate"))
        data = f"{100 * (row['share_of_time_for_data'] or 0):.1f} %"
        print(f"| {name} | {options.batch / seconds[name]:.1f} | {speed} | {data} | {row['mean_loss']:.3f} |")
    document = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "short": options.short,
        "steps": options.steps,
        "device": options.device,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": [round(v, 1) for v in (*load_before, *os.getloadavg())],
        "gmac_per_second": {"bf16" if bf16 else "f32": round(rate, 1) for bf16, rate in rates.items()},
        "ratios": rows,
    }
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
