"""Scheduled examinations are asked for by C-FIND, from a real archive's worklist."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from servers import Node, Orthanc, running
from typer.testing import CliRunner

from usnet.cli.app import app

pytestmark = pytest.mark.pacs


def test_worklist(tmp_path: Path) -> None:
    folder = tmp_path / "worklists"
    folder.mkdir()
    for patient, modality in (("W1", "US"), ("W2", "US"), ("W3", "MG")):
        _worklist_file(folder, patient, modality)
    archive = Orthanc(tmp_path / "archive", Worklists={"Enable": True, "Database": str(folder)})
    peer = {"kind": "dicom", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": archive.dicom_port}
    node = Node(tmp_path / "node", peer)
    archive.tell({"usnet": ["USNET", "127.0.0.1", node.port]})
    with running(archive):
        rows, one = (_listed(node), _listed(node, "--where", "PatientID=W2"))
    assert sorted(row["PatientID"] for row in rows) == ["W1", "W2"], "ultrasound only"
    assert {row["ScheduledStationAETitle"] for row in rows} == {"SCANNER"}
    assert [row["PatientID"] for row in one] == ["W2"]


def _listed(node: Node, *where: str) -> list[dict[str, str]]:
    listed = CliRunner().invoke(app, ["pacs", "worklist", "--json", *where, "--config", str(node.config)])
    assert listed.exit_code == 0, listed.output
    return [json.loads(line) for line in listed.stdout.splitlines()]


def _worklist_file(folder: Path, patient: str, modality: str) -> None:
    """A scheduled examination, made by dcmtk's dump2dcm."""
    text = f"""
(0008,0005) CS [ISO_IR 192]
(0008,0050) SH [A1]
(0010,0010) PN [DOE^JANE]
(0010,0020) LO [{patient}]
(0010,0030) DA [19700101]
(0010,0040) CS [F]
(0020,000d) UI [1.2.3.{patient[1:]}]
(0032,1060) LO [Breast ultrasound]
(0040,0100) SQ
(fffe,e000) na
(0008,0060) CS [{modality}]
(0040,0001) AE [SCANNER]
(0040,0002) DA [20260101]
(0040,0003) TM [080000]
(fffe,e00d) na
(fffe,e0dd) na
(0040,1001) SH [R1]
"""
    dump = folder / f"{patient}.dump"
    dump.write_text(text)
    subprocess.run(["dump2dcm", str(dump), str(dump.with_suffix(".wl"))], check=True)
