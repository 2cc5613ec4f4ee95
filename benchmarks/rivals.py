"""Milliseconds an image and parameters of every network among the rivals, side by side in one process.

Random weights: what a forward pass and its suppression cost, not what it finds. All in torch eager on the CPU, also USNet, which
``usnet diagnose`` serves several times as fast (``inference.py``). Candidates take turns (ABBA); only ratios of one run mean
anything::

    python benchmarks/rivals.py [--size 128] [--rounds 9] [--threads N]
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from inference import medians

HERE = Path(__file__).resolve().parent
sys.path = [p for p in sys.path if Path(p or ".").resolve() != HERE]  # its statistics.py is not the standard library's

import torch  # noqa: E402

from usnet.comparators.loop import Task  # noqa: E402
from usnet.models.cost import parameters  # noqa: E402
from usnet.training.config import load_config  # noqa: E402

MODULES = ("usnet_network", "yolo_grid", "ssd_lite", "ssd", "retinanet", "fcos", "faster_rcnn", "rt_detr", "unet")


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=int, default=128, help="pixels of the square input")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, help="of torch; its own number if left out")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    anchors = [options.size * share for share in (0.0625, 0.1875, 0.5)]
    changes = [f"network.anchors.image_size={options.size}", f"network.anchors.sizes={anchors}"]
    config = load_config(HERE.parent / "configs" / "fast.toml", changes)
    torch.manual_seed(0)
    pixels = torch.rand(1, 1, options.size, options.size)
    chosen = [m for m in MODULES if m != "rt_detr" or find_spec("transformers")]
    tasks: dict[str, Task] = {m: import_module(f"usnet.comparators.{m}").make(config) for m in chosen}
    for task in tasks.values():
        task.network.eval()
    with torch.inference_mode():
        seconds = medians({name: (lambda t=task: t.find(pixels)) for name, task in tasks.items()}, options.rounds)
    print(f"{options.size} px, torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    print("| network | ms an image | v usnet | parameters |\n|---|---|---|---|")
    for name, task in tasks.items():
        ratio = seconds[name] / seconds["usnet_network"]
        print(f"| {name} | {1000 * seconds[name]:.1f} | {ratio:.1f} | {parameters(task.network):,} |")


if __name__ == "__main__":
    main()
