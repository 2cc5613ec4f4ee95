"""Load on a study server on loopback: hundreds of readers at once, answers counted one by one, crashes in between.

    python benchmarks/study_load.py                                  # 343 readers, 100 cases, two arms: 68,600 answers, SQLite
    python benchmarks/study_load.py --postgres                       # the same on a PostgreSQL that it starts itself
    python benchmarks/study_load.py --kills 100                      # kill -9 of the server at random moments during it
    python benchmarks/study_load.py --postgres --restarts 3          # PostgreSQL stopped (immediate) and started midway

Readers think for ``--think`` seconds on average (uniform between half and one and a half) before each answer; with 0 they never
wait, which shows the most the server can do. The server is one process. Prints seconds of a save as its reader waits for it, the
answers lost and doubled, and what ``usnet study verify`` says.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select

from usnet.datasets.records import load
from usnet.phantoms.writing import write_dataset
from usnet.readers import enrolment, organiser
from usnet.readers.cases import draw_cases, write_cases
from usnet.readers.place import Place, open_place
from usnet.readers.protocol import Protocol
from usnet.readers.protocol_file import parse_protocol, template
from usnet.readers.simulation.session import Plan, Tally, take_part
from usnet.readers.start import start
from usnet.readers.tables import AnswerRow
from usnet.readers.verify import verify
from usnet.store.database import reading
from usnet.store.tables import Link


def protocol(cases: int, arms: int) -> Protocol:
    """One or two arms that show no model (sequential without findings would need one): reading alone is what is measured."""
    document = parse_protocol(template()).model_dump(mode="json")
    for stratum in document["cases"]["strata"]:
        stratum["count"] = cases // 2
    document["cases"] |= {"training": 0, "repeats": 0, "nodule_gap": 1}
    document["panels"] = []
    document["design"] = {"kind": "one-arm", "arms": ["unaided"], "washout_days": 28}
    if arms == 2:
        document["design"] |= {"kind": "crossover", "arms": ["unaided", "aided"]}
        document["ai"] = {"bundle": "usnet-fast"}
    else:
        document["ai"] = None
    return Protocol.model_validate(document)


def images(folder: Path, rules: Protocol) -> None:
    """Phantoms, because the model refuses what does not look like ultrasound; drawn into ``folder/cases``."""
    wanted = sum(stratum.count for stratum in rules.cases.strata)
    write_dataset(folder / "pool", round(1.25 * wanted) + 12, 1, shares=(1, 1, 0), size=(256, 256), jobs=2)
    pool = load(folder / "pool")
    write_cases(pool, draw_cases(pool, rules), folder / "cases")


class Server:
    """The study server as a process on a fixed port, started again after each kill."""

    def __init__(self, data: Path, database: str | None) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._command = [sys.executable, "-m", "usnet.web.study.alone", str(data), database or "", str(self.port)]
        self.process = self._start()

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if process.stdout is None or not process.stdout.readline().strip().isdigit():
            raise SystemExit("the server did not start")
        return process

    async def kill(self) -> None:
        """As a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = await asyncio.to_thread(self._start)

    def stop(self) -> None:
        """End it in peace."""
        if self.process.stdin:
            self.process.stdin.close()
        self.process.wait(30)


def answer(state: dict[str, Any], _picture: bytes) -> dict[str, Any]:
    """Any answer."""
    p = random.randint(0, 100)
    return {"decision": "malignant" if p >= 50 else "benign", "probability": p, "birads": "4A", "active_s": 3.0}


async def read(place: Place, study: str, server: Server, made: list[Any], options: Any, disturb: Any) -> Tally:
    """All readers, part by part; between the parts the washout is waived, as an organiser may."""
    tally = Tally()

    async def think() -> None:
        if options.think:
            await asyncio.sleep(random.uniform(0.5, 1.5) * options.think)

    plans = [
        Plan(
            m.number,
            m.code,
            random.uniform(0, 34),
            "female",
            "35-39",
            answer,
            think,
            patience=300,
            images=options.images,
        )
        for m in made
    ]
    troubles = asyncio.create_task(disturb(server, tally))
    for part in range(options.arms):
        phases = Counter(await asyncio.gather(*(take_part(server.port, study, plan, tally) for plan in plans)))
        print(f"part {part + 1}: {dict(phases)}", flush=True)
        if part + 1 < options.arms:
            for m in made:
                organiser.waive_washout(place, study, m.number, "load test", "parts follow at once")
    troubles.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await troubles
    return tally


def check(place: Place, study: str, tally: Tally, expected: int) -> dict[str, Any]:
    """Every acknowledged answer is there, once."""
    keys: Counter[tuple[int, str]] = Counter()
    with reading(place.engine) as session:
        rows = session.execute(select(Link.stream, Link.body).where(Link.action == "answer")).yield_per(5000)
        for stream, body in rows:
            keys[int(stream.rpartition("/")[2]), json.loads(body)["client_key"]] += 1
        slots = session.execute(
            select(AnswerRow.reader, AnswerRow.period, AnswerRow.position).where(AnswerRow.study == study)
        ).all()
    acknowledged = set(tally.receipts)
    return {
        "answers": sum(keys.values()),
        "expected": expected,
        "acknowledged": len(acknowledged),
        "lost": len(acknowledged - set(keys)),
        "not acknowledged": len(set(keys) - acknowledged),
        "doubled": sum(n - 1 for n in keys.values()) + len(slots) - len(set(slots)),
        "faults found by verify": verify(place, study),
    }


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[Any]:
    """A PostgreSQL of its own, synced to disk as it ships."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from helpers.postgres import cluster

    with cluster(folder, durable=True) as server:
        yield server


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--readers", type=int, default=343)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--arms", type=int, default=2, choices=(1, 2))
    parser.add_argument("--think", type=float, default=4.0, help="seconds on average before each answer")
    parser.add_argument("--images", action="store_true", help="fetch the images too, as pages do")
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--kills", type=int, default=0, help="kill -9 of the server, at random moments")
    parser.add_argument("--restarts", type=int, default=0, help="PostgreSQL stopped and started")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random.seed(options.seed)
    folder = Path(tempfile.mkdtemp(prefix="usnet-load-"))
    try:
        with postgres(folder / "pg") if options.postgres else contextlib.nullcontext() as database:
            run(folder, database, options)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def run(folder: Path, database: Any, options: Any) -> None:
    """One run, printed."""
    url = database.database() if database else None
    rules = protocol(options.cases, options.arms)
    images(folder, rules)
    place = open_place(folder / "data", url)
    start(place, rules, folder / "cases")
    study = rules.study.id
    made = enrolment.invite(place, study, [enrolment.Person()] * options.readers, "load test")
    server = Server(folder / "data", url)
    total = options.readers * options.cases * options.arms
    disturbed = Counter[str]()

    async def disturb(running: Server, tally: Tally) -> None:
        """Troubles spread over the run by the number of answers given."""
        events = ["kill"] * options.kills + ["restart"] * options.restarts
        random.shuffle(events)
        marks = sorted(random.uniform(0.02, 0.97) * total for _ in events)
        for event, mark in zip(events, marks, strict=True):
            while len(tally.receipts) < mark:
                await asyncio.sleep(0.05)
            await asyncio.sleep(random.uniform(0, 0.3))
            if event == "kill":
                await running.kill()
            else:
                await asyncio.to_thread(database.restart)
            disturbed[event] += 1

    begin = time.monotonic()
    tally = asyncio.run(read(place, study, server, made, options, disturb))
    seconds = time.monotonic() - begin
    server.stop()
    tenths = [1000 * float(np.quantile(part, 0.95)) for part in np.array_split(np.array(tally.saves), 10)]
    saves = np.sort(tally.saves)
    result = check(place, study, tally, total)
    p50, p95, p99 = (1000 * float(np.quantile(saves, q)) for q in (0.5, 0.95, 0.99))
    kind = "PostgreSQL" if database else "SQLite"
    print(
        f"{kind}: {options.readers} readers at once, {total} answers in {seconds:.0f} s ({total / seconds:.0f} a second)"
    )
    print(f"save: p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms, longest {1000 * saves[-1]:.0f} ms")
    print("p95 by tenths of the answers: " + ", ".join(f"{ms:.0f}" for ms in tenths) + " ms")
    print(f"troubles: {dict(disturbed) or 'none'}; saves that had to be repeated: {tally.repeated}")
    print("; ".join(f"{name}: {value}" for name, value in result.items()))


if __name__ == "__main__":
    main()
