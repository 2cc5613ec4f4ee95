"""Cases of a study: drawn from a dataset by stratum and seed, or read from a folder, and checked, all problems at once."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from usnet.datasets.records import Dataset, ImageRecord, load
from usnet.datasets.sample import write_copy
from usnet.errors import DataError
from usnet.readers.allocation import SAMPLE
from usnet.readers.draws import Draws
from usnet.readers.protocol import Protocol, Stratum

USES = "study-cases.json"
"""File beside ``dataset.json`` that says which image belongs to which stratum and use."""


class CaseError(DataError):
    """A case cannot be used in the study: no truth, no stratum, or it gives its label away."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """An image with its part in the study."""

    record: ImageRecord
    stratum: str
    use: Literal["training", "test"]

    @property
    def nodule(self) -> str:
        """What two views have in common: patient or group, which holds for all nodules in it."""
        return self.record.group


def belongs(record: ImageRecord, stratum: Stratum) -> bool:
    """Whether an image is of a stratum: label, and largest diameter and BI-RADS where the stratum asks for them."""
    if record.label != stratum.label or record.exclude is not None:
        return False
    if stratum.birads and record.birads not in stratum.birads:
        return False
    if stratum.minimum_mm is None and stratum.maximum_mm is None:
        return True
    sizes = [n.diameter_mm for n in record.nodules if n.diameter_mm is not None]
    low, high = stratum.minimum_mm or 0.0, stratum.maximum_mm or float("inf")
    return bool(sizes) and low <= max(sizes) < high


def draw_cases(dataset: Dataset, protocol: Protocol) -> list[Chosen]:
    """Test and training cases by stratum and the study's seed, from as many groups as there are; training cases come from groups
    that no test case is of.

    Raises
    ------
    CaseError
        Strata have too few images; names them all.
    """
    draws = Draws(protocol.study.seed, SAMPLE)
    taken: set[int] = set()
    chosen: list[Chosen] = []
    short: list[str] = []
    for stratum in protocol.cases.strata:
        pool = [r for r in dataset.records if belongs(r, stratum) and r.image_id not in taken]
        picked = _spread(draws.shuffled(pool))[: stratum.count]
        if len(picked) < stratum.count:
            short.append(f"stratum {stratum.name!r} has {len(picked)} of {stratum.count} images")
        taken |= {r.image_id for r in picked}
        chosen += [Chosen(record, stratum.name, "test") for record in picked]
    chosen += _training(dataset, protocol, {c.record.group for c in chosen}, draws, short)
    if short:
        raise CaseError("; ".join(short), source=dataset.root, hint="Lower the counts or bring more images")
    return chosen


def _training(dataset: Dataset, protocol: Protocol, used: set[str], draws: Draws, short: list[str]) -> list[Chosen]:
    """Training cases, the strata in turn."""
    pools = {
        stratum.name: _spread(
            draws.shuffled([r for r in dataset.records if belongs(r, stratum) and r.group not in used])
        )
        for stratum in protocol.cases.strata
    }
    found: list[Chosen] = []
    taken: set[int] = set()
    while len(found) < protocol.cases.training:
        before = len(found)
        for name, pool in pools.items():
            record = next((r for r in pool if r.image_id not in taken), None)
            if record is not None and len(found) < protocol.cases.training:
                taken.add(record.image_id)
                found.append(Chosen(record, name, "training"))
        if len(found) == before:
            short.append(f"{len(found)} of {protocol.cases.training} training cases from groups without test cases")
            break
    return found


def _spread(records: list[ImageRecord]) -> list[ImageRecord]:
    """The first image of every group, then the second of every group, and so on."""
    seen: dict[str, int] = defaultdict(int)
    turns = []
    for position, record in enumerate(records):
        turns.append((seen[record.group], position))
        seen[record.group] += 1
    return [records[position] for _, position in sorted(turns)]


def write_cases(dataset: Dataset, chosen: Sequence[Chosen], out: Path) -> None:
    """Write the chosen images as a dataset of their own, with :data:`USES`."""
    ids = {c.record.image_id for c in chosen}
    info = dataset.info | {"study sample of": dataset.name}
    write_copy(replace(dataset.with_records(r for r in dataset.records if r.image_id in ids), info=info), out)
    uses = {c.record.file_name: {"stratum": c.stratum, "use": c.use} for c in chosen}
    (out / USES).write_text(json.dumps(uses, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load_cases(folder: Path, protocol: Protocol) -> tuple[Dataset, list[Chosen]]:
    """Cases in a folder made by :func:`write_cases`; in any other dataset folder strata are told by the images' own truth, and
    images beyond a stratum's count become training cases.

    Raises
    ------
    CaseError
        Cases without truth, of no stratum, in a wrong number, or missing files; all in one message.
    """
    dataset = load(folder)
    problems = [
        f"{r.file_name}: no truth (label {r.label}, {_unknown(r)} nodules of unknown pathology)"
        for r in dataset.records
        if r.exclude is None and (r.label is None or _unknown(r))
    ]
    chosen = _listed(folder, dataset, problems) if (folder / USES).is_file() else _sorted_in(dataset, protocol)
    strata = {s.name: s for s in protocol.cases.strata}
    problems += [
        f"{c.record.file_name}: not of stratum {c.stratum!r}"
        for c in chosen
        if c.record.label is not None and (c.stratum not in strata or not belongs(c.record, strata[c.stratum]))
    ]
    counts = Counter((c.stratum, c.use) for c in chosen)
    problems += [
        f"stratum {s.name!r} has {counts[s.name, 'test']} cases, the protocol {s.count}"
        for s in protocol.cases.strata
        if counts[s.name, "test"] != s.count
    ]
    training = sum(c.use == "training" for c in chosen)
    if training != protocol.cases.training:
        problems.append(f"{training} training cases, the protocol {protocol.cases.training}")
    problems += [f"{c.record.file_name}: file is missing" for c in chosen if not dataset.path(c.record).is_file()]
    if problems:
        shown = "; ".join(problems[:20]) + ("" if len(problems) <= 20 else f"; and {len(problems) - 20} more")
        raise CaseError(shown, source=folder, hint="Draw cases with 'usnet study sample'")
    return dataset, chosen


def _unknown(record: ImageRecord) -> int:
    return sum(n.pathology is None for n in record.nodules)


def _listed(folder: Path, dataset: Dataset, problems: list[str]) -> list[Chosen]:
    uses = json.loads((folder / USES).read_text(encoding="utf-8"))
    known = {r.file_name: r for r in dataset.records}
    problems += [f"{name}: listed in {USES}, not in dataset.json" for name in uses if name not in known]
    return [Chosen(known[n], row["stratum"], row["use"]) for n, row in uses.items() if n in known]


def _sorted_in(dataset: Dataset, protocol: Protocol) -> list[Chosen]:
    room = {s.name: s.count for s in protocol.cases.strata}
    chosen, training = list[Chosen](), protocol.cases.training
    for record in dataset.records:
        of = next((s.name for s in protocol.cases.strata if belongs(record, s)), None)
        if of is None:
            continue
        if room[of]:
            room[of] -= 1
            chosen.append(Chosen(record, of, "test"))
        elif training:
            training -= 1
            chosen.append(Chosen(record, of, "training"))
    return chosen
