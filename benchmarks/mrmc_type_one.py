"""How often does each reader-study analysis find a difference where there is none?

Studies without an effect are drawn from the model of Roe and Metz and analysed at alpha 0.05; the share that comes out
significant should be near 5 %. Counts are kept in a file, structure by structure and block by block, so that a run that was
stopped goes on where it ended. The table goes to docs/statistics.md, with date, commit and number of repetitions::

    python benchmarks/mrmc_type_one.py --repetitions 2000 --jobs 2 --out type_one.json
"""

from __future__ import annotations

import sys
from pathlib import Path

# This folder holds a statistics.py, which would stand in for the standard library's module.
HERE = Path(__file__).resolve().parent
sys.path[:] = [str(HERE.parent), *(place for place in sys.path if Path(place or ".").resolve() != HERE)]

import argparse  # noqa: E402
import json  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Iterable, Iterator  # noqa: E402
from concurrent.futures import ProcessPoolExecutor  # noqa: E402
from functools import partial  # noqa: E402

from benchmarks.mrmc_variants import Outcomes, free_response, outcomes  # noqa: E402

from usnet.statistics.intervals import proportion_interval  # noqa: E402
from usnet.statistics.mrmc.synthetic import STRUCTURES  # noqa: E402

BLOCK = 50
MARKS = "marks"
"""Free-response studies, in place of a structure of Roe and Metz."""
FIELDS = ("studies", "rejected", "not estimable", "means", "covered")


def block(structure: str, readers: int, cases: int, start: int) -> dict[str, dict[str, int]]:
    """Counts of each variant over ``BLOCK`` seeds."""
    seeds = range(start, start + BLOCK)
    if structure == MARKS:
        return count(free_response(seed, readers, cases) for seed in seeds)
    return count(outcomes(structure, seed, readers, cases) for seed in seeds)


def count(many: Iterable[Outcomes]) -> dict[str, dict[str, int]]:
    """Counts by variant: see ``FIELDS``."""
    total: dict[str, Counter[str]] = {}
    for found in many:
        for name, outcome in found.items():
            one = total.setdefault(name, Counter(dict.fromkeys(FIELDS, 0)))
            one["studies"] += 1
            one["rejected"] += bool(outcome.rejected)
            one["not estimable"] += not outcome.estimable
            one["means"] += outcome.covered is not None
            one["covered"] += bool(outcome.covered)
    return {name: dict(one) for name, one in total.items()}


def run(options: argparse.Namespace) -> dict[str, dict[str, dict[str, dict[str, int]]]]:
    """All blocks that the file lacks; the file is written after each."""
    known = json.loads(options.out.read_text()) if options.out.exists() else {}
    for structure in options.structure:
        done = known.setdefault(f"{structure} {options.readers}x{options.cases}", {})
        todo = [start for start in range(0, options.repetitions, BLOCK) if str(start) not in done]
        job = partial(block, structure, options.readers, options.cases)
        for start, found in zip(todo, _spread(job, todo, options.jobs), strict=True):
            done[str(start)] = found
            options.out.write_text(json.dumps(known))
    return known


def _spread(job: partial[dict[str, dict[str, int]]], todo: list[int], jobs: int) -> Iterator[dict[str, dict[str, int]]]:
    if jobs == 1:
        yield from map(job, todo)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(job, todo)


def table(known: dict[str, dict[str, dict[str, dict[str, int]]]]) -> str:
    """Markdown: a row a variant; a column a structure."""
    totals = {name: _sum(blocks.values()) for name, blocks in known.items()}
    first = {variant: one for counts in reversed(totals.values()) for variant, one in counts.items()}
    names = list(totals)
    lines = [f"| analysis | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    lines += [f"| {variant} | {' | '.join(_share(totals[n].get(variant)) for n in names)} |" for variant in first]
    lines += ["", f"| interval of a modality's mean AUC | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for variant, one in first.items():
        if one["means"]:
            lines.append(f"| {variant} | {' | '.join(_coverage(totals[n].get(variant)) for n in names)} |")
    sizes = ", ".join(f"{name}: {next(iter(t.values()))['studies']}" for name, t in totals.items())
    return f"Studies: {sizes}\n\n" + "\n".join(lines)


def _sum(blocks: Iterable[dict[str, dict[str, int]]]) -> dict[str, Counter[str]]:
    total: dict[str, Counter[str]] = {}
    for one in blocks:
        for name, counts in one.items():
            total.setdefault(name, Counter(dict.fromkeys(FIELDS, 0))).update(counts)
    return total


def _share(one: Counter[str] | None) -> str:
    if one is None:
        return ""
    interval = proportion_interval(one["rejected"], one["studies"])
    assert interval is not None  # noqa: S101
    text = f"{100 * one['rejected'] / one['studies']:.1f} ({100 * interval.low:.1f}-{100 * interval.high:.1f})"
    return text + (f", {one['not estimable']} not estimable" if one["not estimable"] else "")


def _coverage(one: Counter[str] | None) -> str:
    if one is None or not one["means"]:
        return ""
    missing = one["studies"] - one["means"]
    return f"{100 * one['covered'] / one['means']:.1f}" + (f", {missing} not estimable" if missing else "")


def main() -> None:
    """Simulate and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=2000, help=f"a multiple of {BLOCK}")
    parser.add_argument("--structure", choices=[*STRUCTURES, MARKS], nargs="+", default=[*STRUCTURES, MARKS])
    parser.add_argument("--readers", type=int, default=5)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("type_one.json"), help="counts; continued where it exists")
    print(table(run(parser.parse_args())))


if __name__ == "__main__":
    main()
