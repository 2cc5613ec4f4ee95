"""Small versions of the simulations behind docs/statistics.md: 200 seeded samples, so tolerances are wide."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from usnet.statistics.intervals import Interval

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = 200


def _benchmark(name: str) -> ModuleType:
    """A module of the folder ``benchmarks``; its scripts clear their folder off the path, which must not outlast the import."""
    path = list(sys.path)
    sys.path.insert(0, str(ROOT))
    try:
        return importlib.import_module(f"benchmarks.{name}")
    finally:
        sys.path[:] = path


coverage = _benchmark("coverage")
base = _benchmark("coverage_base")
rates = _benchmark("coverage_rates")
variants = _benchmark("mrmc_variants")
type_one = _benchmark("mrmc_type_one")


@pytest.fixture
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bootstrap intervals of 100 draws."""
    monkeypatch.setattr(base, "DRAWS", 100)


def _shares(part: str, n: int, samples: int = SAMPLES) -> dict[str, float]:
    rows = coverage.summarise(coverage.trials(part, n, range(samples)))
    return {name: row["covered"] / row["given"] for name, row in rows.items()}


def test_simulated_coverage_of_a_rate_is_the_exact_one() -> None:
    found = _shares("rates", 50)
    for p in rates.SHARES:
        for method in rates.METHODS:
            true = rates.exact_coverage(50, p, method)
            tolerance = 4 * np.sqrt(true * (1 - true) / SAMPLES) + 0.01
            assert found[f"rate, true value {p:g} | {method}"] == pytest.approx(true, abs=tolerance)


@pytest.mark.parametrize("n", [10, 50, 200])
def test_exact_never_covers_too_little_and_wilson_covers_on_average(n: int) -> None:
    shares = np.linspace(0.02, 0.98, 49)
    assert min(rates.exact_coverage(n, p, "exact") for p in shares) >= 0.95
    wilson = [rates.exact_coverage(n, p, "wilson") for p in shares]
    wald = [rates.exact_coverage(n, p, "wald") for p in shares]
    assert np.mean(wilson) == pytest.approx(0.95, abs=0.012)
    assert np.mean(wald) < np.mean(wilson) - 0.005


def test_clustered_rates() -> None:
    found = _shares("clustered rates", 200, 100)
    assert found["rate 0.8, 5 images a patient | wrong: wilson on images"] < 0.89
    assert found["rate 0.8, 5 images a patient | clustered wilson"] > 0.89
    assert found["rate 0.8, 5 images a patient | cluster bootstrap"] > 0.87


def test_auc(few_draws: None) -> None:
    found = _shares("auc", 200)
    for name in ("DeLong", "DeLong, logit", "Hanley-McNeil"):
        assert 0.90 <= found[f"AUC 0.9, 50 % positive | {name}"] <= 0.99


def test_auc_differences(few_draws: None) -> None:
    found = _shares("auc differences", 200)
    assert 0.90 <= found["AUC .90 - .80, same cases | DeLong, paired"] <= 0.99
    assert 0.90 <= found["AUC .90 - .80, n cases each | DeLong, unpaired"] <= 0.99


def test_clustered_auc(few_draws: None) -> None:
    found = _shares("clustered auc", 200)
    where = "AUC .85, 5 images a patient"
    assert found[f"{where} | wrong: DeLong on images"] < 0.75
    assert 0.83 <= found[f"{where} | Obuchowski"] <= 0.98
    assert 0.90 <= found[f"{where} | Obuchowski, logit"] <= 0.995


def test_agreement_and_measurements() -> None:
    found = _shares("agreement", 200) | _shares("measurements", 200)
    for name in ("Cohen, weights none", "Cohen, weights quadratic"):
        assert 0.90 <= found[f"agreement, four categories | {name}"] <= 0.99
    for name in ("Fleiss", "Gwet AC1", "Gwet AC2"):
        assert 0.90 <= found[f"agreement, four categories, five readers | {name}"] <= 0.99
    normal = "limits of agreement, normal differences"
    assert 0.90 <= found[f"{normal} | upper limit, Bland and Altman"] <= 0.99


def test_type_one_error_of_a_reader_study() -> None:
    draws = [variants.Draws(variants.STRUCTURES["HL"], seed) for seed in range(SAMPLES)]
    narrow = type_one.count(variants.narrow(one) for one in draws)
    ai = type_one.count(variants.against_ai(one) for one in draws)
    main = type_one.count({"OR": variants._anova(variants.analyse(one.study("crossed")))} for one in draws)
    for row in (main["OR"], ai["AI v readers, 1T-RRRC, jackknife"], narrow["OR, readers fixed, these readers alike"]):
        assert 0.01 * SAMPLES <= row["rejected"] <= 0.1 * SAMPLES
    assert narrow["wrong: OR, cases fixed, generalised to cases"]["rejected"] > 0.15 * SAMPLES


def test_the_algorithm_has_the_readers_expected_auc() -> None:
    model = variants.STRUCTURES["HH"]
    study, scores = variants.ai_study(variants.Draws(model, 1, readers=400, cases=2000))
    values = variants.ai_against_readers(study, scores, cases="fixed")
    assert values.ai_value == pytest.approx(model.auc(), abs=0.03)
    assert values.readers_mean.value == pytest.approx(model.auc(), abs=0.03)


def test_sums_of_trials() -> None:
    trials = [
        base.Trial("s", "i", 0.5, 0.6, Interval(0.4, 0.7, "")),
        base.Trial("s", "i", 0.5, 0.8, Interval(0.6, 0.9, "")),
        base.Trial("s", "i", 0.5, 0.1, None),
        base.Trial("s", "i", 0.5, None, Interval(0.1, 0.2, "")),
    ]
    row = coverage.total([coverage.summarise(trials[:2]), coverage.summarise(trials[2:])])["s | i"]
    assert row == pytest.approx(
        {"samples": 4, "given": 3, "covered": 1, "low": 1, "high": 1, "width": 0.7, "estimates": 3, "bias": 0.0}
    )


def test_a_run_goes_on_where_it_ended(tmp_path: Path) -> None:
    options = argparse.Namespace(part=["rates"], repetitions=100, jobs=1, out=tmp_path / "c.json")
    coverage.run(options)
    known = json.loads(options.out.read_text())
    known["rates 50"]["0"]["rate, true value 0.5 | wilson"]["covered"] = 7
    options.out.write_text(json.dumps(known))
    again = coverage.run(argparse.Namespace(**{**vars(options), "repetitions": 200}))
    assert again["rates 50"]["0"]["rate, true value 0.5 | wilson"]["covered"] == 7
    assert sorted(again["rates 50"]) == ["0", "100"]
    table = "\n".join(coverage.tables(again, ["rates"]))
    assert "| rate, true value 0.5 | wilson |" in table
    assert "200 samples of each size" in table
