"""Two models on the same images: the numbers, what is refused, and the command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from helpers.opinions import study
from usnet.cli.app import app
from usnet.datasets.records import Dataset
from usnet.errors import DataError, UsnetError
from usnet.evaluation import evaluate
from usnet.evaluation.compare import compare
from usnet.evaluation.differences import RunComparison
from usnet.evaluation.same_truth import check_same_truth
from usnet.evaluation.truth import MALIGNANT, join
from usnet.reports.comparison_runs import write_truth
from usnet.reports.evaluation_predictions import write_predictions
from usnet.statistics.clustered import clustered_paired_test
from usnet.statistics.groups_counts import mcnemar
from usnet.statistics.roc import paired_test
from usnet.values import Box, Diagnosis, ModelIdentity

OTHER = ModelIdentity("other", "1" * 64)


@pytest.fixture(scope="module")
def two() -> tuple[Dataset, list[Diagnosis], list[Diagnosis]]:
    """A dataset of two images a patient, and the opinions of a good and of a poorer model."""
    data, good = study(160, seed=3)
    rng = np.random.default_rng(1)
    poor = []
    for one in study(160, seed=3, skill=0.7)[1]:
        noisy = [replace(c, score=float(np.clip(c.score + 0.15 * rng.normal(), 0.01, 0.99))) for c in one.candidates]
        poor.append(replace(one, model=OTHER, candidates=tuple(sorted(noisy, key=lambda c: -c.score))))
    return data, good, poor


@pytest.fixture(scope="module")
def found(two: tuple[Dataset, list[Diagnosis], list[Diagnosis]]) -> RunComparison:
    data, good, poor = two
    return compare(join(data, good), join(data, poor), bootstrap=300)


def test_each_side_is_what_its_evaluation_says(
    two: tuple[Dataset, list[Diagnosis], list[Diagnosis]], found: RunComparison
) -> None:
    data, good, poor = two
    sides = evaluate(data, good, bootstrap=0), evaluate(data, poor, bootstrap=0)
    same = {
        ("AUC", "malignant v benign"): ("auc", "malignant v benign"),
        ("AUC", "normal v rest"): ("auc", "normal v rest"),
        ("AP11", "malignant"): ("ap11", "malignant"),
        ("AP50", "benign"): ("ap_all", "benign"),
        ("AP11", "mean of benign and malignant"): ("map11", "benign and malignant"),
        ("sensitivity", "malignant v rest"): ("sensitivity", "malignant v rest"),
        ("specificity", "malignant v benign"): ("specificity", "malignant v benign"),
        ("sensitivity", "nodule found"): ("sensitivity", "nodule found"),
        ("wrong boxes an image", "normal image"): ("false positives an image", "normal image"),
        ("localisation", "strongest box"): ("localisation", "nodule"),
        ("Brier score", "p_malignant, all images"): ("brier", "p_malignant, all images"),
    }
    for ours, theirs in same.items():
        row = found.get(*ours)
        assert (row.first, row.second) == pytest.approx(tuple(side.metric(*theirs).value for side in sides)), ours
        assert row.difference == pytest.approx(row.first - row.second)
        if row.interval is not None:
            assert row.interval.low <= row.difference <= row.interval.high
            assert (row.p < 0.05) == (row.interval.low > 0 or row.interval.high < 0)


def test_clustered_images_take_obuchowski_and_the_bootstrap(
    two: tuple[Dataset, list[Diagnosis], list[Diagnosis]], found: RunComparison
) -> None:
    data, good, poor = two
    a, b = join(data, good), join(data, poor)
    row, mask = found.get("AUC", "malignant v benign"), a.nodule
    want = clustered_paired_test(
        a.truth[mask] == MALIGNANT, *(c.probability[mask, MALIGNANT] for c in (a, b)), a.group[mask]
    )
    assert (row.p, row.interval.low) == (want.p, want.interval.low)
    assert row.method.startswith("Obuchowski 1997, paired")
    assert found.get("sensitivity", "malignant v rest").method == "cluster bootstrap, 300 draws of 80 groups"
    assert found.get("AUC", "malignant v benign", "patient").method == "DeLong, paired"


def test_one_image_a_patient_takes_delong_and_mcnemar(two: tuple[Dataset, list[Diagnosis], list[Diagnosis]]) -> None:
    data, good, poor = two
    alone = data.with_records(data.records[::2])
    a, b = join(alone, good[::2]), join(alone, poor[::2])
    found = compare(a, b, bootstrap=100)
    mask = a.nodule
    want = paired_test(a.truth[mask] == MALIGNANT, *(c.probability[mask, MALIGNANT] for c in (a, b)))
    row = found.get("AUC", "malignant v benign")
    assert (row.method, row.p) == ("DeLong, paired", pytest.approx(want.p))
    sick = a.truth == MALIGNANT
    right = [c.called[sick] == MALIGNANT for c in (a, b)]
    table = [[int((x & y).sum()) for y in (right[1], ~right[1])] for x in (right[0], ~right[0])]
    row = found.get("sensitivity", "malignant v rest")
    assert row.p == mcnemar(table).p
    assert row.method.startswith("McNemar, exact")


def test_order_seed_and_direction(two: tuple[Dataset, list[Diagnosis], list[Diagnosis]], found: RunComparison) -> None:
    data, good, poor = two
    shuffled = data.with_records(data.records[::-1])
    again = compare(join(data, good), join(shuffled, poor), bootstrap=300)
    assert [(d.first, d.second, d.p) for d in again.differences] == [
        (d.first, d.second, d.p) for d in found.differences
    ]
    back = compare(join(data, poor), join(data, good), bootstrap=300)
    for there, here in zip(found.differences, back.differences, strict=True):
        assert (there.first, there.second) == (here.second, here.first)
        assert there.p == (here.p if here.p is None else pytest.approx(here.p))


def test_a_model_against_itself_is_not_testable(two: tuple[Dataset, list[Diagnosis], list[Diagnosis]]) -> None:
    data, good, _ = two
    found = compare(join(data, good), join(data, good), bootstrap=50)
    for row in found.differences:
        assert row.difference == 0
        assert row.p is None
        assert row.interval is None
        assert "no interval" in row.note
    without = compare(join(data, good), join(data, good), bootstrap=0)
    assert without.get("AP11", "benign").note == "no bootstrap draws were asked for"


def test_other_images_or_another_truth_are_refused(two: tuple[Dataset, list[Diagnosis], list[Diagnosis]]) -> None:
    data, good, poor = two
    records = list(data.records)
    with pytest.raises(DataError, match=r"3 images of A not in B: made_0000.png, made_0001.png, made_0002.png"):
        check_same_truth(data, data.with_records(records[3:]), ("A", "B"))
    nodule = next(i for i, r in enumerate(records) if r.nodules)
    moved = replace(records[nodule], nodules=(replace(records[nodule].nodules[0], box=Box(1, 2, 3, 4)),))
    changes = {
        "nodules differs for 1 image": moved,
        "label differs": replace(records[nodule], label="normal"),
        "patient differs": replace(records[nodule], patient_id="someone"),
        "group differs": replace(records[nodule], group_id="others"),
        "size differs": replace(records[nodule], width=401),
        "exclusion differs": replace(records[nodule], exclude="duplicate"),
    }
    for words, record in changes.items():
        changed = data.with_records([*records[:nodule], record, *records[nodule + 1 :]])
        with pytest.raises(DataError, match=f"{words}.*{records[nodule].file_name}"):
            check_same_truth(data, changed)
    with pytest.raises(DataError, match=r"1 image without a prediction in B: made_0005.png"):
        compare(join(data, good), join(data, [*poor[:5], *poor[6:]]), names=("A", "B"), bootstrap=0)
    check_same_truth(data, data.with_records(records[::-1]))


def write_run(folder: Path, data: Dataset, results: list[Diagnosis]) -> Path:
    folder.mkdir()
    write_truth(folder, data)
    write_predictions(folder / "predictions.jsonl", data, results)
    return folder


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [*map(str, arguments)])
    if isinstance(result.exception, UsnetError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_prints_and_writes(
    two: tuple[Dataset, list[Diagnosis], list[Diagnosis]], found: RunComparison, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib", reason="figures need the evaluate extra")
    data, good, poor = two
    a, b = write_run(tmp_path / "a", data, good), write_run(tmp_path / "b", data, poor)
    printed = run("compare", a, b, "--bootstrap", 300, "--out", tmp_path / "out")
    row = found.get("AUC", "malignant v benign")
    assert f"AUC (malignant v benign) was {row.first:.3f} and {row.second:.3f}" in printed
    for words in (
        "Obuchowski's 1997 test",
        "160 images of 80 known patients in 80 groups",
        "not adjusted",
        "Unit: image",
    ):
        assert words in printed
    document = json.loads((tmp_path / "out/compare.json").read_text())
    assert document["numbers"]["differences"][0]["p"] == found.differences[0].p
    assert r"\begin{tabular}" in (tmp_path / "out/compare.tex").read_text()
    page = (tmp_path / "out/compare.html").read_text()
    assert page.count("<svg") == 2
    assert "Comparison of made-up and other" in page
    assert (tmp_path / "out/figures/compare.png").exists()


def test_the_command_refuses_what_does_not_go_together(
    two: tuple[Dataset, list[Diagnosis], list[Diagnosis]], tmp_path: Path
) -> None:
    data, good, poor = two
    a = write_run(tmp_path / "a", data, good)
    less = data.with_records(data.records[1:])
    b = write_run(tmp_path / "b", less, poor[1:])
    with pytest.raises(DataError, match=r"1 image of a not in b: made_0000\.png"):
        run("compare", a, b)
    (b / "truth.json").unlink()
    with pytest.raises(DataError, match=r"no truth\.json.*usnet evaluate"):
        run("compare", a, b)
    with pytest.raises(DataError, match="no truth"):
        run("compare", a, tmp_path / "nothing")
    write_truth(b, data)
    with pytest.raises(DataError, match="predictions were made on"):
        run("compare", a, b)
