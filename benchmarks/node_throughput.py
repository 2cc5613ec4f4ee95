"""Objects a second: received, diagnosed and answered by the node, against ``usnet diagnose`` on the same files. Prints JSON.

Needs Debian's Orthanc. The command is measured as it is and with ``--to sr,sc``, which makes the same objects as the node. All are
measured in one run on the same machine, with the same cores, in turns. Processor time is told by who used it, because archive and
sender share the cores with the node, which in a hospital they do not::

    python benchmarks/node_throughput.py --objects 100 --turns 3
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# This folder holds a statistics.py, which would stand in for the standard library's module.
sys.path[:] = [str(HERE.parent / "tests" / "pacs"), *(p for p in sys.path if Path(p or ".").resolve() != HERE)]

import argparse  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections import Counter, defaultdict  # noqa: E402
from statistics import median  # noqa: E402

from phantom_studies import studies  # noqa: E402
from servers import Node, Orthanc, running, wait_for  # noqa: E402

from usnet.pacs import records  # noqa: E402
from usnet.pacs.config import load  # noqa: E402
from usnet.store.database import connect  # noqa: E402

IMAGES = 4
"""In a study, about as many as a breast examination has of one nodule."""
TICKS = os.sysconf("SC_CLK_TCK")
Figures = dict[str, float]


def diagnose(files: list[Path], out: Path, *more: str) -> Figures:
    """Seconds of ``usnet diagnose`` with everything it writes, its start included; wall and processor."""
    before, start = _children(), time.perf_counter()
    command = [sys.executable, "-m", "usnet", "diagnose", *map(str, files), "-o", str(out), *more]
    subprocess.run(command, check=True, capture_output=True)
    return {"wall": time.perf_counter() - start, "processor": _children() - before}


def serve(files: list[Path], archive: Orthanc, node: Node) -> Figures:
    """Seconds from the first byte sent to the node until the archive has said that it has every result; and processor seconds."""
    engine = connect(load(node.config).database)
    before = records.counts(engine)["objects answered"]
    used, sender, start = _used(archive, node), _children(), time.perf_counter()
    command = ["storescu", "-aet", "SCANNER", "-aec", "USNET", "127.0.0.1", str(node.port), *map(str, files)]
    subprocess.run(command, check=True)
    received = time.perf_counter() - start
    wait_for(lambda: records.counts(engine)["objects answered"] - before == len(files), 3600, "answers")
    seconds = time.perf_counter() - start
    engine.dispose()
    spent = _used(archive, node)
    spent.subtract(used)
    return {"wall": seconds, "received": received, "sender": _children() - sender} | dict(spent)


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _used(archive: Orthanc, node: Node) -> Counter[str]:
    """Processor seconds so far of the archive and of each part of the node; servers that ended meanwhile are missing."""
    lines = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], check=True, capture_output=True, text=True).stdout
    table = [line.split(None, 2) for line in lines.splitlines()]
    children, names = defaultdict(list), {}
    for pid, parent, name in table:
        children[int(parent)].append(int(pid))
        names[int(pid)] = name
    used: Counter[str] = Counter({"archive": _seconds(archive.pid)})
    waiting = [node.pid]
    while waiting:
        pid = waiting.pop()
        waiting += children[pid]
        part = next((name for name in ("sandbox", "worker") if f"usnet.pacs.{name}" in names[pid]), "main")
        used[f"node, {part}"] += _seconds(pid)
    return used


def _seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=100)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--size", type=int, default=512, help="rows and columns of the phantoms")
    given = parser.parse_args()
    found: dict[str, list[Figures]] = {"usnet diagnose": [], "usnet diagnose --to sr,sc": [], "node": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = Orthanc(folder / "archive")
        peer = {"kind": "dicom", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": archive.dicom_port}
        node = Node(folder / "node", peer, work={"workers": given.workers, "quiet_seconds": 1.0})
        archive.tell({"usnet": ["USNET", "127.0.0.1", node.port]})
        with running(archive, node):
            serve(
                _files(folder / "warm", 2 * given.workers, given.size, 99), archive, node
            )  # models are loaded by then
            for turn in range(given.turns):
                files = _files(folder / str(turn), given.objects // IMAGES, given.size, turn)
                found["usnet diagnose"].append(diagnose(files, folder / f"out-{turn}"))
                found["usnet diagnose --to sr,sc"].append(diagnose(files, folder / f"objects-{turn}", "--to", "sr,sc"))
                found["node"].append(serve(files, archive, node))
    print(json.dumps(vars(given) | _report(found, given.objects), indent=1))


def _report(found: dict[str, list[Figures]], objects: int) -> dict[str, object]:
    wall = {name: median(one["wall"] for one in turns) for name, turns in found.items()}
    spent = {
        name: {part: round(1000 * median(one[part] for one in turns) / objects, 1) for part in sorted(turns[0])}
        for name, turns in found.items()
    }
    return {
        "objects/s": {name: [round(objects / one["wall"], 2) for one in turns] for name, turns in found.items()},
        "node over usnet diagnose": round(wall["usnet diagnose"] / wall["node"], 3),
        "node over usnet diagnose --to sr,sc": round(wall["usnet diagnose --to sr,sc"] / wall["node"], 3),
        "milliseconds an object": spent,
    }


def _files(folder: Path, count: int, size: int, seed: int) -> list[Path]:
    return [file for study in studies(folder, count, images=IMAGES, size=size, seed=seed) for file in study]


if __name__ == "__main__":
    main()
