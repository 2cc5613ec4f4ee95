"""Objects an hour: received, diagnosed and answered by the node, against ``usnet diagnose`` on the same files. Prints JSON.

Needs Debian's Orthanc. Both are measured in one run on the same machine, with the same number of cores, in turns::

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
import statistics  # noqa: E402
import subprocess  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402

from phantom_studies import studies  # noqa: E402
from servers import Node, Orthanc, running, wait_for  # noqa: E402

from usnet.pacs import records  # noqa: E402
from usnet.pacs.config import load  # noqa: E402
from usnet.store.database import connect  # noqa: E402

IMAGES = 4
"""In a study, about as many as a breast examination has of one nodule."""


def diagnose(files: list[Path], out: Path) -> float:
    """Seconds of ``usnet diagnose`` with everything it writes, its start included."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "usnet", "diagnose", *map(str, files), "-o", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def serve(files: list[Path], archive: Orthanc, node: Node) -> float:
    """Seconds from the first byte sent to the node until the archive has said that it has every result."""
    engine = connect(load(node.config).database)
    before = records.counts(engine)["objects answered"]
    start = time.perf_counter()
    command = ["storescu", "-aet", "SCANNER", "-aec", "USNET", "127.0.0.1", str(node.port), *map(str, files)]
    subprocess.run(command, check=True)
    wait_for(lambda: records.counts(engine)["objects answered"] - before == len(files), 3600, "answers")
    seconds = time.perf_counter() - start
    engine.dispose()
    return seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=100)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--size", type=int, default=512, help="rows and columns of the phantoms")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive = Orthanc(folder / "archive")
        peer = {"kind": "dicom", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": archive.dicom_port}
        node = Node(folder / "node", peer, work={"workers": given.workers, "quiet_seconds": 1.0})
        archive.tell({"usnet": ["USNET", "127.0.0.1", node.port]})
        by_command, by_node = [], []
        with running(archive, node):
            serve(_files(folder / "warm", given.workers, given.size, 99), archive, node)  # models are loaded by then
            for turn in range(given.turns):
                files = _files(folder / str(turn), given.objects // IMAGES, given.size, turn)
                by_command.append(diagnose(files, folder / f"out-{turn}"))
                by_node.append(serve(files, archive, node))
    report = {
        "usnet diagnose, objects/s": [round(given.objects / s, 2) for s in by_command],
        "node, objects/s": [round(given.objects / s, 2) for s in by_node],
        "ratio of medians": round(statistics.median(by_command) / statistics.median(by_node), 3),
    }
    print(json.dumps(vars(given) | report, indent=1))


def _files(folder: Path, count: int, size: int, seed: int) -> list[Path]:
    return [file for study in studies(folder, count, images=IMAGES, size=size, seed=seed) for file in study]


if __name__ == "__main__":
    main()
