"""Importers of published sets, on made-up copies of their layouts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from helpers import layouts
from usnet.datasets.importers import ImportResult, import_breast, import_busbra, import_busi, import_busuclm
from usnet.datasets.records import ImageRecord, load
from usnet.errors import DataError
from usnet.values import Box, Nodule


def by_name(result: ImportResult) -> dict[str, ImageRecord]:
    return {r.file_name: r for r in result.dataset.records}


@pytest.mark.parametrize("kind", ["busbra", "busi", "breast", "busuclm"])
@pytest.mark.parametrize("link", [False, True])
def test_round_trip_and_unchanged_bytes(tmp_path: Path, kind: str, link: bool) -> None:
    source = getattr(layouts, kind)(tmp_path / "in")
    job = {"busbra": import_busbra, "busi": import_busi, "breast": import_breast, "busuclm": import_busuclm}[kind]
    seen: list[tuple[int, int]] = []
    result = job(source, tmp_path / "out", link=link, progress=lambda done, total: seen.append((done, total)))
    assert load(tmp_path / "out") == result.dataset
    assert not result.left_out
    assert seen[-1][0] == seen[-1][1] == len(result.dataset.records)
    for record in result.dataset.records:
        original = next(source.rglob(record.file_name))
        assert result.dataset.path(record).read_bytes() == original.read_bytes()
        assert result.dataset.path(record).samefile(original) == link
        assert (record.width, record.height) == (60, 40)


def test_busbra_takes_the_mask_and_names_differences(tmp_path: Path) -> None:
    source = layouts.busbra(tmp_path / "in")
    table = source / "bus_data.csv"
    table.write_text(table.read_text().replace("[4,5,8,7]", "[1,1,30,30]").replace("60,40,left", "60,44,left"))
    result = import_busbra(source, tmp_path / "out")
    assert [(p.source, p.row) for p in result.notes] == [("bus_0001-l.png", 2), ("bus_0002-s.png", 4)]
    assert "60 x 44" in result.notes[0].message
    assert "[0.0, 0.0, 31.0, 31.0]" in result.notes[1].message
    record = by_name(result)["bus_0002-s.png"]
    assert record == replace(
        record,
        label="benign",
        patient_id="busbra_0002",
        view="single",
        device="GE Logiq 7",
        birads="2",
        fold=1,
        histology="cyst",
    )
    assert record.nodules == (Nodule(Box(3, 4, 9, 8), "benign", "busbra_0002", "2", "cyst"),)


def test_every_bad_input_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    source = layouts.busbra(tmp_path / "in")
    (source / "Images" / "bus_0001-l.png").write_bytes(b"not a picture")
    layouts.write_mask(source / "Masks" / "mask_0001-r.png", [])
    layouts.write_image(source / "Images" / "bus_0009-s.png")
    with (source / "bus_data.csv").open("a") as table:
        table.write('bus_0003-s,3,x,harmless,2,d,60,40,single,"[1,1,3,3]"\n')
    result = import_busbra(source, tmp_path / "out")
    assert [r.file_name for r in result.dataset.records] == ["bus_0002-s.png"]
    assert {p.source: p.row for p in result.left_out} == {
        "Images/bus_0001-l.png": None,
        "Images/bus_0001-r.png": None,
        "Images/bus_0009-s.png": None,
        "bus_data.csv": 5,
    }


def test_busi_components_files_specks_and_normals(tmp_path: Path) -> None:
    result = import_busi(layouts.busi(tmp_path / "in"), tmp_path / "out")
    records = by_name(result)
    assert [n.box for n in records["benign (2).png"].nodules] == [
        Box(5, 5, 10, 8),
        Box(30, 20, 12, 9),
        Box(45, 25, 10, 10),
    ]
    assert records["normal (1).png"].label == "normal"
    assert records["normal (1).png"].nodules == ()
    assert {r.patient_id for r in records.values()} == {None}
    assert [p.source for p in result.notes] == ["benign/benign (2)_mask.png"]


def test_busi_label_against_mask(tmp_path: Path) -> None:
    source = layouts.busi(tmp_path / "in")
    layouts.write_mask(source / "normal" / "normal (1)_mask.png", [(5, 5, 10, 10)])
    layouts.write_mask(source / "malignant" / "malignant (1)_mask.png", [])
    (source / "benign" / "benign (2)_mask_1.png").write_bytes(b"")
    result = import_busi(source, tmp_path / "out")
    assert [p.source for p in result.left_out] == [
        "benign/benign (2).png",
        "malignant/malignant (1).png",
        "normal/normal (1).png",
    ]


def test_breast_keeps_what_the_table_says(tmp_path: Path) -> None:
    result = import_breast(layouts.breast(tmp_path / "in"), tmp_path / "out")
    records = by_name(result)
    second = records["case002.png"]
    assert second.spacing_mm == pytest.approx((0.2, 0.2))
    assert (second.age, second.birads, second.histology) == (None, "4c", "Carcinoma")
    assert [n.box for n in second.nodules] == [Box(8, 9, 16, 22)]  # not the _other mask
    assert (records["case001.png"].age, records["case001.png"].histology) == (57.0, None)
    assert (records["case003.png"].label, records["case003.png"].nodules) == ("normal", ())
    clinical = load(tmp_path / "out").info["clinical"]
    assert clinical["case001.png"] == {"Shape": "oval", "Verification": "follow-up"}


def test_busuclm_colours_sizes_flags_and_patients(tmp_path: Path) -> None:
    result = import_busuclm(layouts.busuclm(tmp_path / "in"), tmp_path / "out")
    records = by_name(result)
    assert {n: (r.label, r.patient_id, r.fold) for n, r in records.items()} == {
        "ALWI_000.png": ("benign", "ALWI", 1),
        "ALWI_001.png": ("normal", "ALWI", 1),
        "COPE_000.png": ("malignant", "COPE", 2),
        "ANLI_000.png": ("benign", "ANLI", 1),
    }
    assert records["ANLI_000.png"].nodules[0].box == Box(20, 10, 20, 10)
    assert records["COPE_000.png"].nodules == (Nodule(Box(20, 3, 15, 30), "malignant"),)
    assert result.dataset.info["flags"] == {"ALWI_001.png": ["Doppler"], "COPE_000.png": ["Marks"]}
    assert any("120 x 80" in p.message for p in result.notes)


def test_busuclm_table_against_mask(tmp_path: Path) -> None:
    source = layouts.busuclm(tmp_path / "in")
    info = source / "INFO.csv"
    text = info.read_text(encoding="utf-8-sig")
    info.write_text(
        text.replace("ALWI_000.png;60x40;Benign", "ALWI_000.png;60x40;Malignant").replace("COPE_000", "COPE_7")
    )
    result = import_busuclm(source, tmp_path / "out")
    assert sorted(p.source for p in result.left_out) == [
        "images/ALWI_000.png",
        "images/COPE_000.png",
        "images/COPE_7.png",
    ]


def test_layouts_that_are_not_there(tmp_path: Path) -> None:
    for job in (import_busbra, import_busi, import_breast, import_busuclm):
        with pytest.raises(DataError):
            job(tmp_path / "nowhere", tmp_path / "out")
    wrong = layouts.busbra(tmp_path / "in")
    (wrong / "bus_data.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="no column ID, Case"):
        import_busbra(wrong, tmp_path / "out")


def test_an_output_folder_in_use_is_refused(tmp_path: Path) -> None:
    layouts.write_image(tmp_path / "out" / "keep.png")
    with pytest.raises(DataError, match="not empty"):
        import_busi(layouts.busi(tmp_path / "in"), tmp_path / "out")
    assert (tmp_path / "out" / "keep.png").exists()


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    source = layouts.busi(tmp_path / "in")
    for path in source.rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match="no image could be imported"):
        import_busi(source, tmp_path / "out")


def test_colour_files_keep_their_bytes_and_other_formats_become_png(tmp_path: Path) -> None:
    from usnet.datasets.importers.common import place_image

    bitmap = layouts.write_image(tmp_path / "a.bmp")
    place_image(bitmap, tmp_path / "o" / "a.bmp.png", link=True)
    with Image.open(tmp_path / "o" / "a.bmp.png") as written, Image.open(bitmap) as original:
        assert written.format == "PNG"
        assert written.tobytes() == original.tobytes()
