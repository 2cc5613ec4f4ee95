"""Importers of a CSV (the paper's annotation), COCO and DICOM."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import layouts
from usnet.datasets.importers import ImportResult, import_coco, import_csv, import_dicom
from usnet.datasets.importers.truth import COLUMNS
from usnet.datasets.records import Dataset, ImageRecord, load, save
from usnet.errors import DataError
from usnet.values import Box, Nodule

HEADER = ",".join(COLUMNS)


def table(folder: Path, rows: list[str], header: str = HEADER) -> Path:
    for name in ("a", "b", "c"):
        layouts.write_image(folder / "images" / f"{name}.png")
    path = folder / "truth.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def test_csv_several_nodules_and_a_normal_image(tmp_path: Path) -> None:
    rows = [
        "a.png,1,2,10,11,benign,p1,61,F,4a,Scanner,Here,0.1 x 0.2",
        "a.png,30.5,20,10,11,malignant,p1,61,F,5,Scanner,Here,0.1 x 0.2",
        "b.png,,,,,normal,p1,61,female,,Scanner,Here,0.1",
        "c.png,3,3,5,5,Benign,,,,,,,",
    ]
    result = import_csv(table(tmp_path, rows, HEADER + ",age,sex,birads,device,center,spacing"), tmp_path / "out")
    assert result.problems == ()
    a, b, c = load(tmp_path / "out").records
    assert a.nodules == (
        Nodule(Box(1, 2, 10, 11), "benign", birads="4a"),
        Nodule(Box(30.5, 20, 10, 11), "malignant", birads="5"),
    )
    assert (a.label, a.patient_id, a.age, a.sex, a.device, a.center) == (
        "malignant",
        "p1",
        61.0,
        "female",
        "Scanner",
        "Here",
    )
    assert (a.spacing_mm, b.spacing_mm, c.spacing_mm) == ((0.1, 0.2), (0.1, 0.1), None)
    assert (b.label, b.nodules) == ("normal", ())
    assert (c.label, c.patient_id, c.age, c.sex) == ("benign", None, None, None)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.png,1,two,3,4,benign,p", "y 'two' is no number"),
        ("a.png,1,nan,3,4,benign,p", "y 'nan' is no number"),
        ("a.png,1,2,3,,benign,p", "height '' is no number"),
        ("a.png,1,2,0,4,benign,p", "positive extents"),
        ("a.png,1,2,3,4,harmless,p", "unknown label 'harmless'"),
        ("a.png,1,2,3,4,normal,p", "label normal with a box"),
        ("a.png,,,,,benign,p", "label benign without a box"),
        ("a.png,1,2,3,4,,p", "unknown label ''"),
        (",1,2,3,4,benign,p", "no image is named"),
        ("a.png,50,2,11,4,benign,p", "leaves the image of 60 x 40"),
        ("a.png,-1,2,11,4,benign,p", "leaves the image"),
        ("../a.png,1,2,11,4,benign,p", "inside the image folder"),
        ("gone.png,1,2,11,4,benign,p", "no such file"),
    ],
)
def test_csv_bad_rows_are_named_with_their_number(tmp_path: Path, row: str, message: str) -> None:
    result = import_csv(table(tmp_path, ["b.png,1,2,3,4,benign,p", row]), tmp_path / "out")
    assert [r.file_name for r in result.dataset.records] == ["b.png"]
    assert len(result.left_out) == 1
    assert message in str(result.left_out[0])
    assert "row 3" in str(result.left_out[0])


def test_csv_lists_all_problems_and_leaves_half_annotated_images_out(tmp_path: Path) -> None:
    rows = [
        "a.png,1,2,3,4,benign,p",
        "a.png,x,2,3,4,benign,p",
        "b.png,1,2,3,4,benign,p1",
        "b.png,9,9,3,4,benign,p2",
        "c.png,1,2,3,4,wrong,p",
        "c.png,,,,,normal,p",
        "c.png,9,9,3,4,benign,p",
        "d.png,1,1,1,1,benign,p",
    ]
    source = table(tmp_path, rows)
    with pytest.raises(DataError, match="first of 6 problems"):
        import_csv(source, tmp_path / "out")
    source.write_text(source.read_text() + "e.png,1,1,5,5,benign,p\n")
    layouts.write_image(tmp_path / "images" / "e.png")
    result = import_csv(source, tmp_path / "out2")
    assert [r.file_name for r in result.dataset.records] == ["e.png"]
    assert sorted(p.row for p in result.left_out if p.row) == [3, 4, 6, 9]
    text = "\n".join(map(str, result.left_out))
    assert "differ in patient" in text
    assert "row 2 left out too" in text


@pytest.mark.parametrize("header", ["", "image,x,y,w,h,label,patient", "a;b;c"])
def test_csv_wrong_columns(tmp_path: Path, header: str) -> None:
    with pytest.raises(DataError, match="row 1: no column"):
        import_csv(table(tmp_path, ["a.png,1,2,3,4,benign,p"], header), tmp_path / "out")


def test_csv_odd_optional_values_are_noted(tmp_path: Path) -> None:
    source = table(tmp_path, ["a.png,1,2,3,4,benign,p,old,x,blue"], HEADER + ",age,sex,hair")
    result = import_csv(source, tmp_path / "out")
    assert [p.severity for p in result.problems] == ["note"] * 3
    assert (result.dataset.records[0].age, result.dataset.records[0].sex) == (None, None)


def coco(folder: Path, images: list[dict[str, Any]], annotations: list[dict[str, Any]]) -> Path:
    for name in ("a", "b", "c"):
        layouts.write_image(folder / f"{name}.png")
    categories = [
        {"id": 7, "name": "Benign"},
        {"id": 9, "name": "malignant"},
        {"id": 3, "name": "normal"},
        {"id": 4, "name": "cat"},
    ]
    path = folder / "coco.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path


def image(number: int, name: str, **own: Any) -> dict[str, Any]:
    return {"id": number, "file_name": f"{name}.png", "width": 60, "height": 40} | own


def test_coco_labels(tmp_path: Path) -> None:
    images = [image(1, "a", patient_id="p", age=50), image(2, "b"), image(3, "c")]
    annotations = [
        {"id": 1, "image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4]},
        {"id": 2, "image_id": 1, "category_id": 9, "bbox": [9, 9, 3, 4]},
        {"id": 3, "image_id": 2, "category_id": 3, "bbox": [0, 0, 60, 40]},
    ]
    source = coco(tmp_path, images, annotations)
    assert [r.label for r in import_coco(source, tmp_path / "o1").dataset.records] == ["malignant", "normal", None]
    records = import_coco(source, tmp_path / "o2", empty_is="normal").dataset.records
    assert [r.label for r in records] == ["malignant", "normal", "normal"]
    assert (records[0].patient_id, records[0].age) == ("p", 50)
    assert [n.pathology for n in records[0].nodules] == ["benign", "malignant"]


@pytest.mark.parametrize(
    ("own", "annotation", "message"),
    [
        ({}, {"category_id": 4, "bbox": [1, 2, 3, 4]}, "is 'cat'"),
        ({}, {"category_id": 99, "bbox": [1, 2, 3, 4]}, "category 99"),
        ({}, {"category_id": 7, "bbox": [1, 2, 3]}, "is no box"),
        ({}, {"category_id": 7}, "bbox None"),
        ({}, {"category_id": 7, "bbox": [1, 2, 60, 4]}, "leaves the image"),
        ({}, {"category_id": 7, "bbox": [1, 2, 0, 4]}, "is empty"),
        ({"label": "normal"}, {"category_id": 7, "bbox": [1, 2, 3, 4]}, "label normal with 1 boxes"),
        ({"label": "odd"}, {"category_id": 7, "bbox": [1, 2, 3, 4]}, "label 'odd'"),
        ({"width": 120}, {"category_id": 7, "bbox": [1, 2, 3, 4]}, "120 x 40"),
        ({"file_name": "gone.png"}, {"category_id": 7, "bbox": [1, 2, 3, 4]}, "no such file"),
        ({"file_name": "b.png"}, {"category_id": 7, "bbox": [1, 2, 3, 4]}, "a second image"),
    ],
)
def test_coco_problems_are_named(tmp_path: Path, own: dict[str, Any], annotation: dict[str, Any], message: str) -> None:
    source = coco(tmp_path, [image(5, "b"), image(1, "a") | own], [{"id": 1, "image_id": 1} | annotation])
    result = import_coco(source, tmp_path / "out")
    assert [r.file_name for r in result.dataset.records] == ["b.png"]
    assert message in str(result.left_out[0])


def test_coco_takes_what_usnet_writes(tmp_path: Path) -> None:
    layouts.write_image(tmp_path / "in" / "images" / "a.png")
    record = ImageRecord(1, "a.png", 60, 40, "benign", (Nodule(Box(1, 2, 3, 4), "benign", "n1", "3", "cyst", 12.5),),
                         patient_id="p", age=44.0, sex="female", spacing_mm=(0.1, 0.2), fold=3, source_name="orig")  # fmt: skip
    path = save(Dataset(tmp_path / "in", "made", (record,)))
    assert import_coco(path, tmp_path / "out").dataset.records == (record,)


def test_written_datasets_open_in_coco_tools(tmp_path: Path) -> None:
    coco_eval = pytest.importorskip("faster_coco_eval", reason="needs the evaluate extra")
    result = import_csv(table(tmp_path, ["a.png,1,2,3,4,benign,p", "b.png,,,,,normal,p"]), tmp_path / "out")
    opened = coco_eval.COCO(str(result.dataset.root / "dataset.json"))
    assert len(opened.getImgIds()) == 2
    assert opened.loadAnns(opened.getAnnIds(imgIds=[1]))[0]["bbox"] == [1.0, 2.0, 3.0, 4.0]
    assert [c["name"] for c in opened.loadCats(opened.getCatIds())] == ["benign", "malignant", "unknown"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"images": 3}', '{"images": [3]}'])
def test_coco_no_coco(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(DataError):
        import_coco(path, tmp_path / "out")


def write_dicom(path: Path, patient: str, frames: int = 1) -> Path:
    """A grey cine or single frame, 60 x 40, 0.5 mm a row and 0.25 mm a column."""
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import (
        ExplicitVRLittleEndian,
        UltrasoundImageStorage,
        UltrasoundMultiFrameImageStorage,
        generate_uid,
    )

    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = UltrasoundMultiFrameImageStorage if frames > 1 else UltrasoundImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.Modality, dataset.PatientID, dataset.PatientSex, dataset.PatientAge = "US", patient, "F", "052Y"
    dataset.PatientName = "Doe^Jane"
    dataset.Manufacturer, dataset.ManufacturerModelName = "Maker", "One"
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 40, 60, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.PixelSpacing = [0.5, 0.25]
    if frames > 1:
        dataset.NumberOfFrames = frames
    dataset.PixelData = np.random.default_rng(frames).integers(0, 255, (frames, 40, 60), dtype=np.uint8).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def dicom_folder(root: Path) -> Path:
    write_dicom(root / "Doe_Jane" / "one.dcm", "PID-1")
    write_dicom(root / "Doe_Jane" / "two", "PID-1", frames=3)
    write_dicom(root / "Roe" / "three.dcm", "PID-2")
    (root / "Roe" / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"rubbish")
    (root / "notes.txt").write_text("no image")
    return root


def test_dicom_is_pseudonymised_unless_told(tmp_path: Path) -> None:
    source = dicom_folder(tmp_path / "in")
    result = import_dicom(source, tmp_path / "out")
    assert [p.source for p in result.left_out] == ["Roe/broken.dcm"]
    records = result.dataset.records
    assert len({r.patient_id for r in records}) == 2
    assert records[0].patient_id == records[1].patient_id
    assert [(r.age, r.sex, r.device, r.spacing_mm, r.label) for r in records] == [
        (52.0, "female", "Maker One", (0.5, 0.25), None)
    ] * 3
    written = (tmp_path / "out" / "dataset.json").read_text() + " ".join(map(str, (tmp_path / "out").rglob("*")))
    assert not any(secret in written.replace(str(tmp_path), "") for secret in ("PID", "Doe", "Roe"))
    again = import_dicom(source, tmp_path / "again").dataset.records
    assert again[0].patient_id != records[0].patient_id


def test_dicom_boxes_frames_and_ids(tmp_path: Path) -> None:
    source = dicom_folder(tmp_path / "in")
    boxes = tmp_path / "boxes.csv"
    boxes.write_text(
        "image,frame,x,y,width,height,label,patient\n"
        "Doe_Jane/one.dcm,,1,2,3,4,benign,\n"
        "Doe_Jane/two,2,1,2,30,14,malignant,\n"
        "Roe/three.dcm,,,,,,normal,\n"
        "Roe/four.dcm,,1,2,3,4,benign,\n"
        "Roe/three.dcm,,1,2,3,4,odd,\n"
    )  # fmt: skip
    result = import_dicom(source, tmp_path / "out", boxes=boxes, keep_ids=True)
    records = {r.file_name: r for r in result.dataset.records}
    assert {n: (r.label, r.patient_id) for n, r in records.items()} == {
        "Doe_Jane/one_f0000.png": ("benign", "PID-1"),
        "Doe_Jane/two_f0002.png": ("malignant", "PID-1"),
    }
    assert any("row 6" in str(p) for p in result.left_out)
    assert any("no such file or frame" in str(p) for p in result.left_out)
    everything: ImportResult = import_dicom(source, tmp_path / "all", frames="all")
    assert len(everything.dataset.records) == 5
    assert load(tmp_path / "all") == everything.dataset
