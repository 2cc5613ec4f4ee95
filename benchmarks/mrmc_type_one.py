"""How often does each reader-study analysis find a difference where there is none?

Studies without an effect are drawn from the model of Roe and Metz and analysed at alpha 0.05; the share that comes out
significant should be near 5 %. The table goes to the documentation by hand, with date, commit and number of repetitions::

    python benchmarks/mrmc_type_one.py --repetitions 2000 --structure HL --jobs 2
"""

from __future__ import annotations

import sys
from pathlib import Path

# This folder holds a statistics.py, which would stand in for the standard library's module.
sys.path[:] = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).resolve().parent]

import argparse  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from concurrent.futures import ProcessPoolExecutor  # noqa: E402
from functools import partial  # noqa: E402
from itertools import islice  # noqa: E402

import numpy as np  # noqa: E402

from usnet.statistics.intervals import proportion_interval  # noqa: E402
from usnet.statistics.mrmc import MrmcResult, Study, analyse, simulate_study, ustatistics  # noqa: E402
from usnet.statistics.mrmc.synthetic import STRUCTURES  # noqa: E402

CROSSED = {
    "OR, DeLong, readers and cases random": {},
    "OR, jackknife, readers and cases random": {"covariance": "jackknife"},
    "OR, unbiased, readers and cases random": {"covariance": "unbiased"},
    "DBM": {"method": "dbm"},
    "OR, DeLong, readers fixed (speaks for these readers only)": {"readers": "fixed"},
    "OR, cases fixed (speaks for these cases only)": {"cases": "fixed"},
}
NESTED = ("readers nested in modality", "cases nested in reader", "cases nested in modality")


def p_of(result: MrmcResult) -> float | None:
    """p of the test of equality."""
    return None if result.test is None else result.test.p


def tests_of(structure: str, seed: int, readers: int, cases: int) -> dict[str, float | None]:
    """p of every variant on studies drawn with one seed."""
    half = cases // 2
    draw = partial(simulate_study, STRUCTURES[structure], readers=readers, positives=half, negatives=cases - half)
    streams = iter(np.random.SeedSequence([seed, 77]).spawn(5))

    def study(**options: object) -> Study:
        return draw(seed=np.random.default_rng(next(streams)), **options)  # type: ignore[arg-type]

    crossed = study()
    found = {name: p_of(analyse(crossed, **options)) for name, options in CROSSED.items()}  # type: ignore[arg-type]
    found["U-statistics, BDG degrees of freedom"] = ustatistics(crossed).differences[0].p
    found["U-statistics, normal"] = ustatistics(crossed).differences[0].normal.p
    gaps = study(missing=0.2)
    found["U-statistics, a fifth missing"] = ustatistics(gaps).differences[0].p
    found["U-statistics centred, a fifth missing"] = ustatistics(gaps, centre=True).differences[0].p
    for design in NESTED:
        nested = study(design=design)
        found[f"OR, DeLong, {design}"] = p_of(analyse(nested))
        found[f"U-statistics, {design}"] = ustatistics(nested).differences[0].p
    return found


def main() -> None:
    """Simulate and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=2000)
    parser.add_argument("--structure", choices=sorted(STRUCTURES), default="HL")
    parser.add_argument("--readers", type=int, default=5)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    job = partial(tests_of, options.structure, readers=options.readers, cases=options.cases)
    seeds = range(options.seed, options.seed + options.repetitions)
    found: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    for result in islice(_spread(job, seeds, options.jobs), options.repetitions):
        for name, p in result.items():
            found[name] += int(p is not None and p <= 0.05)
            unknown[name] += int(p is None)
    print(
        f"{options.repetitions} studies, structure {options.structure}, {options.readers} readers x {options.cases} cases\n"
    )
    print("| analysis | significant at .05 | 95 % CI | not estimable |\n|---|---|---|---|")
    for name in unknown:
        interval = proportion_interval(found[name], options.repetitions)
        assert interval is not None  # noqa: S101
        share = found[name] / options.repetitions
        print(
            f"| {name} | {100 * share:.2f} % | {100 * interval.low:.1f} to {100 * interval.high:.1f} % | {unknown[name]} |"
        )


def _spread(
    job: Callable[[int], dict[str, float | None]], seeds: range, jobs: int
) -> Iterator[dict[str, float | None]]:
    if jobs == 1:
        return map(job, seeds)
    return ProcessPoolExecutor(jobs).map(job, seeds, chunksize=20)


if __name__ == "__main__":
    main()
