from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from usnet.cli.app import app
from usnet.errors import ConfigError, DataError, UsnetError
from usnet.reports.statistics import Grid, Outcome, as_json, latex, text
from usnet.statistics.intervals import proportion_interval
from usnet.statistics.mrmc import RoeMetz, simulate_study, write_study
from usnet.statistics.roc import auc, paired_test

Run = Callable[..., str]


@pytest.fixture
def run() -> Run:
    """The output of ``usnet stats ARGUMENTS``; errors are raised as they are."""

    def call(*arguments: object, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["stats", *map(str, arguments)])
        if isinstance(result.exception, UsnetError):
            raise result.exception
        assert result.exit_code == code, result.output
        return result.output

    return call


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """A CSV of 60 cases of 20 patients with two scores."""
    rng = np.random.default_rng(0)
    truth = np.arange(60) % 3 == 0
    lines = ["truth,score,other,patient,sex"]
    for i, ill in enumerate(truth):
        cells = (int(ill), rng.normal() + 1.5 * ill, rng.normal() + ill, i // 3, "mf"[i % 2])
        lines.append(",".join(map(str, cells)))
    path = tmp_path / "cases.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def read(path: Path) -> dict[str, np.ndarray]:
    rows = [line.split(",") for line in path.read_text().split()]
    return {name: np.array([r[i] for r in rows[1:]]) for i, name in enumerate(rows[0])}


def test_roc_prints_and_writes(run: Run, cases: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    printed = run("roc", cases, "--score", "score", "--score", "other", "--out", out)
    data = read(cases)
    value = auc(data["truth"] == "1", data["score"].astype(float)).value
    assert f"The AUC of score was {value:.3f}" in printed
    for fact in ("Method: DeLong", "n: 20 positive and 40 negative cases", "Unit: case", "For the paper:"):
        assert fact in printed
    document = json.loads((out / "roc.json").read_text())
    assert document["numbers"]["auc"]["score"]["value"] == pytest.approx(value)
    assert (document["method"], document["unit"]) == ("DeLong", "case")
    assert r"\begin{tabular}" in (out / "roc.tex").read_text()
    assert (out / "figures/roc.svg").stat().st_size > 2000


def test_roc_with_clusters_names_them(run: Run, cases: Path) -> None:
    printed = run("roc", cases, "--cluster", "patient")
    assert "Obuchowski 1997, 20 clusters" in printed
    assert "in 20 clusters" in printed
    assert "independent" not in printed


def test_compare_paired_clustered_and_unpaired(run: Run, cases: Path) -> None:
    data = read(cases)
    truth, x, y = data["truth"] == "1", data["score"].astype(float), data["other"].astype(float)
    want = paired_test(truth, x, y)
    assert f"difference {want.difference:.3f}" in run("compare", cases, "--first", "score", "--second", "other")
    assert "Obuchowski" in run("compare", cases, "--first", "score", "--second", "other", "--cluster", "patient")
    assert "unpaired" in run("compare", cases, "--first", "score", "--by", "sex")
    with pytest.raises(ConfigError, match="second score"):
        run("compare", cases, "--first", "score")
    with pytest.raises(DataError, match="groups in 'patient'"):
        run("compare", cases, "--first", "score", "--by", "patient")


BAD = [
    ("truth,score\n1,0.5\n0,nan\n", r"bad.csv, row 3: score 'nan'.*finite number"),
    ("truth,score\n1,0.5\n\n0,x\n", r"row 4: score 'x'"),
    ("truth,score\n1,0.5\n1,0.2\n", r"all cases are positive"),
    ("truth,score\n1,0.5\nperhaps,0.2\n", r"row 3: unknown truth 'perhaps'"),
    ("truth,score\n1,0.5\n,0.2\n", r"row 3.*'truth' is empty|'truth' is empty"),
    ("truth,score\n1,0.5\n0\n", r"row 3: 1 cells"),
    ("truth,score,score\n1,0.5,1\n", r"two columns 'score'"),
    ("truth,points\n1,0.5\n0,0.2\n", r"no column for the score"),
    ("truth,score\n", r"no rows"),
]


@pytest.mark.parametrize(("content", "match"), BAD)
def test_bad_files_name_file_and_row(run: Run, tmp_path: Path, content: str, match: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(content)
    with pytest.raises(UsnetError, match=match) as caught:
        run("roc", path)
    assert "bad.csv" in str(caught.value)


def test_positive_values_and_missing_files(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "words.csv"
    path.write_text("outcome,score\nPoor,3\nGood,1\nPoor,2\nGood,2\n")
    assert "2 positive and 2 negative" in run("roc", path, "--positive", "Poor")
    with pytest.raises(DataError, match="no case is 'Bad'"):
        run("roc", path, "--positive", "Bad")
    path.write_text(path.read_text() + "Unsure,2\n")
    with pytest.raises(DataError, match=r"3 values of 'outcome'"):
        run("roc", path, "--positive", "Poor")
    with pytest.raises(DataError, match="cannot be read"):
        run("roc", tmp_path / "none.csv")


@pytest.fixture
def readings(tmp_path: Path) -> Path:
    """A simulated reader study as a long CSV."""
    study = simulate_study(RoeMetz(), readers=4, positives=25, negatives=25, seed=3)
    path = tmp_path / "readings.csv"
    write_study(study, path)
    return path


@pytest.mark.parametrize("method", ["or", "dbm", "u"])
def test_mrmc(run: Run, readings: Path, tmp_path: Path, method: str) -> None:
    printed = run("mrmc", readings, "--method", method, "--out", tmp_path / "out")
    for fact in ("4 readers, 25 cases with and 25 without", "Method:", "Unit:", "For the paper:"):
        assert fact in printed
    assert json.loads((tmp_path / "out/mrmc.json").read_text())["numbers"]["result"]["positives"] == 25


def test_mrmc_options_and_ai(run: Run, readings: Path, tmp_path: Path) -> None:
    assert "readers fixed" in run("mrmc", readings, "--inference", "readers-fixed")
    assert "cases fixed" in run("mrmc", readings, "--inference", "cases-fixed")
    assert "Non-inferiority, margin 0.1" in run("mrmc", readings, "--margin", 0.1)
    with pytest.raises(ConfigError, match="unknown inference"):
        run("mrmc", readings, "--inference", "none")
    names = list(dict.fromkeys(line.split(",")[2] for line in readings.read_text().split()[1:]))
    scores = tmp_path / "ai.csv"
    scores.write_text("case,score\n" + "".join(f"{name},{i % 7}\n" for i, name in enumerate(names)))
    modality = readings.read_text().split()[1].split(",")[1]
    printed = run("mrmc", readings, "--ai", scores, "--modality", modality)
    assert "The algorithm was compared with 4 readers" in printed
    scores.write_text("case,score\n" + f"{names[0]},1\n" * 2)
    with pytest.raises(DataError, match="two scores"):
        run("mrmc", readings, "--ai", scores, "--modality", modality)


def test_a_reader_who_read_a_case_twice_is_named(run: Run, readings: Path) -> None:
    lines = readings.read_text().split("\n")
    readings.write_text("\n".join([*lines[:-1], lines[1], ""]))
    with pytest.raises(DataError, match="twice"):
        run("mrmc", readings)


def test_sample_size(run: Run, readings: Path) -> None:
    parts = "modality_reader=0.0002,error=0.0008,cov1=0.0004,cov2=0.0003,cov3=0.0002,cases=100"
    printed = run("sample-size", "--components", parts, "--effect", 0.06, "--readers", 8)
    found = re.search(r"With 8 readers and (\d+) cases.*power of ([\d.]+) %", printed)
    assert float(found[2]) >= 80
    fewer = run("sample-size", "--components", parts, "--effect", 0.06, "--readers", 8, "--cases", int(found[1]) - 1)
    assert float(re.search(r"power of ([\d.]+) %", fewer)[1]) <= float(found[2])
    assert "readers and" in run("sample-size", readings, "--effect", 0.1, "--readers", 10, "--cases", 80)
    for arguments in (["--readers", 5], ["--components", "a=1", "--readers", 5], ["--components", parts]):
        with pytest.raises(ConfigError):
            run("sample-size", "--effect", 0.05, *arguments)


def test_froc(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    marks = ["modality,reader,case,lesion_hit,rating"]
    for modality in "AB":
        for reader in "xyz":
            for case in range(24):
                if case >= 12 and rng.random() < 0.8:
                    marks.append(f"{modality},{reader},{case},1,{rng.integers(2, 7)}")
                if rng.random() < 0.4:
                    marks.append(f"{modality},{reader},{case},0,{rng.integers(1, 5)}")
    files = {"marks": marks, "lesions": ["case,lesion", *(f"{c},1" for c in range(12, 24))]}
    files["cases"] = ["case,diseased", *(f"{c},{int(c >= 12)}" for c in range(24))]
    paths = {name: tmp_path / f"{name}.csv" for name in files}
    for name, lines in files.items():
        paths[name].write_text("\n".join(lines))
    options = ["--lesions", paths["lesions"], "--cases", paths["cases"]]
    printed = run("froc", paths["marks"], *options, "--out", tmp_path / "out")
    assert "3 readers, 24 cases (12 diseased), 12 lesions" in printed
    assert "A - B" in printed
    assert (tmp_path / "out/figures/froc.png").exists()
    with pytest.raises(ConfigError, match="unknown figure of merit"):
        run("froc", paths["marks"], *options, "--merit", "AUC")


def test_agreement_between_and_within(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    lines = ["case,reader,occasion,rating"]
    for case in range(30):
        true = rng.integers(0, 4)
        for reader in "ab":
            for occasion in (1, 2):
                shown = ["2", "3", "4a", "5"][true if rng.random() < 0.7 else rng.integers(0, 4)]
                lines.append(f"{case},{reader},{occasion},{shown}")
    path = tmp_path / "ratings.csv"
    path.write_text("\n".join(lines))
    scale = ["--categories", "2,3,4a,5"]
    within = run("agreement", path, "--occasion", "occasion", *scale, "--weights", "linear", "--out", tmp_path)
    assert within.count("Cohen's kappa, linear weights") >= 2
    first = tmp_path / "first.csv"
    first.write_text("\n".join([lines[0], *(line for line in lines if ",1," in line)]))
    between = run("agreement", first)
    for name in ("Cohen's kappa", "Fleiss' kappa", "Gwet's AC1"):
        assert name in between
    with pytest.raises(DataError, match=r"row 3: reader 'a' rated case '0' twice"):
        run("agreement", path)
    with pytest.raises(ConfigError, match="order of the categories"):
        run("agreement", first, "--weights", "quadratic")
    with pytest.raises(DataError, match=r"rating '5'.*expected one of 2, 3, 4a"):
        run("agreement", first, "--categories", "2,3,4a")
    with pytest.raises(ConfigError, match="none, linear or quadratic"):
        run("agreement", first, "--weights", "cubic")


def test_limits_of_agreement(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "sizes.csv"
    rng = np.random.default_rng(4)
    size = rng.uniform(5, 30, 20)
    lines = [f"{i},{r},{v + shift:.2f}" for i, v in enumerate(size) for r, shift in (("a", 1.0), ("b", 0.0))]
    path.write_text("case,reader,rating\n" + "\n".join(lines))
    printed = run("agreement", path, "--limits", "--out", tmp_path / "out")
    assert "a - b" in printed
    assert "1.00 on average" in printed
    assert (tmp_path / "out/figures/limits.svg").exists()
    with pytest.raises(ConfigError, match="--limits takes measurements"):
        run("agreement", path, "--limits", "--weights", "linear")
    path.write_text("case,reader,rating\n1,a,2\n1,b,x\n")
    with pytest.raises(DataError, match="row 3: rating 'x'"):
        run("agreement", path, "--limits")
    path.write_text("case,reader,rating\n1,a,2\n2,b,3\n")
    with pytest.raises(DataError, match="share 0 cases"):
        run("agreement", path, "--limits")


def test_groups(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    levels = {"RP": 66, "AP": 69, "CP": 72}
    lines = ["level,score", *(f"{n},{rng.normal(m, 12):.1f}" for n, m in levels.items() for _ in range(12))]
    path = tmp_path / "levels.csv"
    path.write_text("\n".join(lines))
    printed = run("groups", path, "--order", "RP,AP,CP", "--single", 91, "--out", tmp_path)
    for fact in (
        "SD is the spread",
        "Kruskal-Wallis",
        "Games-Howell",
        "Dunn",
        "Jonckheere",
        "two questions",
        "Unit: reader",
    ):
        assert fact in printed
    assert json.loads((tmp_path / "groups.json").read_text())["numbers"]["groups"]["RP"]["n"] == 12
    with pytest.raises(ConfigError, match="expected the groups RP, AP, CP"):
        run("groups", path, "--order", "RP,AP")
    two = tmp_path / "two.csv"
    two.write_text("\n".join(line for line in lines if not line.startswith("CP")))
    assert "Mann-Whitney U, exact" in run("groups", two)
    two.write_text("\n".join(line for line in lines if line.startswith(("level", "RP"))))
    with pytest.raises(DataError, match="one group"):
        run("groups", two)


def test_groups_of_words_are_counted(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "sex.csv"
    rows = [("RP", "f")] * 42 + [("RP", "m")] * 27 + [("AP", "f")] * 78 + [("AP", "m")] * 55
    path.write_text("level,sex\n" + "".join(f"{a},{b}\n" for a, b in rows))
    wilson = proportion_interval(42, 69)
    share = f"{42 / 69:.3f} ({wilson.low:.3f} to {wilson.high:.3f})"
    printed = run("groups", path, "--value", "sex", "--out", tmp_path)
    for fact in (
        "chi-square",
        "Fisher's exact",
        "RP: 69, AP: 133",
        share,
        "one independent reader",
    ):
        assert fact in printed
    assert json.loads((tmp_path / "groups.json").read_text())["numbers"]["counts"] == [[42, 27], [78, 55]]
    path.write_text("level,sex\nRP,f\nAP,f\n")
    with pytest.raises(DataError, match="every sex is 'f'"):
        run("groups", path, "--value", "sex")
    path.write_text("level,sex\nRP,f\nAP,3\n")
    with pytest.raises(DataError, match="row 2: sex 'f'"):
        run("groups", path, "--value", "sex")


def test_check_paper_finds_harm_and_exits_one(run: Run, tmp_path: Path) -> None:
    printed = run("check-paper", "li2020", "--out", tmp_path, code=1)
    assert "accuracy 87.73 does not go with the other figures" in printed
    assert "say that figures do not fit" in printed
    document = json.loads((tmp_path / "check-paper.json").read_text())
    assert document["numbers"]["does not fit"] > 10
    good = tmp_path / "good.toml"
    good.write_text("[[two_by_two]]\nname = 'x'\ntp = 8\nfp = 1\nfn = 2\ntn = 9\nsensitivity = 80\n")
    run("check-paper", good)


def test_help_of_every_command(run: Run) -> None:
    for name in ("roc", "compare", "mrmc", "froc", "agreement", "groups", "sample-size", "check-paper"):
        assert "--out" in run(name, "--help")


def test_scores_without_variance_get_no_interval(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "perfect.csv"
    path.write_text("truth,a,b\n" + "".join(f"{int(i > 4)},{i},{2 * i}\n" for i in range(10)))
    printed = run("compare", path, "--first", "a", "--second", "b")
    assert "0.000 to 0.000" not in printed
    assert "p not estimable" in printed
    assert "perfect" in run("roc", path, "--score", "a")
    assert "1.000 to 1.000" not in run("roc", path, "--score", "a")


def test_numbers_that_do_not_exist_stay_visible() -> None:
    grid = Grid("50 % & more", ("a_b", "value"), (("x", None), ("y", float("nan")), ("z", 0.12345)))
    outcome = Outcome("roc", "m", "n", "case", (grid,), (), (), {"v": np.array([np.inf, 1.0])})
    assert text(outcome).count(" -") >= 2
    assert "0.123" in text(outcome)
    assert json.loads(as_json(outcome))["numbers"]["v"] == [None, 1.0]
    assert r"50 \% \& more" in latex(outcome)
    assert r"a\_b" in latex(outcome)


@pytest.mark.reference
def test_reference_data_through_the_command(run: Run, shared: Path) -> None:
    stats = shared / "stats"
    printed = run("compare", stats / "asah/aSAH.csv", "--positive", "Poor", "--first", "s100b", "--second", "ndka")
    assert "z = 1.39, p = .164" in printed
    printed = run("mrmc", stats / "vandyke/VanDyke.csv")
    assert "F(1, 15.07) = 4.48, p = .051" in printed
    printed = run("sample-size", stats / "vandyke/VanDyke.csv", "--effect", 0.05, "--readers", 6, "--cases", 251)
    assert "power of 89.2 %" in printed
    stem = f"{stats}/froc/dataset04"
    printed = run("froc", f"{stem}_marks.csv", "--lesions", f"{stem}_lesions.csv", "--cases", f"{stem}_truth.csv")
    assert "F(4, 36.79) = 7.8, p < .001" in printed
