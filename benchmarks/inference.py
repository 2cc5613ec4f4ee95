"""How fast networks and whole diagnoses are here, side by side in one process: medians, ratios, and the share of the roofline.

Every candidate takes its turn in every round, forwards and then backwards (ABBA), so that a busy moment hits all alike; only ratios
of one run mean anything. Beside them a folder of DICOM files, cine loops and a cold start (``flow.py``). Writes
``benchmarks/inference.json`` (``inference-short.json``) with the ratios; it never judges a time::

    python benchmarks/inference.py [--short] [--bundle PATH|NAME] [--threads N] [--only networks|flow] [--out FILE]

``--short`` takes few rounds and few files, leaves out torchvision's network at its default size, and is what CI runs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flow import cine_rates, cold_start, folder_rates, simulated
from roofline import gemm, gemm_int8, gmac_per_second

HERE = Path(__file__).resolve().parent
sys.path = [p for p in sys.path if Path(p or ".").resolve() != HERE]  # its statistics.py is not the standard library's

import numpy as np  # noqa: E402

ROOT = HERE.parent


def medians(jobs: dict[str, Callable[[], object]], rounds: int, warm_up: int = 1) -> dict[str, float]:
    """Median seconds of each job over ``rounds``, run in turn and every other round in reverse."""
    for job in jobs.values():
        for _ in range(warm_up):
            job()
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(rounds):
        for name in list(jobs) if number % 2 == 0 else reversed(list(jobs)):
            begin = time.perf_counter()
            jobs[name]()
            times[name].append(time.perf_counter() - begin)
    return {name: float(np.median(values)) for name, values in times.items()}


def paper_bundle(folder: Path) -> tuple[Any, Any, float]:
    """The paper's network with random weights: as a bundle, in torch, and its GMAC."""
    import torch

    from usnet.bundles import Manifest, load, write
    from usnet.models.cost import multiply_accumulates
    from usnet.models.network import USNet
    from usnet.models.onnx_export import to_onnx
    from usnet.models.weights import to_bytes
    from usnet.training.config import load_config

    torch.manual_seed(0)
    config = load_config(ROOT / "configs" / "paper.toml")
    network = USNet(config.network).eval()
    manifest = Manifest(name=config.name, created=_now(), training={"config": config.model_dump(mode="json")})
    files = {"model.onnx": to_onnx(network), "weights.safetensors": to_bytes(network)}
    size = config.network.anchors.image_size
    return load(write(folder / "paper", manifest, files)), network, multiply_accumulates(network, size) / 1e9


def diagnosers(bundle: Any, name: str, threads: int | None) -> dict[str, Any]:
    """The bundle file to findings: in torch, and in each engine and precision that is here and allowed."""
    from importlib.util import find_spec

    from usnet.cli.engines import open_chosen
    from usnet.diagnosis import Diagnoser

    engines = ["torch", "onnxruntime", *(["openvino"] if find_spec("openvino") else [])]
    wanted = [(e, "f32") for e in engines] + [(p.engine, p.precision) for p in bundle.manifest.precisions]
    return {
        f"{name}, {engine} {precision}": Diagnoser(
            bundle, engine=open_chosen(bundle, engine, "cpu", precision, threads), gate=False
        )
        for engine, precision in wanted
    }


def int8_for_speed(bundle: Any, folder: Path, threads: int | None) -> dict[str, Any]:
    """The paper's network in int8. Its weights are random, so nothing can be said of its accuracy, and no bundle may run it."""
    from usnet.bundles import load, write
    from usnet.diagnosis import Diagnoser
    from usnet.diagnosis.engine import Choice, open_chosen
    from usnet.training.quantise.graph import KEPT, folded, to_int8

    rng = np.random.default_rng(0)
    examples = [rng.random((1, 1, 256, 256), dtype=np.float32) for _ in range(4)]
    content = {name: bundle.read(name) for name in bundle.manifest.files}
    content["int8.onnx"] = to_int8(folded(content["model.onnx"]), examples, KEPT[0])
    both = load(write(folder / "paper8", bundle.manifest, content))
    engine = open_chosen(both, Choice("onnxruntime", "cpu", "int8", "int8.onnx", "speed only"), threads)
    return {"paper, onnxruntime int8 (speed only)": Diagnoser(both, engine=engine, gate=False)}


def torchvision_retinanet(size: int) -> Callable[[], object]:
    """torchvision's own RetinaNet with random weights on one image; ``size`` is its shorter side, 800 by default."""
    import torch
    from torchvision.models.detection import retinanet_resnet50_fpn

    model = retinanet_resnet50_fpn(weights=None, weights_backbone=None, num_classes=3, min_size=size).eval()
    image = [torch.rand(3, 480, 640)]

    def run() -> object:
        with torch.inference_mode():
            return model(image)

    return run


def single(folder: Path, options: argparse.Namespace) -> tuple[dict[str, float], dict[str, float]]:
    """Seconds of one image in every candidate, and GMAC of the networks."""
    from usnet.bundles import load
    from usnet.models.config import NetworkConfig
    from usnet.models.cost import multiply_accumulates
    from usnet.models.network import USNet

    paper, _, gmac = paper_bundle(folder)
    fast = load(options.bundle)
    settings = NetworkConfig.model_validate(fast.manifest.training["config"]["network"])
    cost = {"paper": gmac, "fast": multiply_accumulates(USNet(settings), settings.anchors.image_size) / 1e9}
    picture = next((folder / "exam" / "images").rglob("*.dcm"))
    jobs: dict[str, Callable[[], object]] = {"gemm f32": gemm(), "gemm int8": gemm_int8(options.threads)}
    for name, bundle in (("paper", paper), ("fast", fast)):
        running = diagnosers(bundle, name, options.threads)
        if name == "paper" and not options.short:
            running |= int8_for_speed(bundle, folder, options.threads)
        for label, diagnoser in running.items():
            jobs[label] = lambda d=diagnoser: d.diagnose(picture)
            batch = np.zeros((1, 1, 256, 256), dtype=np.float32)
            jobs[f"{label}, network alone"] = lambda d=diagnoser, b=batch: d.engine.run(b)
    jobs["torchvision RetinaNet, 256"] = torchvision_retinanet(256)
    if not options.short:
        jobs["torchvision RetinaNet, 800"] = torchvision_retinanet(800)
    return medians(jobs, 2 if options.short else 15), cost


def flowing(files: list[Path], loops: dict[str, Path], folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Rates of whole jobs with the small model; see ``flow.py``."""
    from PIL import Image

    from usnet.diagnosis import Diagnoser
    from usnet.images import read

    short, diagnoser = options.short, Diagnoser(options.bundle, threads=options.threads)
    rates = folder_rates(diagnoser, files, 24 if short else 1000, medians, 1 if short else 3)
    judge = Diagnoser(options.bundle, threads=options.threads, gate=False)  # pydicom's loop shows a heart
    loop = cine_rates(judge, loops, medians, 1 if short else 5)
    png = folder / "one.png"
    Image.fromarray(read(files[0]).pixels).save(png)
    cold = cold_start(png, folder, options.bundle, 1 if short else 9)
    return {
        "folder, images/s": rates["whole"],
        "folder v both networks alone": rates["whole"] / rates["networks"],
        "folder v detector alone": rates["whole"] / rates["detector"],
        "both networks alone, images/s": rates["networks"],
        **{f"cine, {name}, frames/s": rate for name, rate in loop.items()},
        "one PNG from a cold start, s": cold["seconds"],
        "one PNG from a cold start, MiB resident": cold["mebibytes"],
    }


def decoding(rounds: int = 200) -> float:
    """Seconds from raw heads of 48,384 anchors, 30,000 of them above the floor, to boxes."""
    from usnet.anchors import AnchorSpec
    from usnet.bundles.decode import candidates
    from usnet.bundles.manifest import Postprocessing

    spec, rng = AnchorSpec(), np.random.default_rng(0)
    logits = rng.normal(-5, 1.5, (spec.total, 2)).astype(np.float32)
    deltas = rng.normal(0, 1, (spec.total, 4)).astype(np.float32)
    return medians({"decode": lambda: candidates(logits, deltas, spec, Postprocessing())}, rounds)["decode"]


def summary(seconds: dict[str, float], cost: dict[str, float]) -> dict[str, float]:
    """Ratios and shares; above 1 is faster than what is divided by."""
    rates = {precision: gmac_per_second(seconds[f"gemm {precision}"]) for precision in ("f32", "int8")}
    ratios: dict[str, float] = {}
    for name in ("paper", "fast"):
        ours = {k: v for k, v in seconds.items() if k.startswith(f"{name}, ") and not k.endswith("alone")}
        eager = seconds[f"{name}, torch f32"]
        ratios |= {f"{k} v torch eager": eager / v for k, v in ours.items() if "torch" not in k}
        for k, v in seconds.items():
            if k.startswith(f"{name}, ") and k.endswith("alone"):
                precision = "int8" if "int8" in k else "f32"  # of bf16 no rate is measured
                ratios[f"{k}: share of the {precision} matrix rate"] = cost[name] / v / rates[precision]
        for size in (256, 800):
            theirs = seconds.get(f"torchvision RetinaNet, {size}")
            if theirs is not None:
                ratios[f"{name}, fastest v torchvision RetinaNet at {size}"] = theirs / min(ours.values())
    return ratios


def main() -> None:
    """Run all parts, print a table, write the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="few rounds and files")
    parser.add_argument("--bundle", help="the small model; the shipped one if left out")
    parser.add_argument("--only", choices=("networks", "flow"), help="one half of it")
    parser.add_argument("--threads", type=int, help="of every engine; their own number if left out")
    parser.add_argument(
        "--out", type=Path, help="inference.json beside this script, inference-short.json for the short form"
    )
    options = parser.parse_args()
    out = options.out or HERE / ("inference-short.json" if options.short else "inference.json")
    if options.threads:
        import torch

        torch.set_num_threads(options.threads)
    load_before = os.getloadavg()
    document: dict[str, Any] = {
        "when": _now(),
        "short": options.short,
        "cores": os.cpu_count(),
        "threads": options.threads,
    }
    with tempfile.TemporaryDirectory() as name:
        files, loops = simulated(Path(name), 8 if options.short else 50, 16 if options.short else 300)
        if options.only != "flow":
            document |= networks(Path(name), options)
        if options.only != "networks":
            document["flow"] = {k: round(v, 3) for k, v in flowing(files, loops, Path(name), options).items()}
    document["load"] = [round(v, 1) for v in (*load_before, *os.getloadavg())]
    for label, value in document.get("flow", {}).items():
        print(f"| {label} | {value:.2f} |")
    out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def networks(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Single images, the roofline and decoding, printed as a table; the ratios."""
    seconds, cost = single(folder, options)
    decode = decoding(50 if options.short else 500)
    for label, value in seconds.items():
        print(f"| {label} | {value * 1000:.1f} ms |")
    print(f"| decode and suppress, 48,384 anchors | {decode * 1000:.2f} ms |\n")
    ratios = summary(seconds, cost)
    for label, value in ratios.items():
        print(f"| {label} | {value:.2f} |")
    return {
        "gmac": {k: round(v, 2) for k, v in cost.items()},
        **{f"{p}_gmac_per_second": round(gmac_per_second(seconds[f"gemm {p}"]), 1) for p in ("f32", "int8")},
        "decode_ms": round(decode * 1000, 3),
        "ratios": {k: round(v, 3) for k, v in ratios.items()},
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


if __name__ == "__main__":
    main()
