"""Are studies lost or doubled while the node is killed and the archive restarted? Prints a report as JSON.

Needs Debian's Orthanc. The small form of this is a test::

    python benchmarks/node_loss.py --studies 500 --kills 50 --restarts 5
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# This folder holds a statistics.py, which would stand in for the standard library's module.
sys.path[:] = [str(HERE.parent / "tests" / "pacs"), *(p for p in sys.path if Path(p or ".").resolve() != HERE)]

import argparse  # noqa: E402
import json  # noqa: E402
import tempfile  # noqa: E402
from dataclasses import asdict  # noqa: E402

from loss import Plan, Trial  # noqa: E402


def main() -> int:
    """Run it; exit code 1 if any study ended in no allowed way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=500)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--restarts", type=int, default=5)
    parser.add_argument("--damaged", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    with tempfile.TemporaryDirectory() as folder:
        report = Trial(Path(folder), Plan(**vars(parser.parse_args()))).run()
    print(json.dumps(asdict(report), indent=1))
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
