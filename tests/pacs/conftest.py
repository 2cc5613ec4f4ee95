"""Studies for the PACS tests, and a reason to skip where there is no Orthanc."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from usnet.phantoms.dicom import Exam, write_cine, write_image

for module in ("pynetdicom", "highdicom", "sqlalchemy", "dicomweb_client"):
    pytest.importorskip(module, reason=f"{module} is not installed (extra dicom)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker runs all tests of a file: its servers are started once."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.xdist_group(f"pacs {item.path.stem}"))
        if item.get_closest_marker("pacs") and shutil.which("Orthanc") is None:
            item.add_marker(pytest.mark.skip(reason="Orthanc is not installed (Debian: orthanc, orthanc-dicomweb)"))


@pytest.fixture(scope="session")
def stills(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Six phantoms, each a patient and a study of its own."""
    from usnet.phantoms import simulate

    folder = tmp_path_factory.mktemp("stills")
    labels = ("benign", "malignant", "normal")
    return [
        write_image(
            folder / f"{number}.dcm",
            simulate(number, label=labels[number % 3], size=(256, 256)),  # type: ignore[arg-type]
            Exam(f"pacs-{number}", f"P{number}", age=40 + number),
        )
        for number in range(6)
    ]


@pytest.fixture(scope="session")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loop of four frames, of the patient and study of the first still."""
    from usnet.phantoms.cine import simulate_cine

    path = tmp_path_factory.mktemp("loop") / "loop.dcm"
    frames = list(simulate_cine(0, 4, label="benign"))
    return write_cine(path, frames, Exam("pacs-0", "P0", age=40), 50.0)
