"""The inference engine's own usage collector stays off."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

RUN = "from usnet.diagnosis import Diagnoser; import numpy as np; Diagnoser(gate=False).diagnose(np.eye(64, dtype=np.uint8) * 200)"


def test_onnxruntime_leaves_no_session_file_of_its_collector(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"} | {"TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", RUN], env=environment, check=True, cwd=tmp_path)
    assert [path.name for path in tmp_path.rglob("*.ses")] == []
