"""How often does each interval of the package hold the true value?

Seeded samples are drawn where the truth is known; a 95 % interval should hold it in 95 of 100. Counts are kept in a file, block by
block, so that a run that was stopped goes on where it ended. The tables go to docs/statistics.md, with date and commit::

    python benchmarks/coverage.py --repetitions 2000 --jobs 2 --out coverage.json

``--part`` runs some of the parts only: see ``SCENARIOS``.
"""

from __future__ import annotations

import sys
from pathlib import Path

# This folder holds a statistics.py, which would stand in for the standard library's module.
HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parent), *(place for place in sys.path if Path(place or ".").resolve() != HERE)]

import argparse  # noqa: E402
import json  # noqa: E402
from collections.abc import Iterable, Iterator  # noqa: E402
from concurrent.futures import ProcessPoolExecutor  # noqa: E402
from functools import partial  # noqa: E402
from zlib import crc32  # noqa: E402

import numpy as np  # noqa: E402
from benchmarks import coverage_auc, coverage_others, coverage_rates  # noqa: E402
from benchmarks.coverage_base import DRAWS, Scenario, Trial  # noqa: E402

SIZES = (50, 200)
BLOCK = 100
SCENARIOS: dict[str, Scenario] = {
    "rates": coverage_rates.proportions,
    "tables": coverage_rates.tables,
    "differences": coverage_rates.differences,
    "clustered rates": coverage_rates.clustered,
    "auc": coverage_auc.areas,
    "auc differences": coverage_auc.pairs,
    "parts of the curve": coverage_auc.parts,
    "clustered auc": coverage_auc.clustered,
    "clustered auc differences": coverage_auc.clustered_pairs,
    "boxes": coverage_others.boxes,
    "agreement": coverage_others.agreement,
    "calibration": coverage_others.calibration,
    "measurements": coverage_others.measurements,
    "families": coverage_others.families,
}
SLOW = {"families": 200}
"""Most samples of a part: each studentised-range quantile takes a tenth of a second."""
Row = dict[str, float]
Rows = dict[str, Row]
"""Sums by ``situation | interval``: samples, given, covered, low (interval below the truth), high, width, estimates, bias."""


def block(part: str, n: int, start: int, size: int = BLOCK) -> Rows:
    """Sums over ``size`` seeded samples of one part."""
    return summarise(trials(part, n, range(start, start + size)))


def trials(part: str, n: int, seeds: Iterable[int]) -> Iterator[Trial]:
    """All intervals of one part, sample by sample; each sample has a stream of its own."""
    for seed in seeds:
        yield from SCENARIOS[part](np.random.default_rng([seed, n, crc32(part.encode())]), n)


def summarise(found: Iterable[Trial]) -> Rows:
    """Sums of many trials."""
    rows: Rows = {}
    fields = ("samples", "given", "covered", "low", "high", "width", "estimates", "bias")
    for trial in found:
        row = rows.setdefault(f"{trial.situation} | {trial.interval}", dict.fromkeys(fields, 0.0))
        row["samples"] += 1
        if trial.estimate is not None:
            row["estimates"] += 1
            row["bias"] += trial.estimate - trial.truth
        if (one := trial.limits) is not None:
            row["given"] += 1
            row["width"] += one.high - one.low
            row["low"] += one.high < trial.truth
            row["high"] += one.low > trial.truth
            row["covered"] += one.low <= trial.truth <= one.high
    return rows


def total(blocks: Iterable[Rows]) -> Rows:
    """Sum over blocks."""
    rows: Rows = {}
    for one in blocks:
        for name, row in one.items():
            known = rows.setdefault(name, dict.fromkeys(row, 0.0))
            for field, value in row.items():
                known[field] += value
    return rows


def run(options: argparse.Namespace) -> dict[str, dict[str, Rows]]:
    """All blocks that the file lacks, which is written after each; the file's content: ``{"part n": {start: rows}}``."""
    known = json.loads(options.out.read_text()) if options.out.exists() else {}
    for part in options.part:
        for n in SIZES:
            done = known.setdefault(f"{part} {n}", {})
            todo = [start for start in range(0, _samples(part, options.repetitions), BLOCK) if str(start) not in done]
            for start, rows in zip(todo, _spread(partial(block, part, n), todo, options.jobs), strict=True):
                done[str(start)] = rows
                options.out.write_text(json.dumps(known))
    return known


def _samples(part: str, asked: int) -> int:
    return min(asked, SLOW.get(part, asked))


def _spread(job: partial[Rows], todo: list[int], jobs: int) -> Iterator[Rows]:
    if jobs == 1:
        yield from map(job, todo)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(job, todo)


def tables(known: dict[str, dict[str, Rows]], parts: Iterable[str]) -> Iterator[str]:
    """A Markdown table for each part."""
    for part in parts:
        sums = [total(known[f"{part} {n}"].values()) for n in SIZES]
        samples = sorted({int(row["samples"]) for one in sums for row in one.values()})
        yield f"### {part}\n\n{', '.join(map(str, samples))} samples of each size\n"
        yield f"| situation | interval | {' | '.join(f'n = {n} | width' for n in SIZES)} | none given |"
        yield "|---" * (3 + 2 * len(SIZES)) + "|"
        before = ""
        for name in sums[0]:
            situation, interval = name.split(" | ")
            cells = " | ".join(_cell(one[name]) for one in sums)
            missing = " / ".join(f"{100 * (1 - one[name]['given'] / one[name]['samples']):.1f}" for one in sums)
            lost = "" if missing == " / ".join(["0.0"] * len(SIZES)) else f"{missing} %"
            yield f"| {situation if situation != before else ''} | {interval} | {cells} | {lost} |"
            before = situation
        yield ""


def _cell(row: Row) -> str:
    if not row["given"]:
        return "- | -"
    share = row["covered"] / row["given"]
    error = np.sqrt(max(share * (1 - share), 0.0) / row["given"])
    return f"{100 * share:.1f} ± {100 * error:.1f} | {row['width'] / row['given']:.3f}"


def main() -> None:
    """Simulate and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=2000, help=f"a multiple of {BLOCK}")
    parser.add_argument("--part", nargs="+", choices=list(SCENARIOS), default=list(SCENARIOS))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("coverage.json"), help="sums; continued where it exists")
    options = parser.parse_args()
    print(f"bootstrap intervals: {DRAWS} draws\n")
    print("\n".join(tables(run(options), options.part)))


if __name__ == "__main__":
    main()
