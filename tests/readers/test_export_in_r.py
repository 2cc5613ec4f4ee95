"""The exports analysed by R alone give the numbers of ``usnet study analyse``."""

from __future__ import annotations

import csv
import shutil
import subprocess
from pathlib import Path

import pytest
from test_analysis import ARMS, crossed

from usnet.readers.analysis.behaviour import repeats_grid
from usnet.readers.analysis.study import mrmc_study
from usnet.readers.report.exports import write_exports
from usnet.statistics.mrmc import analyse

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "study_export.R"


@pytest.fixture(scope="module")
def rscript() -> str:
    found = shutil.which("Rscript")
    if found is None:
        pytest.skip("R is not installed (Debian: r-base-core, r-cran-proc)")
    if subprocess.run([found, "-e", "library(pROC)"], capture_output=True, check=False).returncode:
        pytest.skip("R's package pROC is not installed (Debian: r-cran-proc)")
    return found


def test_r_finds_the_same_numbers_in_the_export(rscript: str, tmp_path: Path) -> None:
    data = crossed()
    write_exports(data, tmp_path)
    out = subprocess.run([rscript, SCRIPT, tmp_path], capture_output=True, text=True, check=True).stdout
    said = {(row["name"], row["group"]): float(row["value"]) for row in csv.DictReader(out.splitlines())}
    ours = analyse(mrmc_study(data, ARMS))
    for arm, values in zip(ours.modalities, ours.values, strict=True):
        for reader, value in zip(ours.readers, values, strict=True):
            own = [r for r in data.of(arm) if f"R{r.reader:03d}" == reader and data.cases[r.case].malignant]
            assert said["auc", f"{arm} {reader}"] == pytest.approx(value, abs=1e-9)
            assert said["sensitivity", f"{arm} {reader}"] == pytest.approx(sum(r.malignant for r in own) / len(own))
    difference = ours.differences[0]
    assert difference.label == "unaided - aided"
    assert said["difference", "OR"] == pytest.approx(difference.value, abs=1e-9)
    assert said["standard error", "OR"] == pytest.approx(difference.standard_error, rel=1e-6)
    assert said["df", "OR"] == pytest.approx(difference.df, rel=1e-6)
    assert said["p", "OR"] == pytest.approx(difference.p, rel=1e-6)
    for row in repeats_grid(data).rows:
        assert said["kappa repeats", str(row[0])] == pytest.approx(float(str(row[4])), abs=1e-9)
