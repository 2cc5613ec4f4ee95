"""Agreement with R's MRMCaov, RJafroc and iMRMC on the reference studies."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from usnet.statistics.afroc import Marks, figure_of_merit, jackknife
from usnet.statistics.clustered import clustered_auc
from usnet.statistics.mrmc import (
    MrmcResult,
    Planning,
    Reading,
    Study,
    UEstimate,
    ai_against_readers,
    analyse,
    analyse_jackknife,
    power,
    read_study,
    sample_size,
    ustatistics,
)
from usnet.statistics.roc import auc

pytestmark = pytest.mark.reference


def close(value: float | None, expected: float, rel: float = 1e-9, tolerance: float = 1e-13) -> None:
    assert value == pytest.approx(expected, rel=rel, abs=tolerance)


def load(path: Path) -> Any:
    return json.loads(path.read_text())


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def vandyke(shared: Path) -> Study:
    return read_study(shared / "stats/vandyke/VanDyke.csv")


VANDYKE = {
    "auc_delong_RRRC": {"covariance": "delong"},
    "auc_jackknife_RRRC": {"covariance": "jackknife"},
    "auc_unbiased_RRRC": {"covariance": "unbiased"},
    "auc_delong_FRRC": {"covariance": "delong", "readers": "fixed"},
    "auc_jackknife_FRRC": {"covariance": "jackknife", "readers": "fixed"},
    "auc_jackknife_RRFC": {"covariance": "jackknife", "cases": "fixed"},
    "sens_jackknife_RRRC": {"covariance": "jackknife", "merit": "sensitivity", "threshold": 3},
    "spec_jackknife_RRRC": {"covariance": "jackknife", "merit": "specificity", "threshold": 3},
}


@pytest.mark.parametrize("name", VANDYKE)
def test_van_dyke_as_mrmcaov(shared: Path, vandyke: Study, name: str) -> None:
    expected = load(shared / "stats/vandyke/expected_VanDyke_MRMCaov.json")[name]
    result = analyse(vandyke, **VANDYKE[name])
    check_values(result, expected)
    check_components(result, expected)
    check_test(result, expected["test_equality"][0])
    check_estimates(result, expected)


def check_values(result: MrmcResult, expected: dict[str, Any]) -> None:
    metric = expected["vars"][3]
    for cell in expected["per_reader"]:
        place = result.modalities.index(cell["treatment"]), result.readers.index(cell["reader"])
        close(result.values[place], cell[metric])
    if "cov" in expected:
        assert result.covariance == pytest.approx(np.array(expected["cov"]), rel=1e-9, abs=1e-15)


def check_components(result: MrmcResult, expected: dict[str, Any]) -> None:
    names = {"reader": "reader", "treatment:reader": "modality_reader", "Error": "error"}
    names |= {"Cov1": "cov1", "Cov2": "cov2", "Cov3": "cov3"}
    for component in expected["vcov_comps"] or ():
        close(getattr(result.components, names[component["row"]]), component["Estimate"], tolerance=1e-15)


def check_test(result: MrmcResult, want: dict[str, float]) -> None:
    assert result.test is not None
    close(result.test.mean_square, want["MS.T."])
    close(result.test.denominator, want.get("Denominator", want.get("MS.T.R.")))
    close(result.test.statistic, want["F"] if "F" in want else want["X2"])
    close(result.test.p, want["p.value"])
    close(result.test.df1, want.get("df1", want.get("df")))
    if "df2" in want:
        close(result.test.df2, want["df2"])


def check_estimates(result: MrmcResult, expected: dict[str, Any]) -> None:
    pairs = [*zip(result.differences, expected["test_diffs"], strict=True)]
    pairs += zip(result.means, expected["test_means"], strict=True)
    if expected["reader_test_diffs"]:
        pairs += zip(result.by_reader, expected["reader_test_diffs"], strict=True)
    for one, want in pairs:
        close(one.value, want["Estimate"])
        close(one.standard_error, want["StdErr"])
        assert one.interval is not None
        assert [one.interval.low, one.interval.high] == pytest.approx([want["CI.Lower"], want["CI.Upper"]], abs=1e-8)
        if "df" in want:
            close(one.df, want["df"])
        if "p.value" in want:
            close(one.p, want["p.value"])
            close(one.statistic, want.get("t", want.get("z")))


def test_van_dyke_as_rjafroc_and_as_published(shared: Path, vandyke: Study) -> None:
    expected = load(shared / "stats/vandyke/VanDyke_expected_RJafroc.json")["st"]
    for method in ("or", "dbm"):
        result = analyse(vandyke, method=method, covariance="jackknife")
        want = expected[f"Wilcoxon_{method.upper()}"]["RRRC"]
        assert result.test is not None
        close(result.test.statistic, want["FTests"][0]["FStat"])
        close(result.test.df2, want["FTests"][1]["DF"])
        close(result.test.p, want["FTests"][0]["p"])
        close(result.test.mean_square, want["FTests"][0]["MS"])
        close(result.test.denominator, want["FTests"][1]["MS"])
    iowa = load(shared / "stats/vandyke/expected_VanDyke_ORDBM_iowa_quoted.json")
    result = analyse(vandyke, covariance="jackknife")
    assert round(result.test.statistic, 2) == iowa["RRRC"]["F"]
    assert round(result.test.p, 4) == iowa["RRRC"]["p"]
    low, high = result.differences[0].interval.low, result.differences[0].interval.high
    assert [round(low, 5), round(high, 5)] == iowa["RRRC"]["ci"]


def test_van_dyke_reads_the_same_from_imrmc_and_csv(shared: Path, vandyke: Study) -> None:
    other = read_study(shared / "stats/vandyke/VanDyke.imrmc")
    assert analyse(other).values == pytest.approx(analyse(vandyke).values, abs=1e-15)


def test_van_dyke_recoded_as_nested_designs(shared: Path, vandyke: Study) -> None:
    path = shared / "stats/vandyke/VanDyke.csv"
    split = read_study(path, {"case": "case2"})
    assert split.design == "cases nested in reader"
    fixed = analyse(vandyke, cases="fixed").test
    close(analyse(split).test.p, fixed.p)
    within = read_study(path, {"case": "case3"})
    assert within.design == "cases nested in modality"
    result, crossed = analyse(within), analyse(vandyke)
    close(result.components.cov2, crossed.components.cov2)
    close(result.test.denominator, fixed.denominator + 5 * crossed.components.cov2)


def test_van_dyke_sample_size_as_rjafroc(shared: Path, vandyke: Study) -> None:
    expected = load(shared / "stats/vandyke/VanDyke_samplesize_expected_RJafroc.json")
    plan = Planning.from_result(analyse(vandyke, covariance="jackknife"))
    found, want = power(plan, readers=6, cases=251, effect=0.05), expected["power_J6_K251_es005"][0]
    close(found.noncentrality, want["ncpRRRC"])
    close(found.df2, want["df2RRRC"])
    close(found.power, want["powerRRRC"])
    for readers, key in ((6, "K_for_J6_es005_power80"), (10, "K_for_J10")):
        size, want = sample_size(plan, readers=readers, effect=0.05), expected[key][0]
        assert size is not None
        assert size.cases == want["KRRRC"]
        close(size.power, want["powerRRRC"])


def check_u(one: UEstimate, want: dict[str, Any], mle: bool = False) -> None:
    difference = want["AUCB"] != "NA"
    close(one.value, want["AUCAminusAUCB"] if difference else want["AUCA"])
    variance = want["varAUCAminusAUCB"] if difference else want["varAUCA"]
    close(one.variance_mle if mle else one.variance, variance, tolerance=1e-15)
    assert (one.readers, one.positives, one.negatives) == (want["NR"], want["N1"], want["N0"])
    close(one.df_mle if mle else one.df, want["dfBDG"])
    bdg, normal = (one.mle, one.mle_normal) if mle else (one.bdg, one.normal)
    for found, suffix in ((bdg, "BDG"), (normal, "normal")):
        assert found.interval is not None
        assert [found.interval.low, found.interval.high] == pytest.approx(
            [want[f"botCI{suffix}"], want[f"topCI{suffix}"]], abs=1e-8
        )
    if bdg.p is not None:
        close(bdg.p, want["pValueBDG"])
        close(normal.p, want["pValueNormal"])


def check_imrmc(study: Study, expected: dict[str, Any], **options: Any) -> None:
    result = ustatistics(study, **options)
    for key, mle in (("Ustat", False), ("MLEstat", True)):
        for want in expected.get(key, ()):
            estimates = {one.label: one for one in (*result.means, *result.differences)}
            label = want["modalityA"]
            if want["modalityB"] != "NO_MOD":
                label += f" - {want['modalityB']}"
            if want["modalityB"] == "NO_MOD" and options and want["dfBDG"] != "NA":
                # iMRMC tests a share against 0.5 too, which means nothing: p is left out here.
                assert estimates[label].p is None
            check_u(estimates[label], want, mle)
    for want in expected["perReader"]:
        j, i = study.readers.index(want["readerID"]), study.modalities.index(want["modalityA"])
        close(result.values[i, j], want["AUCA"])
        close(result.variances[i, j], want["varAUCA"], tolerance=1e-14)
        if want["modalityB"] != "NO_MOD":
            close(result.difference_variances[0, j], want["varAUCAminusAUCB"], tolerance=1e-14)


def test_van_dyke_as_imrmc(shared: Path) -> None:
    expected = load(shared / "stats/vandyke/expected_VanDyke_iMRMC.json")
    study = read_study(shared / "stats/vandyke/VanDyke.imrmc")
    check_imrmc(study, expected)
    result = ustatistics(study)
    parts = (result.means[0].parts[0], result.means[1].parts[0], result.differences[0].parts[2])
    table = expected["varDecomp_BDG_Ustat"]
    for part, moments, coefficients in zip(parts, table["comp"], table["coeff"], strict=True):
        assert part.moments == pytest.approx([moments[f"M{i}"] for i in range(1, 9)], rel=1e-9)
        assert part.coefficients == pytest.approx([coefficients[f"M{i}"] for i in range(1, 9)], rel=1e-9)


@pytest.mark.parametrize("key", ["AUC", "TPF_recall_is_1", "FPF_recall_is_1_as_1minusAUC"])
def test_viper_as_imrmc(shared: Path, key: str) -> None:
    expected = load(shared / "stats/viper/expected_viper_screeningLowP_iMRMC.json")[key]
    rows = rows_of(shared / "stats/viper/viper_screeningLowP.csv")
    decision = key != "AUC"
    study = Study.from_readings(
        Reading(
            r["readerID"],
            r["modalityID"],
            r["caseID"],
            r["truth"] == "1",
            float(r["recall"] == "1") if decision else float(r["score"]),
        )
        for r in rows
    )
    merit = {"TPF_recall_is_1": "sensitivity", "FPF_recall_is_1_as_1minusAUC": "specificity"}.get(key)
    if merit is None:
        check_imrmc(study, expected)
    else:
        check_imrmc(study, expected, merit=merit, threshold=1)


@pytest.fixture(scope="module")
def synthetic(shared: Path) -> dict[str, Study]:
    rows = rows_of(shared / "stats/readerstudy_synth/reads.csv")
    ranks = {code: rank for rank, code in enumerate(("2", "3", "4a", "4b", "4c", "5"))}

    def study(column: str) -> Study:
        return Study.from_readings(
            Reading(
                r["reader"],
                r["arm"],
                r["case"],
                r["truth"] == "1",
                ranks[r[column].lower()] if column == "birads" else float(r[column]),
            )
            for r in rows
        ).select(modalities=["unaided", "aided"], readers=sorted({r["reader"] for r in rows}))

    return {column: study(column) for column in ("pom", "birads")}


@pytest.mark.parametrize(
    ("key", "options"),
    [
        ("MRMCaov_auc_jackknife_RRRC", {"covariance": "jackknife"}),
        ("MRMCaov_auc_DeLong_RRRC", {"covariance": "delong"}),
        ("MRMCaov_auc_unbiased_RRRC", {"covariance": "unbiased"}),
        ("MRMCaov_sens_birads4a_jackknife", {"covariance": "jackknife", "merit": "sensitivity", "threshold": 2}),
        ("MRMCaov_spec_birads4a_jackknife", {"covariance": "jackknife", "merit": "specificity", "threshold": 2}),
    ],
)
def test_synthetic_study_as_mrmcaov(
    shared: Path, synthetic: dict[str, Study], key: str, options: dict[str, Any]
) -> None:
    expected = load(shared / "stats/readerstudy_synth/expected_R.json")[key]
    result = analyse(synthetic["birads" if "birads" in key else "pom"], **options)
    names = ("reader", "modality_reader", "error", "cov1", "cov2", "cov3")
    for name, want in zip(names, expected["vcov"].values(), strict=True):
        close(getattr(result.components, name), want, tolerance=1e-15)
    assert result.test is not None
    for name, want in (("F", "statistic"), ("df2", "df2"), ("p-value", "p"), ("Denominator", "denominator")):
        close(getattr(result.test, want), expected["test"][name])
    close(result.differences[0].standard_error, expected["diff"]["StdErr"])
    interval = result.differences[0].interval
    assert [interval.low, interval.high] == pytest.approx(expected["diff"]["CI"][0], abs=1e-8)
    for mean, want in zip(result.means, expected["means"], strict=True):
        close(mean.value, want["Estimate"])
        if mean.interval is None:  # all readers find every positive case: R prints an interval of no width
            assert want["CI"] == [1, 1]
            continue
        close(mean.standard_error, want["StdErr"])
        close(mean.df, want["df"])
        assert [mean.interval.low, mean.interval.high] == pytest.approx(want["CI"], abs=1e-8)


def test_synthetic_study_as_imrmc_and_proc(shared: Path, synthetic: dict[str, Study]) -> None:
    expected = load(shared / "stats/readerstudy_synth/expected_R.json")
    study = synthetic["pom"].select(modalities=["aided", "unaided"])
    found = ustatistics(study)
    for one, want in zip((*found.means, *found.differences), expected["iMRMC_Ustat"], strict=True):
        check_u(one, want)
    for one, want in zip((*found.means, *found.differences), expected["iMRMC_MLE"], strict=True):
        check_u(one, want, mle=True)
    cells = analyse(study).values[::-1].T.reshape(-1)
    assert sorted(cells) == pytest.approx(sorted(c["auc"] for c in expected["per_reader_auc"]), rel=1e-12)
    cases = rows_of(shared / "stats/readerstudy_synth/cases.csv")
    truth = [c["truth"] == "1" for c in cases]
    score = [float(c["ai_score"]) for c in cases]
    patient = [c["patient"] for c in cases]
    ai = auc(truth, score)
    close(ai.variance, expected["AI_auc"]["var_delong"])
    assert [ai.interval.low, ai.interval.high] == pytest.approx(expected["AI_auc"]["ci"][::2], abs=1e-8)
    close(clustered_auc(truth, score, patient).variance, expected["AI_auc_clustered_by_patient"]["auc.var"])
    place = {c["case"]: c["patient"] for c in cases}
    for want in expected["unaided_reader_auc_clustered"]:
        one = study.select(readers=[want["reader"]], modalities=["unaided"])
        found_auc = clustered_auc(one.truth, one.scores[0, 0], [place[c] for c in one.cases])
        close(found_auc.value, want["auc"])
        close(found_auc.variance, want["auc.var"])
        assert [found_auc.interval.low, found_auc.interval.high] == pytest.approx(
            [want["ci.bot"], min(want["ci.top"], 1)], abs=1e-8
        )


def read_nico(shared: Path) -> tuple[Study, dict[str, float]]:
    rows = rows_of(shared / "stats/ai_vs_readers/cad_vs_readers.csv")
    name = "reader_0_is_CAD"
    people = [
        Reading(r[name], "film", r["case"], r["truth"] == "1", float(r["rating"])) for r in rows if r[name] != "0"
    ]
    return Study.from_readings(people), {r["case"]: float(r["rating"]) for r in rows if r[name] == "0"}


@pytest.mark.parametrize(("key", "cases"), [("1T-RRRC", "random"), ("1T-RRFC", "fixed")])
def test_ai_against_readers_as_rjafroc(shared: Path, key: str, cases: str) -> None:
    expected = load(shared / "stats/ai_vs_readers/cad_vs_readers_expected_RJafroc.json")[key]
    study, ai = read_nico(shared)
    result = ai_against_readers(study, ai, cases=cases)
    close(result.ai_value, expected["fomCAD"])
    assert result.values == pytest.approx(expected["fomRAD"], rel=1e-9)
    close(result.difference.value, expected["avgDiffFom"])
    close(result.difference.statistic, expected["Tstat"])
    close(result.difference.df, expected["df"])
    close(result.difference.p, expected["pval"])
    close(result.square, expected["varR"])
    close(result.readers_mean.value, expected["avgRadFom"])
    interval = result.difference.interval
    assert [interval.low, interval.high] == pytest.approx(expected["CIAvgDiffFom"], abs=1e-8)
    if cases == "random":
        close(result.error, expected["varError"])
        close(result.cov2, expected["cov2"])
    else:
        mean = result.readers_mean.interval
        assert [mean.low, mean.high] == pytest.approx(expected["CIAvgRadFom"], abs=1e-8)


def test_ai_as_a_second_modality_read_alike_by_all(shared: Path) -> None:
    expected = load(shared / "stats/ai_vs_readers/cad_vs_readers_expected_RJafroc.json")["2T-RRRC"]
    study, ai = read_nico(shared)
    machine = np.broadcast_to([ai[case] for case in study.cases], study.scores.shape)
    both = Study(study.readers, ("trt1", "trt2"), study.cases, study.truth, np.concatenate([machine, study.scores]))
    result = analyse(both, covariance="jackknife")
    assert result.test is not None
    close(result.test.statistic, expected["FStat"])
    close(result.test.df2, expected["df"])
    close(result.test.p, expected["pval"])
    for name, key in (("modality_reader", "varTR"), ("error", "varError"), ("cov1", "cov1"), ("cov2", "cov2")):
        close(getattr(result.components, name), expected[key])
    want = expected["ciAvgRdrEachTrt"][1]
    close(result.means[1].standard_error, want["StdErr"])
    close(result.means[1].df, want["DF"])
    readers = ai_against_readers(study, ai).readers_mean.interval
    assert [readers.low, readers.high] == pytest.approx([want["CILower"], want["CIUpper"]], abs=1e-8)
    want = expected["ciAvgRdrEachTrt"][0]
    machine_only = result.means[0].interval
    assert [machine_only.low, machine_only.high] == pytest.approx([want["CILower"], want["CIUpper"]], abs=1e-8)


def read_free_response(shared: Path) -> list[list[Marks]]:
    folder = shared / "stats/froc"
    cases = [r["case"] for r in rows_of(folder / "dataset04_truth.csv")]
    count = np.array([int(r["n_lesions"]) for r in rows_of(folder / "dataset04_truth.csv")])
    lesions = rows_of(folder / "dataset04_lesions.csv")
    place = {case: i for i, case in enumerate(cases)}
    lesion_place = {(r["case"], r["lesion"]): i for i, r in enumerate(lesions)}
    owner = np.array([place[r["case"]] for r in lesions])
    weight = np.array([float(r["weight"]) for r in lesions])
    marks = rows_of(folder / "dataset04_marks.csv")

    def cell(modality: str, reader: str) -> Marks:
        mine = [m for m in marks if (m["modality"], m["reader"]) == (modality, reader)]
        rating = np.full(len(lesions), -np.inf)
        false = [(place[m["case"]], float(m["rating"])) for m in mine if m["lesion_hit"] == "0"]
        for m in mine:
            if m["lesion_hit"] != "0":
                rating[lesion_place[m["case"], m["lesion_hit"]]] = float(m["rating"])
        at, ratings = np.array([f[0] for f in false], dtype=np.intp), np.array([f[1] for f in false])
        return Marks(count, owner, weight, rating, at, ratings)

    modalities = sorted({m["modality"] for m in marks}, key=int)
    readers = sorted({m["reader"] for m in marks}, key=int)
    return [[cell(m, r) for r in readers] for m in modalities]


@pytest.mark.parametrize("merit", ["wAFROC", "AFROC", "wAFROC1", "HrAuc"])
def test_free_response_merits_as_rjafroc(shared: Path, merit: str) -> None:
    expected = load(shared / "stats/froc/dataset04_expected_RJafroc.json")["st"]
    table = read_free_response(shared)
    values = np.array([[figure_of_merit(m, merit) for m in row] for row in table], dtype=float)
    without = np.array([[jackknife(m, merit) for m in row] for row in table])
    for method in ("or", "dbm"):
        want = expected[f"{merit}_{method.upper()}"]
        result = analyse_jackknife(values, without, merit=merit, method=method)
        assert result.values == pytest.approx(np.array(want["FOMs"]["foms"]), rel=1e-9)
        assert result.test is not None
        close(result.test.statistic, want["RRRC"]["FTests"][0]["FStat"], rel=1e-8)
        close(result.test.df2, want["RRRC"]["FTests"][1]["DF"], rel=1e-8)
        close(result.test.p, want["RRRC"]["FTests"][0]["p"], rel=1e-8)
        for one, line in zip(result.differences, want["RRRC"]["ciDiffTrt"], strict=True):
            close(one.p, line["PrGTt"], rel=1e-8)
            assert [one.interval.low, one.interval.high] == pytest.approx([line["CILower"], line["CIUpper"]], abs=1e-8)
        for one, line in zip(result.means, want["RRRC"]["ciAvgRdrEachTrt"], strict=True):
            close(one.df, line["DF"], rel=1e-8)
            assert [one.interval.low, one.interval.high] == pytest.approx([line["CILower"], line["CIUpper"]], abs=1e-8)
