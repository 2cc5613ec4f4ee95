"""A rival's training that was stopped, or killed, ends as if it had not been; nothing of another budget slips into a table."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from usnet import images
from usnet.cli.app import app
from usnet.comparators.catalogue import catalogue
from usnet.comparators.method import Budget
from usnet.comparators.network import UNFINISHED
from usnet.comparators.pool import labelled
from usnet.comparators.serving import Served
from usnet.comparators.unfinished import Done, Unfinished
from usnet.datasets.records import Dataset
from usnet.errors import ConfigError
from usnet.training.config import changed

pytestmark = pytest.mark.train


@pytest.mark.parametrize("name", ["usnet", "faster-rcnn"])
def test_a_stopped_training_ends_with_the_same_weights(
    name: str, few: Dataset, budget: Budget, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faster R-CNN draws regions at random while it learns, so its random numbers must come back too."""
    three = replace(budget, config=changed(budget.config, ["training.epochs=3"]))
    whole = catalogue()[name].fit(few, budget=three)
    kept = replace(three, unfinished=tmp_path)
    write = Unfinished.write

    def stopped(self: Unfinished, parts: dict[str, object], done: Done) -> None:
        write(self, parts, done)  # type: ignore[arg-type]
        if done.epochs == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(Unfinished, "write", stopped)
    with pytest.raises(KeyboardInterrupt):
        catalogue()[name].fit(few, budget=kept)
    monkeypatch.undo()
    torch.manual_seed(99)
    resumed = catalogue()[name].fit(few, budget=kept)
    assert isinstance(whole, Served)
    assert isinstance(resumed, Served)
    assert resumed.identity.sha256 == whole.identity.sha256
    assert resumed.earlier_seconds > 0
    assert whole.earlier_seconds == 0
    (frame,) = [images.read(few.path(r)) for r in labelled(few, "test")[:1]]
    assert resumed.diagnose(frame).candidates == whole.diagnose(frame).candidates


def test_another_budget_is_refused(few: Dataset, budget: Budget, tmp_path: Path) -> None:
    catalogue()["usnet"].fit(few, budget=replace(budget, unfinished=tmp_path))
    other = Budget(changed(budget.config, ["training.learning_rate=0.01"]), unfinished=tmp_path)
    with pytest.raises(ConfigError, match="other data or settings"):
        catalogue()["usnet"].fit(few, budget=other)
    threads = Budget(changed(budget.config, ["training.threads=1"]), unfinished=tmp_path)
    catalogue()["usnet"].fit(few, budget=threads)
    (tmp_path / "usnet" / UNFINISHED).write_bytes(b"no training")
    with pytest.raises(ConfigError, match=r"unfinished\.pt.*not readable"):
        catalogue()["usnet"].fit(few, budget=threads)


def test_opinions_of_another_budget_are_refused(phantoms: Dataset, tiny_toml: Path, tmp_path: Path) -> None:
    words = ["compare-methods", "--data", str(phantoms.root), "--config", str(tiny_toml), "--methods", "prevalence"]
    words += ["--bootstrap", "0", "--out", str(tmp_path), "--resume"]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert not (tmp_path / "usnet" / UNFINISHED).exists()
    assert CliRunner().invoke(app, [*words, "--set", "training.threads=2"]).exit_code == 0
    result = CliRunner().invoke(app, [*words, "--epochs", "2"])
    assert isinstance(result.exception, ConfigError)
    assert "other data or settings" in str(result.exception)


def test_a_killed_command_goes_on(phantoms: Dataset, tiny_toml: Path, tmp_path: Path) -> None:
    def command(out: Path) -> list[str]:
        words = [
            "--data",
            str(phantoms.root),
            "--config",
            str(tiny_toml),
            "--methods",
            "prevalence",
            "--bootstrap",
            "0",
        ]
        more = ["--epochs", "8", "--set", "training.threads=1", "--resume", "--out", str(out)]
        return [sys.executable, "-m", "usnet", "compare-methods", *words, *more]

    waiting = tmp_path / "killed" / "usnet" / UNFINISHED
    process = subprocess.Popen(command(tmp_path / "killed"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not waiting.exists():
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert waiting.exists()
    for folder in ("killed", "whole"):
        subprocess.run(command(tmp_path / folder), check=True, capture_output=True, timeout=300)
    assert not waiting.exists()
    opinions = [_opinions(tmp_path / folder) for folder in ("killed", "whole")]
    assert opinions[0] == opinions[1]


def _opinions(out: Path) -> list[dict[str, object]]:
    """Without the seconds, and without when the model was made."""
    rows = [json.loads(line) for line in (out / "usnet" / "predictions.jsonl").read_text().splitlines()]
    for row in rows:
        row.pop("seconds", None)
    return rows
