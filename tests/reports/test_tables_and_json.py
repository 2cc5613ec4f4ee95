"""Round trips of the written formats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.made_up import MODEL, diagnosis, finding
from usnet.errors import DataError
from usnet.reports.coco import FindingsFile, images_path
from usnet.reports.csv_table import COLUMNS, Table, read_rows, row_of
from usnet.reports.one_json import diagnosis_from_json, read_json, to_json, write_json
from usnet.values import Diagnosis, Failure

UNIT = st.floats(0, 1)
FINDINGS = st.builds(
    finding,
    st.tuples(*[st.floats(0, 5000)] * 4),
    UNIT,
    UNIT,
)
DIAGNOSES = st.builds(
    diagnosis,
    FINDINGS,
    FINDINGS,
    image_id=st.text(),
    source=st.text(),
    group=st.none() | st.text(),
    p_malignant=UNIT,
    seconds=st.floats(0, 1e3),
    warnings=st.tuples(st.text(), st.text()),
)


@given(DIAGNOSES)
def test_json_gives_back_the_same_diagnosis(made: Diagnosis) -> None:
    assert diagnosis_from_json(to_json(made)) == made
    assert diagnosis_from_json(to_json(made).encode()) == made


def test_json_files_and_an_empty_diagnosis(tmp_path: Path) -> None:
    made = diagnosis(candidates=(), source="bad\udcffname.png")
    assert read_json(write_json(made, tmp_path / "a.json")) == made
    assert json.loads((tmp_path / "a.json").read_text())["findings"] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not readable as JSON"),
        ("[]", "usnet_diagnosis is None"),
        ('{"usnet_diagnosis": 9}', "usnet_diagnosis is 9"),
        ('{"usnet_diagnosis": 1}', "not a diagnosis"),
        (to_json(diagnosis()).replace('"normal"', '"healthy"', 1), "label 'healthy'"),
        (to_json(diagnosis()).replace('"width"', '"with"', 1), "width"),
        (to_json(diagnosis(finding())).replace('"height": 40.0', '"height": -1', 1), "negative extent"),
    ],
)
def test_json_that_is_no_diagnosis(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        diagnosis_from_json(text, source="x.json")
    assert str(caught.value).startswith("x.json: ")


def test_table_round_trip(tmp_path: Path) -> None:
    made = diagnosis(finding(), finding(score=0.7), group="=P1", warnings=("a: b, c", 'd: "e"\nf'))
    with Table(tmp_path / "d.csv") as table:
        for result in (made, Failure("-bad.png", "empty, sadly"), diagnosis(source="+a.png")):
            table.add(row_of(result))
    first, failed, normal = read_rows(tmp_path / "d.csv")
    assert tuple(first) == COLUMNS
    assert (first["image"], first["label"], first["findings"], first["group"]) == (made.source, "malignant", "2", "=P1")
    assert first["warnings"] == " | ".join(made.warnings)
    assert [float(first[f"box_{k}"] or 0) for k in ("x", "y", "width", "height")] == [10.5, 20.25, 30, 40]
    for name in ("p_benign", "p_malignant", "p_normal"):
        assert float(first[name] or 0) == pytest.approx(getattr(made, name), abs=1e-6)
    assert (first["width_mm"], first["height_mm"], first["model_sha256"]) == ("3.00", "8.00", MODEL.sha256)
    assert {k: v for k, v in failed.items() if v} == {"image": "-bad.png", "error": "empty, sadly"}
    assert (normal["image"], normal["findings"], normal["box_x"], normal["error"]) == ("+a.png", "0", None, None)


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\tx", "'x", "'=x", "x", "ä,\"'\n"])
def test_no_cell_is_a_formula(tmp_path: Path, name: str) -> None:
    with Table(tmp_path / "d.csv") as table:
        table.add(row_of(Failure(name, "=2")))
    cell = (tmp_path / "d.csv").read_text().splitlines()[1]
    assert not cell.startswith(("=", "+", "-", "@", "\t"))
    (row,) = read_rows(tmp_path / "d.csv")
    assert (row["image"], row["error"]) == (name, "=2")


def test_rows_are_on_disk_at_once(tmp_path: Path) -> None:
    table = Table(tmp_path / "d.csv")
    table.add(row_of(diagnosis(source="bad\udcffname.png")))
    assert len((tmp_path / "d.csv").read_text().splitlines()) == 2
    table.close()


def test_a_table_that_is_missing_or_empty(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        list(read_rows(tmp_path / "none.csv"))
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(DataError, match="empty"):
        list(read_rows(tmp_path / "empty.csv"))


def test_coco_numbers_and_contents(tmp_path: Path) -> None:
    path = tmp_path / "findings.json"
    with FindingsFile(path, {"b.png": 40, "c.png": 7}) as out:
        out.add(diagnosis(finding(), finding(probability=0.2), image_id="b.png"))
        out.add(diagnosis(image_id="c.png"))
        out.add(diagnosis(finding(), image_id="new.png"))
        assert not path.exists()
    rows = json.loads(path.read_text())
    assert [(r["image_id"], r["category_id"]) for r in rows] == [(40, 2), (40, 1), (41, 2)]
    assert rows[0]["bbox"] == [10.5, 20.25, 30.0, 40.0]
    images = json.loads(images_path(path).read_text())["images"]
    assert [(i["id"], i["file_name"], i["label"]) for i in images] == [
        (40, "b.png", "malignant"),
        (7, "c.png", "normal"),
        (41, "new.png", "malignant"),
    ]


def test_coco_without_any_image(tmp_path: Path) -> None:
    FindingsFile(tmp_path / "f.json").close()
    assert json.loads((tmp_path / "f.json").read_text()) == []
    assert json.loads((tmp_path / "f-images.json").read_text())["images"] == []


def test_a_coco_tool_opens_it(tmp_path: Path) -> None:
    coco = pytest.importorskip("faster_coco_eval", reason="needs the evaluate extra").COCO
    path = tmp_path / "findings.json"
    with FindingsFile(path) as out:
        out.add(diagnosis(finding(), finding(probability=0.1), image_id="a.png"))
        out.add(diagnosis(image_id="b.png"))
    truth = coco(str(images_path(path)))
    results = truth.loadRes(str(path))
    assert sorted(truth.getImgIds()) == [1, 2]
    assert len(results.getAnnIds()) == 2
    assert results.loadAnns(results.getAnnIds(catIds=[1]))[0]["score"] == pytest.approx(0.9)
