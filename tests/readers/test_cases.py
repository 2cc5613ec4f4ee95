"""Cases: the draw, the checks, and images with nothing beside their pixels."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin
from reader_studies import dataset, protocol

from usnet.datasets.records import save
from usnet.readers.cases import CaseError, draw_cases, load_cases, write_cases
from usnet.readers.images import prepare, telling
from usnet.readers.place import open_place
from usnet.readers.start import start


def test_the_draw_keeps_strata_seed_and_patients_apart(tmp_path: Path) -> None:
    data = dataset(tmp_path / "pool", per_class=20, views=2)
    chosen = draw_cases(data, protocol())
    assert [c.use for c in chosen].count("test") == 12
    assert {c.nodule for c in chosen if c.use == "test"}.isdisjoint(c.nodule for c in chosen if c.use == "training")
    assert (
        len({c.nodule for c in chosen if c.use == "test"}) == 12
    )  # a second view only when every patient has given one
    again, other = draw_cases(data, protocol()), draw_cases(data, protocol(study={"seed": 5}))
    assert chosen == again
    assert {c.record.file_name for c in chosen} != {c.record.file_name for c in other}
    write_cases(data, chosen, tmp_path / "cases")
    _, loaded = load_cases(tmp_path / "cases", protocol())
    assert sorted(c.record.file_name for c in loaded) == sorted(c.record.file_name for c in chosen)
    assert {(c.record.file_name, c.use) for c in loaded} == {(c.record.file_name, c.use) for c in chosen}


def test_too_few_images(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=r"stratum 'benign' has 4 of 6.*stratum 'malignant' has 4 of 6"):
        draw_cases(dataset(tmp_path / "pool", per_class=4), protocol())


def test_a_case_without_truth_is_refused(tmp_path: Path) -> None:
    from dataclasses import replace

    data = dataset(tmp_path / "pool")
    first, second, *rest = data.records
    nodule = replace(second.nodules[0], pathology=None)
    save(data.with_records([replace(first, label=None), replace(second, nodules=(nodule,)), *rest]))
    with pytest.raises(CaseError, match=r"benign-00.png: no truth.*malignant-01.png: no truth"):
        load_cases(tmp_path / "pool", protocol())


def _chunks(png: bytes) -> list[bytes]:
    place, found = 8, []
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        found.append(png[place + 4 : place + 8])
        place += 12 + length
    return found


def test_readers_get_pixels_and_nothing_else(tmp_path: Path) -> None:
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    note = PngImagePlugin.PngInfo()
    note.add_text("Comment", "left breast, 2 o'clock, Smith")
    Image.fromarray(pixels).save(tmp_path / "a.png", pnginfo=note, dpi=(300, 300))
    image = prepare(tmp_path / "a.png")
    assert set(_chunks(image.png)) == {b"IHDR", b"IDAT", b"IEND"}
    assert b"Smith" not in image.png
    import io

    assert np.array_equal(np.asarray(Image.open(io.BytesIO(image.png))), pixels)


@pytest.mark.parametrize("kind", ["text", "exif", "dicom"])
def test_an_image_that_names_its_label_in_its_metadata_is_refused(tmp_path: Path, kind: str) -> None:
    pixels = np.zeros((16, 16), dtype=np.uint8)
    path = tmp_path / f"a.{'jpg' if kind == 'exif' else 'dcm' if kind == 'dicom' else 'png'}"
    if kind == "text":
        note = PngImagePlugin.PngInfo()
        note.add_text("Comment", "Invasive carcinoma")
        Image.fromarray(pixels).save(path, pnginfo=note)
    elif kind == "exif":
        exif = Image.Exif()
        exif[0x010E] = "BIRADS 5"  # ImageDescription
        Image.fromarray(pixels).save(path, exif=exif)
    else:
        import pydicom

        from usnet.phantoms.dicom import Exam, write_image
        from usnet.phantoms.simulate import simulate

        write_image(path, simulate(3, label="benign", size=(64, 64)), Exam("a", "P-1", 50, "female"))
        assert telling(path) == []  # a phantom's own header does not tell
        found = pydicom.dcmread(path)
        found.StudyDescription = "US breast, malignant lesion"
        found.save_as(path)
    with pytest.raises(CaseError, match="metadata name the label"):
        prepare(path)


def test_a_study_on_such_an_image_does_not_start(tmp_path: Path) -> None:
    data = dataset(tmp_path / "pool")
    note = PngImagePlugin.PngInfo()
    note.add_text("Comment", "benign")
    path = data.path(data.records[3])
    Image.open(path).save(path, pnginfo=note)
    with pytest.raises(CaseError, match=r"malignant-03.png.*metadata name the label: Comment: benign"):
        start(open_place(tmp_path / "data"), protocol(), tmp_path / "pool")
