from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from helpers.opinions import opinion, record
from usnet.datasets.records import Dataset, ImageRecord
from usnet.evaluation import evaluate
from usnet.evaluation.baselines import birads_rank
from usnet.values import Box, Nodule


@pytest.mark.parametrize(
    ("birads", "rank"), [("2", 2), ("4a", 4), ("4A", 4), ("4", 4.3), ("4b", 4.3), (" 4C ", 4.6), ("5", 5)]
)
def test_birads_rises_with_suspicion(birads: str, rank: float) -> None:
    assert birads_rank(record(0, "benign", birads=birads)) == rank


def test_unknown_or_incomplete_birads_is_not_a_rank() -> None:
    for birads in (None, "0", "?"):
        assert birads_rank(record(0, "benign", birads=birads)) != birads_rank(record(0, "benign", birads="1"))
        assert birads_rank(record(0, "benign", birads=birads)) != birads_rank(record(0, "benign", birads=birads))


@pytest.mark.reference
def test_busbra_baselines_are_those_of_its_data_page(shared: Path) -> None:
    """AUC of BI-RADS 0.889, of box area 0.748, of height : width 0.783; BI-RADS >= 4 has 0.932 and 0.776."""
    records = []
    with (shared / "data/BUSBRA/bus_data.csv").open() as stream:
        for number, row in enumerate(csv.DictReader(stream)):
            label = row["Pathology"].lower()
            box = Box(*json.loads(row["BBOX"]))
            size = {"width": int(row["Width"]), "height": int(row["Height"])}
            more = {"patient_id": row["Case"], "birads": row["BIRADS"]}
            records.append(ImageRecord(number, row["ID"], label=label, nodules=(Nodule(box, label),), **size, **more))  # type: ignore[arg-type]
    found = evaluate(Dataset(shared, "BUS-BRA", tuple(records)), [opinion(r, []) for r in records], bootstrap=0)

    def value(name: str, baseline: str) -> float:
        return found.metric(name, f"malignant v benign, {baseline}").value

    assert value("auc", "BI-RADS") == pytest.approx(0.889, abs=0.0005)
    assert value("auc", "box size alone") == pytest.approx(0.748, abs=0.0015)
    assert value("auc", "box shape alone") == pytest.approx(0.783, abs=0.0015)
    assert value("sensitivity", "BI-RADS") == pytest.approx(0.932, abs=0.0005)
    assert value("specificity", "BI-RADS") == pytest.approx(0.776, abs=0.0005)
    assert found.counts["patients"] == 1064
