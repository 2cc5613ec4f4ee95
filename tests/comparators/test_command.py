"""``usnet compare-methods`` as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from helpers.tiny_bundle import tiny_bundle
from usnet.cli.app import app
from usnet.datasets.records import Dataset
from usnet.errors import ConfigError

pytestmark = pytest.mark.train


def _run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["compare-methods", *words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def test_the_list_names_all() -> None:
    code, said = _run("--list")
    assert code == 0
    for name in (
        "usnet",
        "faster-rcnn",
        "ssd",
        "ssd-lite",
        "fcos",
        "rt-detr",
        "yolo-grid",
        "unet",
        "svm",
        "birads",
        "gamma-5",
    ):
        assert name in said


def test_a_table_from_a_bundle_and_resumed(phantoms: Dataset, tiny_toml: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    bundle = tiny_bundle(tmp_path / "bundle")
    words = ["--data", str(phantoms.root), "--bundle", str(bundle), "--config", str(tiny_toml), "--out", str(out)]
    code, said = _run(*words, "--methods", "size,prevalence,bayes", "--boxes", "found", "--bootstrap", "50")
    assert code == 0, said
    document = json.loads((out / "compare_methods.json").read_text())
    rows = {row["method"]: row for row in document["numbers"]["rows"]}
    assert set(rows) == {"usnet", "size", "prevalence", "bayes"}
    assert rows["prevalence"]["numbers"]["AUC"]["value"] == 0.5
    assert rows["usnet"]["cost"]["minutes"] is None
    assert {p.suffix for p in out.glob("compare_methods.*")} == {".json", ".tex", ".txt", ".html"}
    before = (out / "bayes" / "predictions.jsonl").stat().st_mtime_ns
    code, _ = _run(*words, "--methods", "size,prevalence,bayes", "--bootstrap", "0", "--resume")
    assert code == 0
    assert (out / "bayes" / "predictions.jsonl").stat().st_mtime_ns == before


@pytest.mark.parametrize("words", [["--methods", "svm"], ["--out", "x"], ["--list", "--boxes", "some"]])
def test_usage_errors(words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError):
        _run(*words)
