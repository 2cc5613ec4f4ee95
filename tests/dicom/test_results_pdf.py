"""The page for people holds the same findings, as text that a machine can read too."""

from __future__ import annotations

import re
import shutil
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

pytest.importorskip("highdicom", reason="the dicom extra is not installed")
pytest.importorskip("weasyprint", reason="the pdf extra is not installed")

from result_files import SOURCES, instance_of_file, source_file

from usnet.dicom import Instance, Options, make

OPTIONS = Options(when=datetime(2026, 2, 3, 4, 5, 6))


def text_of(instance: Instance, folder: Path) -> str:
    """What a reader of PDFs finds on the page."""
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed (Debian: poppler-utils)")
    dataset = make(instance, "pdf", OPTIONS).dataset
    assert dataset is not None
    path = folder / "page.pdf"
    path.write_bytes(dataset.EncapsulatedDocument)
    return subprocess.run(["pdftotext", "-layout", path, "-"], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", SOURCES)
def test_the_table_has_the_findings(name: str, tmp_path: Path) -> None:
    instance = instance_of_file(source_file(name, tmp_path))
    text = text_of(instance, tmp_path)
    rows = re.findall(r"(malignant|benign) +(\d+) % +(\d\.\d\d) +([\d.]+) x ([\d.]+) (mm|px)", text)
    assert len(rows) == len(instance.lesions) == 2
    for (label, probability, score, width, height, unit), lesion in zip(rows, instance.lesions, strict=True):
        one = lesion.best
        assert label == lesion.label
        assert float(probability) == pytest.approx(100 * one.probability, abs=0.51)
        assert float(score) == pytest.approx(one.score, abs=0.0051)
        size, most = (one.size_mm, 0.1) if one.size_mm is not None else ((one.box.width, one.box.height), 0.5)
        assert unit == ("px" if one.size_mm is None else "mm")
        assert (float(width), float(height)) == pytest.approx(size, abs=most)
    assert str(instance.sop_instance_uid) in text.replace("\n", " ")


def test_it_says_it_all_and_always_in_the_same_bytes(tmp_path: Path) -> None:
    instance = instance_of_file(source_file("cine", tmp_path))
    once, again = (make(instance, "pdf", OPTIONS).dataset for _ in range(2))
    assert once is not None
    assert again is not None
    assert once.EncapsulatedDocument == again.EncapsulatedDocument
    assert once.EncapsulatedDocument.startswith(b"%PDF-")
    text = text_of(instance, tmp_path)
    for words in ("Research use only", "P0042", "81 %", "28 %", "2 findings, 1 called malignant", "Frame 1 is shown"):
        assert words in text
