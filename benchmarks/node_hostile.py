"""Does the node survive damaged objects, bombs, floods and half-open connections? Prints a report as JSON.

Needs Debian's Orthanc. The small form of this is a test::

    python benchmarks/node_hostile.py --count 5000
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
import warnings  # noqa: E402

from siege import Siege  # noqa: E402


def main() -> int:
    """Run it; exit code 1 if the node died, wrote elsewhere, or took a gibibyte."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000, help="damaged objects")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--loops", type=float, default=0.04, help="share of the loop of 30 frames")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        report = Siege(Path(folder), given.count, given.seed, workers=given.workers, loops=given.loops).run()
    print(json.dumps(vars(given) | vars(report), indent=1))
    return 0 if report.alive and not report.strays and report.peak_all_mib < 1024 else 1


if __name__ == "__main__":
    sys.exit(main())
