"""Commands for what was once a function only: rates, paired calls, calibration, several classes, margins, examples."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from usnet.cli.app import app
from usnet.errors import ConfigError, DataError, UsnetError
from usnet.statistics.calibration import brier
from usnet.statistics.calibration_line import calibration_line
from usnet.statistics.decision_curve import decision_curve
from usnet.statistics.groups_counts import cochran_q, mcnemar
from usnet.statistics.roc_multiclass import hand_till
from usnet.statistics.roc_partial import partial_auc
from usnet.statistics.tables import read_table

Run = Callable[..., str]


@pytest.fixture
def run() -> Run:
    """The output of ``usnet stats ARGUMENTS``; errors are raised as they are."""

    def call(*arguments: object) -> str:
        result = CliRunner().invoke(app, ["stats", *map(str, arguments)])
        if isinstance(result.exception, UsnetError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    return call


@pytest.fixture
def files(run: Run, tmp_path: Path) -> Path:
    """The folder of example files."""
    run("example", tmp_path / "files")
    return tmp_path / "files"


def numbers(out: Path, command: str) -> dict[str, object]:
    return json.loads((out / f"{command}.json").read_text())["numbers"]


def test_examples_are_the_same_for_a_seed(run: Run, files: Path, tmp_path: Path) -> None:
    run("example", tmp_path / "again")
    run("example", tmp_path / "other", "--seed", 1)
    names = sorted(p.name for p in files.iterdir())
    assert len(names) == 10
    for name in names:
        assert (files / name).read_text() == (tmp_path / "again" / name).read_text()
    assert (files / "cases.csv").read_text() != (tmp_path / "other/cases.csv").read_text()


def test_rates_from_counts_and_from_calls(run: Run, files: Path, tmp_path: Path) -> None:
    printed = run("rates", "--counts", "90,10,20,80", "--prevalence", 0.5, "--out", tmp_path)
    for words in (
        "0.818  0.736 to 0.879  90/110",
        "LR+      7.364",
        "DOR      36.000",
        "MCC      0.704",
        "prevalence 55.0 %",
    ):
        assert words in printed
    balanced = (90 / 110 + 80 / 90) / 2
    assert f"{balanced:.3f}" in next(line for line in printed.splitlines() if line.startswith("accuracy"))
    assert numbers(tmp_path, "rates")["averaging"] == "raw"
    clustered = run("rates", files / "cases.csv", "--cluster", "patient")
    assert "effective number of cases" in clustered
    assert "in 60 clusters" in clustered
    assert "exact intervals" in run("rates", files / "cases.csv", "--interval", "exact")


RATES_BAD = [
    (["--counts", "1,2,3"], "four whole numbers"),
    (["--counts", "1,2,3,x"], "four whole numbers"),
    (["--counts", "0,0,0,0"], "not all 0"),
    (["--counts", "1,2,-3,4"], "four whole numbers"),
    ([], "a file or --counts"),
    (["--counts", "1,2,3,4", "--interval", "bayes"], "unknown interval 'bayes'"),
    (["--counts", "1,2,3,4", "--prevalence", "1.5"], "prevalence 1.5"),
]


@pytest.mark.parametrize(("arguments", "match"), RATES_BAD)
def test_rates_refuse(run: Run, arguments: list[str], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        run("rates", *arguments)


def test_rates_of_an_empty_class_are_not_estimable(run: Run) -> None:
    printed = run("rates", "--counts", "5,0,2,0")
    specificity = next(line for line in printed.splitlines() if line.startswith("specificity"))
    assert specificity.split() == ["specificity", "-", "-", "0/0"]
    assert "a class has no cases" in printed


def test_paired_two_are_mcnemar_and_three_cochran(run: Run, files: Path, tmp_path: Path) -> None:
    table = read_table(files / "cases.csv")
    truth = table.truth("truth")
    calls = {name: table.flags(name) for name in ("call", "other_call", "reader_call")}
    x, y = (calls[name][truth] for name in ("call", "reader_call"))
    want = mcnemar([[int((x & y).sum()), int((x & ~y).sum())], [int((~x & y).sum()), int((~x & ~y).sum())]])
    options = ["--truth", "truth", "--reading", "call", "--reading", "reader_call"]
    run("paired", files / "cases.csv", *options, "--out", tmp_path)
    found = numbers(tmp_path, "paired")["differences"]["sensitivity"][0]
    assert (found["p"], found["difference"]) == (pytest.approx(want.p), pytest.approx(want.effect))
    printed = run("paired", files / "cases.csv", *options, "--reading", "other_call", "--out", tmp_path)
    q = cochran_q(np.stack([calls[n][truth] for n in ("call", "reader_call", "other_call")], axis=1))
    assert numbers(tmp_path, "paired")["cochran"]["sensitivity"]["p"] == pytest.approx(q.p)
    assert "p, Holm" in printed
    clustered = run("paired", files / "cases.csv", *options, "--cluster", "patient", "--bootstrap", 200)
    assert "cluster bootstrap, 200 draws of 20 clusters" in clustered
    assert "McNemar" not in clustered


def test_paired_without_truth_and_with_bad_input(run: Run, files: Path, tmp_path: Path) -> None:
    path = tmp_path / "right.csv"
    path.write_text("a,b\n1,0\n1,1\n0,0\n1,0\n")
    printed = run("paired", path, "--reading", "a", "--reading", "b")
    assert "right  a - b     0.500" in printed
    path.write_text("a,b\n1,1\n0,0\n")
    printed = run("paired", path, "--reading", "a", "--reading", "b")
    assert printed.rstrip().endswith("n = 2).")
    assert "p not estimable" in printed
    with pytest.raises(ConfigError, match="two or more columns"):
        run("paired", path, "--reading", "a")
    with pytest.raises(ConfigError, match="each once"):
        run("paired", path, "--reading", "a", "--reading", "a")
    path.write_text("a,b\n1,1\n0,maybe\n")
    with pytest.raises(DataError, match=r"right.csv, row 3: b 'maybe'; expected 0 or 1"):
        run("paired", path, "--reading", "a", "--reading", "b")


def test_calibration(run: Run, files: Path, tmp_path: Path) -> None:
    printed = run("calibration", files / "cases.csv", "--cluster", "patient", "--prevalence", 0.1, "--out", tmp_path)
    table = read_table(files / "cases.csv")
    truth, p = table.truth("truth"), table.numbers("score")
    assert f"{brier(p, truth)[0]:.4f}" in printed
    found = numbers(tmp_path, "calibration")
    want = calibration_line(p, truth, table.text("patient"))
    assert found["line"]["slope_interval"]["low"] == pytest.approx(want.slope_interval.low)
    assert found["decision_curve"]["model"] == pytest.approx(decision_curve(p, truth, prevalence=0.1).model.tolist())
    assert set(found) >= {"platt", "isotonic", "reliability"}
    assert (tmp_path / "figures/decision.svg").stat().st_size > 2000
    assert (tmp_path / "figures/reliability.svg").exists()
    assert (tmp_path / "calibration.html").read_text().count("<svg") == 2


def test_calibration_refuses(run: Run, files: Path, tmp_path: Path) -> None:
    path = tmp_path / "percent.csv"
    path.write_text("truth,score\n1,0.5\n0,40\n")
    with pytest.raises(DataError, match=r"row 3: score 40; expected a number from 0 to 1.*divided by 100"):
        run("calibration", path)
    for option in (["--threshold", "0.1,1"], ["--threshold", "some"], ["--prevalence", 0]):
        with pytest.raises(ConfigError):
            run("calibration", files / "cases.csv", *option)


def test_calibration_line_recovers_what_was_drawn() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1.5, 20_000)
    p = 1 / (1 + np.exp(-x))
    y = rng.random(x.size) < 1 / (1 + np.exp(-(0.6 * x + 0.4)))
    found = calibration_line(p, y)
    assert found.slope == pytest.approx(0.6, abs=0.03)
    assert found.intercept == pytest.approx(0.4, abs=0.05)
    assert found.slope_interval.low < 0.6 < found.slope_interval.high
    twice = calibration_line(np.repeat(p, 2), np.repeat(y, 2), np.repeat(np.arange(p.size), 2))
    assert twice.slope_interval.low == pytest.approx(found.slope_interval.low, abs=1e-6)
    assert calibration_line([0.1, 0.2, 0.8, 0.9], [0, 0, 1, 1]).note == "not estimable: the classes separate fully"
    assert calibration_line([0.5, 0.5], [0, 1]).slope is None
    assert calibration_line([0.5, 0.6], [1, 1]).slope is None
    assert calibration_line([0.0, 1.0, 0.3, 0.6], [0, 1, 1, 0]).clipped == 2


def test_several_classes(run: Run, files: Path, tmp_path: Path) -> None:
    names = ("benign", "malignant", "normal")
    options = [word for n in names for word in ("--class", f"{n}=p_{n}")]
    printed = run("roc", files / "classes.csv", *options, "--cluster", "patient", "--out", tmp_path)
    table = read_table(files / "classes.csv")
    scores = np.stack([table.numbers(f"p_{n}") for n in names], axis=1)
    want = hand_till(table.text("label"), scores, names)
    assert numbers(tmp_path, "roc")["hand_till"] == pytest.approx(want)
    assert "75 clusters" in printed
    with pytest.raises(DataError, match=r"row 6: truth 'normal'; expected one of benign, malignant"):
        run("roc", files / "classes.csv", *options[:4])
    with pytest.raises(DataError, match="no case of class 'cyst'"):
        run("roc", files / "classes.csv", *options, "--class", "cyst=p_normal")
    for wrong in (["--class", "benign"], ["--class", "benign=p_benign"], [*options, "--logit"]):
        with pytest.raises(ConfigError):
            run("roc", files / "classes.csv", *wrong)


def test_partial_area_and_scale(run: Run, files: Path) -> None:
    table = read_table(files / "cases.csv")
    part = partial_auc(table.truth("truth"), table.numbers("score"), 0.8, 1.0, axis="sensitivity")
    printed = run("roc", files / "cases.csv", "--partial", "sensitivity=0.8,1", "--logit")
    assert "pAUC, sensitivity 0.8 to 1" in printed
    assert f"{part.value:.3f}" in printed
    assert "DeLong, logit" in printed
    for wrong in ("both=0,1", "sensitivity=1,0.8", "sensitivity", "specificity=a,b"):
        with pytest.raises(ConfigError, match="--partial"):
            run("roc", files / "cases.csv", "--partial", wrong)


def test_margins(run: Run, files: Path) -> None:
    pair = ["compare", files / "cases.csv", "--first", "score", "--second", "other"]
    assert "Non-inferiority of score - other at a margin of 0.05 was shown" in run(*pair, "--margin", 0.05)
    assert "Equivalence, margin 0.05" in run(*pair, "--margin", 0.05, "--equivalence")
    assert "Non-inferiority" in run("compare", files / "cases.csv", "--first", "score", "--by", "sex", "--margin", 0.1)
    with pytest.raises(ConfigError, match="--equivalence without --margin"):
        run(*pair, "--equivalence")
    with pytest.raises(ConfigError, match="positive margin"):
        run(*pair, "--margin", 0)
    study = ["mrmc", files / "readings.csv"]
    for method in ("or", "dbm", "u"):
        printed = run(*study, "--method", method, "--margin", 0.1, "--reverse")
        assert "Non-inferiority, margin 0.1" in printed
        assert "Non-inferiority of M2 - M1" in printed
    for wrong in (["--reverse"], ["--centre"], ["--method", "jackknife"], ["--ai", files / "ai.csv", "--margin", 0.1]):
        with pytest.raises(ConfigError):
            run(*study, *wrong)


def test_centred_u_statistics(run: Run, files: Path) -> None:
    lines = (files / "readings.csv").read_text().splitlines()
    gaps = files / "gaps.csv"
    gaps.write_text("\n".join(line for i, line in enumerate(lines) if i == 0 or i % 7) + "\n")
    assert "success scores centred" in run("mrmc", gaps, "--method", "u", "--centre")
    assert "centred" not in run("mrmc", gaps, "--method", "u")
