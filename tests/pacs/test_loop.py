"""Modality to archive to node and back, with a real archive."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from servers import ROUTE, Node, Orthanc, free_port, running, wait_for

pytestmark = pytest.mark.pacs


def pair(folder: Path, **sections: dict[str, object]) -> tuple[Orthanc, Node]:
    """An archive that sends ultrasound images to a node, which sends its results back."""
    archive = Orthanc(folder / "archive", lua=ROUTE)
    node = Node(
        folder / "node",
        {"kind": "dicom", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": archive.dicom_port},
        **sections,  # type: ignore[arg-type]
    )
    archive.tell({"usnet": ["USNET", "127.0.0.1", node.port], "scanner": ["SCANNER", "127.0.0.1", free_port()]})
    return archive, node


def test_results_come_back_to_the_study(tmp_path: Path, stills: list[Path], loop: Path) -> None:
    archive, node = pair(tmp_path)
    with running(archive, node):
        files = [*stills[:2], loop]
        subprocess.run(
            ["storescu", "-aet", "SCANNER", "-aec", "ORTHANC", "127.0.0.1", str(archive.dicom_port), *map(str, files)],
            check=True,
        )
        wait_for(lambda: sum(len(m.get("SC", m.get("OT", []))) for m in archive.series().values()) == 3, 60, "results")
        print(archive.series())
