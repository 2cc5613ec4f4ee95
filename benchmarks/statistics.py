"""How fast the statistics are on this machine: one table of medians, no judgement.

Numbers go to BENCHMARKS.md by hand, with date and commit::

    python benchmarks/statistics.py [delong] [readers]
"""

from __future__ import annotations

import sys
from pathlib import Path

from timing import median_seconds

# A script's own folder comes first on the path, where this file would stand in for the standard library's module.
sys.path[:] = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).resolve().parent]

import os  # noqa: E402
import platform  # noqa: E402
import resource  # noqa: E402

import numpy as np  # noqa: E402

from usnet.statistics.mrmc import Study, analyse, simulate_study, ustatistics  # noqa: E402
from usnet.statistics.roc import auc  # noqa: E402

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
        seconds = median_seconds(lambda kind=covariance: analyse(study, covariance=kind), runs=3)  # type: ignore[misc]
        row(f"Obuchowski-Rockette, {covariance}, {name}", seconds)
    row(f"DBM, {name}", median_seconds(lambda: analyse(study, method="dbm"), runs=3))
    row(f"U-statistics, {name}", median_seconds(lambda: ustatistics(study), runs=3))
    gaps = simulate_study(readers=READERS, positives=half, negatives=CASES - half, missing=0.2, seed=1)
    row(f"U-statistics, a fifth missing, {name}", median_seconds(lambda: ustatistics(gaps), runs=3))


def _from_rows(study: Study) -> float:
    rows = list(study.rows())
    return median_seconds(lambda: Study.from_readings(rows), runs=3)


def main() -> None:
    """The parts named, or all."""
    parts = {"delong": delong, "readers": readers}
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
