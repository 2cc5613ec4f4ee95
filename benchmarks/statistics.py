"""How fast the statistics are on this machine: one table of medians, no judgement.

Numbers go to BENCHMARKS.md by hand, with date and commit::

    python benchmarks/statistics.py [delong] [readers] [proc]
"""

from __future__ import annotations

import sys
from pathlib import Path

from timing import median_seconds

# A script's own folder comes first on the path, where this file would stand in for the standard library's module.
HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parent), *(place for place in sys.path if Path(place or ".").resolve() != HERE)]

import os  # noqa: E402
import platform  # noqa: E402
import resource  # noqa: E402

import numpy as np  # noqa: E402
from benchmarks import proc_comparison  # noqa: E402

from usnet.statistics.mrmc import Study, analyse, simulate_study, ustatistics  # noqa: E402
from usnet.statistics.roc import auc, paired_test  # noqa: E402

READERS, CASES = 343, 100


def row(name: str, seconds: float, note: str = "") -> None:
    """One line of the table."""
    print(f"| {name} | {seconds:.3g} s | {note} |", flush=True)


def delong(size: int = 1_000_000) -> None:
    """AUC with DeLong's variance against one sort of the same scores."""
    rng = np.random.default_rng(1)
    truth = rng.random(size) < 0.3
    scores = rng.standard_normal(size) + truth
    sort = median_seconds(lambda: np.sort(scores))
    argsort = median_seconds(lambda: np.argsort(scores))
    own = median_seconds(lambda: auc(truth, scores))
    row(f"numpy sort of {size:,} scores", sort)
    row(f"numpy argsort of {size:,} scores", argsort)
    row(f"DeLong on {size:,} scores", own, f"{own / sort:.1f} sorts, {own / argsort:.1f} argsorts")


def readers() -> None:
    """Reader study of the size of the paper's, in two arms."""
    half = CASES // 2
    study = simulate_study(readers=READERS, positives=half, negatives=CASES - half, seed=1)
    name = f"{READERS} readers x {CASES} cases x 2 arms"
    row(f"table of {study.readings:,} readings from rows", _from_rows(study))
    for covariance in ("delong", "jackknife", "unbiased"):
        seconds = median_seconds(lambda kind=covariance: analyse(study, covariance=kind), runs=3)
        row(f"Obuchowski-Rockette, {covariance}, {name}", seconds)
    row(f"DBM, {name}", median_seconds(lambda: analyse(study, method="dbm"), runs=3))
    row(f"U-statistics, {name}", median_seconds(lambda: ustatistics(study), runs=3))
    gaps = simulate_study(readers=READERS, positives=half, negatives=CASES - half, missing=0.2, seed=1)
    row(f"U-statistics, a fifth missing, {name}", median_seconds(lambda: ustatistics(gaps), runs=3))


def _from_rows(study: Study) -> float:
    rows = list(study.rows())
    return median_seconds(lambda: Study.from_readings(rows), runs=3)


def proc() -> None:
    """DeLong here and in R's pROC, on the same data; skipped where that is not installed."""
    if reason := proc_comparison.missing():
        print(f"| pROC | | skipped: {reason} |")
        return
    for size, runs in ((100, 20), (10_000, 10), (1_000_000, 3)):
        rng = np.random.default_rng(size)
        truth = rng.random(size) < 0.3
        first, second = rng.standard_normal(size) + truth, np.round(rng.standard_normal(size) + 0.8 * truth, 1)
        theirs, versions = proc_comparison.ask(truth, first, second, runs)
        area = median_seconds(lambda t=truth, x=first: auc(t, x), runs=runs)
        pair = median_seconds(lambda t=truth, x=first, y=second: paired_test(t, x, y), runs=runs)
        row(f"AUC and interval, {size:,} scores, here", area)
        row(f"the same, {versions}", theirs["area"], f"{theirs['area'] / area:.0f} times")
        row(f"paired test, one score tied, {size:,}, here", pair)
        row(
            "the same, pROC",
            theirs["pair"],
            f"{theirs['pair'] / pair:.0f} times; {_agreement(truth, first, second, theirs)}",
        )


def _agreement(truth: np.ndarray, first: np.ndarray, second: np.ndarray, theirs: dict[str, float]) -> str:
    one, test = auc(truth, first), paired_test(truth, first, second)
    assert one.interval is not None  # noqa: S101
    ours = {"auc": one.value, "variance": one.variance, "low": one.interval.low, "high": one.interval.high}
    ours |= {"z": test.z, "p": test.p}
    worst = max(abs(value - theirs[name]) for name, value in ours.items() if value is not None)
    verdict = "agree" if worst <= proc_comparison.AGREE else "DO NOT agree"
    return f"AUC, variance, limits, z and p {verdict} (greatest difference {worst:.1g})"


def main() -> None:
    """The parts named, or all."""
    parts = {"delong": delong, "readers": readers, "proc": proc}
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}, numpy {np.__version__}"
    )
    print("\n| what | median | note |\n|---|---|---|")
    for name in sys.argv[1:] or parts:
        parts[name]()
    print(f"\npeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
