"""The same AUC by R's pROC: time on the same data, and whether the numbers agree. For ``statistics.py``."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from usnet.statistics.arrays import BoolArray, FloatArray

AGREE = 1e-8

SCRIPT = r"""
suppressMessages(library(pROC))
here <- commandArgs(TRUE)[1]; n <- as.integer(commandArgs(TRUE)[2]); runs <- as.integer(commandArgs(TRUE)[3])
get <- function(name) readBin(file.path(here, name), "double", n)
truth <- get("truth"); first <- get("first"); second <- get("second")
curve <- function(x) roc(truth, x, levels = c(0, 1), direction = "<", quiet = TRUE)
seconds <- function(job) median(sapply(seq_len(runs + 1), function(i) system.time(job())[["elapsed"]])[-1])
a <- curve(first); b <- curve(second)
test <- roc.test(a, b, method = "delong", paired = TRUE)
limits <- ci.auc(a, method = "delong")
values <- c(auc = as.numeric(auc(a)), variance = var(a, method = "delong"), low = limits[1], high = limits[3],
            z = unname(test$statistic), p = test$p.value,
            area = seconds(function() ci.auc(curve(first), method = "delong")),
            pair = seconds(function() roc.test(curve(first), curve(second), method = "delong", paired = TRUE)))
cat(sprintf('{%s, "version": "%s", "r": "%s"}', paste(sprintf('"%s": %.17g', names(values), values), collapse = ", "),
            packageVersion("pROC"), paste(R.version$major, R.version$minor, sep = ".")))
"""


def missing() -> str | None:
    """Why pROC cannot be asked, ``None`` where it can."""
    program = shutil.which("Rscript")
    if program is None:
        return "R is not installed (Debian: r-base-core)"
    found = subprocess.run([program, "-e", "library(pROC)"], capture_output=True, check=False)
    return "R's pROC is not installed (Debian: r-cran-proc)" if found.returncode else None


def ask(truth: BoolArray, first: FloatArray, second: FloatArray, runs: int) -> tuple[dict[str, float], str]:
    """AUC, variance, limits of ``first``; z and p of the paired test; median seconds of ``runs`` after one more. And versions."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        for name, values in (("truth", truth), ("first", first), ("second", second)):
            (here / name).write_bytes(values.astype("<f8").tobytes())
        (here / "ask.R").write_text(SCRIPT)
        command = ["Rscript", "--vanilla", str(here / "ask.R"), folder, str(truth.size), str(runs)]
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(answer.stdout)
    return found, f"pROC {found.pop('version')}, R {found.pop('r')}"
