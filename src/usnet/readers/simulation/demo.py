"""A whole study in miniature: phantoms, protocol, start, invitations, every answer over HTTP, end, tables."""

from __future__ import annotations

import asyncio
import csv
import io
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from usnet.datasets.records import load
from usnet.phantoms.writing import write_dataset
from usnet.readers.cases import draw_cases, write_cases
from usnet.readers.place import Place, StudyError
from usnet.readers.protocol import About, Ai, Cases, Design, Panel, Protocol, Stratum
from usnet.readers.protocol_file import parse_protocol, template
from usnet.readers.simulation.crowd import PAPER, Group, Made, Mind, crowd
from usnet.readers.simulation.http import Browser, expect
from usnet.readers.simulation.session import Plan, Tally, take_part
from usnet.readers.tables import CaseRow, TruthRow
from usnet.store.database import reading

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scale:
    """How large: cases of each class, and readers by level."""

    per_class: int = 50
    groups: tuple[Group, ...] = PAPER
    seed: int = 1

    @classmethod
    def small(cls, readers: int, per_class: int, seed: int = 1) -> Scale:
        """Fewer readers in the paper's proportions (one at least of each level, experts always six)."""
        whole = sum(g.readers for g in PAPER[:-1])
        groups = []
        for group in PAPER[:-1]:
            share = max(1, round(readers * group.readers / whole))
            groups.append(Group(group.level, share, round(share * group.women / group.readers), group.age, group.score))
        return cls(per_class, (*groups, PAPER[-1]), seed)


def demo_protocol(scale: Scale, bundle: str) -> Protocol:
    """The paper's study: one arm without the model, two strata, the paper's levels, two panels of three by majority."""
    levels = parse_protocol(template()).levels
    strata = tuple(Stratum(name=n, label=n, count=scale.per_class) for n in ("benign", "malignant"))
    return Protocol(
        study=About(
            id="demo",
            title="Demonstration on phantoms, simulated readers",
            seed=scale.seed,
            consent="Simulated readers agree to everything.",
        ),
        cases=Cases(strata=strata, training=0, nodule_gap=min(10, scale.per_class // 4)),
        design=Design(kind="one-arm", arms=("unaided",)),
        levels=levels,
        panels=tuple(Panel(name=f"Expert group {n}", mode="majority", members=3) for n in (1, 2)),
        ai=Ai(bundle=bundle),
    )


def make_cases(folder: Path, protocol: Protocol, seed: int, jobs: int) -> None:
    """Phantoms enough for the protocol, and the draw from them."""
    wanted = sum(s.count for s in protocol.cases.strata)
    pool = folder / "pool"
    write_dataset(pool, round(1.25 * wanted) + 12, seed, shares=(1, 1, 0), size=(256, 256), jobs=jobs)
    dataset = load(pool)
    write_cases(dataset, draw_cases(dataset, protocol), folder / "cases")


def pictures(place: Place, study: str, seed: int) -> dict[bytes, tuple[bool, float]]:
    """Truth and difficulty of each case by the bytes of its image: what simulated readers perceive from."""
    rng = random.Random(seed)
    with reading(place.engine) as session:
        query = select(CaseRow.name, CaseRow.image, TruthRow.label).where(
            CaseRow.study == study, TruthRow.study == study, TruthRow.name == CaseRow.name
        )
        rows = session.execute(query.order_by(CaseRow.name)).all()
    return {place.blobs.path(r.image).read_bytes(): (r.label == "malignant", rng.gauss(0, 1)) for r in rows}


async def run_study(port: int, place: Place, protocol: Protocol, scale: Scale, say: Say) -> Tally:
    """Invite, read and end, all through the pages and addresses that people use."""
    study, people = protocol.study.id, crowd(protocol.levels, scale.seed, scale.groups)
    organiser = Browser(port)
    expect(await organiser.get(f"/studies/{study}"), 200)
    codes = await _invite(organiser, study, people, protocol)
    await organiser.close()  # a line that is silent for so long would be cut
    cases = pictures(place, study, scale.seed)
    plans = [
        Plan(n, code, p.years, p.sex, p.age_band, Mind(p, cases), patience=120.0)
        for n, (code, p) in enumerate(zip(codes, people, strict=True), 1)
    ]
    tally = Tally()
    watch = asyncio.create_task(_watch(tally, len(plans) * protocol.cases.total, say))
    try:
        phases = await asyncio.gather(*(take_part(port, study, plan, tally) for plan in plans))
    finally:
        watch.cancel()
    if set(phases) != {"finished"}:
        raise StudyError(f"readers ended as {', '.join(sorted(set(phases)))}")
    await organiser.get(f"/studies/{study}")
    expect(await organiser.form(f"/studies/{study}/state", act="end", reason="all readers have finished"), 303)
    await organiser.close()
    return tally


async def _invite(organiser: Browser, study: str, people: Sequence[Made], protocol: Protocol) -> list[str]:
    """Codes in the order of ``people``; experts go to the panels in turn."""
    codes: list[str] = []
    experts = sum(p.level == protocol.levels[-1].name for p in people)
    batches = [(len(people) - experts, "")] + [(experts // len(protocol.panels), p.name) for p in protocol.panels]
    for count, panel in batches:
        reply = expect(await organiser.form(f"/studies/{study}/invite", count=str(count), panel=panel), 200)
        codes += [row["code"] for row in csv.DictReader(io.StringIO(reply.body.decode("utf-8-sig")))]
    return codes


async def _watch(tally: Tally, total: int, say: Say) -> None:
    while True:
        await asyncio.sleep(10)
        say(f"{len(tally.saves)} of {total} answers")
