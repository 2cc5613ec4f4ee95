"""Reading keeps to its thread: the cores are the networks'."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
READ = """
import sys, time
from usnet.bundles import load
from usnet.diagnosis import Item
from usnet.diagnosis.gate import gate_of
from usnet.diagnosis.prepare import Preparer
from usnet.images import Limits

bundle = load(None)
preparer = Preparer(bundle.manifest, gate_of(bundle), Limits())
items = [Item(path) for path in sys.argv[1:]] * 4
def read():
    return [step.image.shape for step in preparer.files(items, "none")]
read()
whole, here = time.process_time(), time.thread_time()
read()
print(time.process_time() - whole, time.thread_time() - here)
"""


def test_reading_wakes_no_other_thread(tmp_path: Path) -> None:
    """Products of long vectors by BLAS once took as much of the other cores as reading took of its own."""
    simulate = [sys.executable, "-m", "usnet", "phantom", "--count", "2", "--format", "dicom", str(tmp_path)]
    subprocess.run(simulate, capture_output=True, check=True)
    files = sorted(map(str, tmp_path.rglob("*.dcm")))
    assert len(files) == 2
    unlimited = {name: value for name, value in os.environ.items() if name not in LIMITS}
    command = [sys.executable, "-c", READ, *files]
    done = subprocess.run(command, env=unlimited, capture_output=True, text=True, check=True)
    process, thread = map(float, done.stdout.split())
    assert process < 1.2 * thread
