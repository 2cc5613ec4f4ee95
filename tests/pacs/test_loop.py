"""Modality to archive to node and back, with a real archive."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from more_servers import Certificates
from PIL import Image
from pydicom import dcmread
from servers import PATIENCE, ROUTE, Node, Orthanc, running, wait_for
from typer.testing import CliRunner

from helpers.ports import free_port
from usnet.cli.app import app
from usnet.phantoms.dicom import Exam, write_image

pytestmark = pytest.mark.pacs
RESULTS = {"SR": 1, "OT": 1}


def pair(folder: Path, *, archive: dict[str, Any] | None = None, **sections: Any) -> tuple[Orthanc, Node]:
    """An archive that sends ultrasound images to a node, which sends its results back."""
    orthanc = Orthanc(folder / "archive", lua=ROUTE)
    peer = {"kind": "dicom", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": orthanc.dicom_port}
    pull = {"port": free_port()}
    node = Node(folder / "node", peer | (archive or {}), pull=pull, **sections)
    orthanc.tell(
        {
            "usnet": ["USNET", "127.0.0.1", node.port],
            "pull": ["USNETPULL", "127.0.0.1", pull["port"]],
            "scanner": ["SCANNER", "127.0.0.1", free_port()],
        }
    )
    return orthanc, node


def as_modality(archive: Orthanc, files: list[Path], *options: str) -> None:
    """dcmtk's storescu plays the scanner."""
    address = ["-aet", "SCANNER", "-aec", "ORTHANC", *options, "127.0.0.1", str(archive.dicom_port)]
    subprocess.run(["storescu", *address, *map(str, files)], check=True)


def answered(archive: Orthanc, objects: int) -> bool:
    """Whether each of so many source objects has its results."""
    found = archive.series().values()
    return all(sum(len(study.get(modality, [])) for study in found) == objects for modality in ("US", "SR", "OT"))


@pytest.fixture(scope="module")
def loop_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Orthanc, Node]]:
    """One pair for the tests that only look."""
    archive, node = pair(tmp_path_factory.mktemp("pair"))
    with running(archive, node):
        yield archive, node


@pytest.fixture(scope="module")
def seen(loop_of: tuple[Orthanc, Node], stills: list[Path], loop: Path) -> tuple[Orthanc, Node]:
    """The pair after three objects of two studies went round."""
    archive, node = loop_of
    as_modality(archive, [*stills[:2], loop])
    wait_for(lambda: answered(archive, 3), what="results")
    wait_for(
        lambda: sum(objects for objects, _ in worked_off(node)) == 3, what="the node's note that the archive has them"
    )
    return archive, node


def worked_off(node: Node) -> list[tuple[int, int]]:
    """Of each job that the node ended: objects, and results sent."""
    found = re.findall(r"job \d+: (\d+) objects, \d+ results, (\d+) sent, 0 failed", node.output())
    return [(int(objects), int(sent)) for objects, sent in found]


def test_results_belong_to_the_study_and_say_what_the_model_said(
    seen: tuple[Orthanc, Node], stills: list[Path]
) -> None:
    from usnet.diagnosis import diagnose

    archive, _ = seen
    source = dcmread(stills[0])
    report = next(
        one
        for one in archive.datasets("SR")
        if one.StudyInstanceUID == source.StudyInstanceUID and "Frame" not in str(one)
    )
    assert report.PatientID == source.PatientID
    assert report.SeriesInstanceUID != source.SeriesInstanceUID
    assert report.CurrentRequestedProcedureEvidenceSequence[0].StudyInstanceUID == source.StudyInstanceUID
    said = diagnose(stills[0])
    numbers = [float(v) for v in _numbers(report)]
    for finding in said.findings:
        assert any(
            abs(value - 100 * finding.probability) < 0.1 or abs(value - finding.probability) < 1e-3 for value in numbers
        )


def _numbers(item: Any) -> Iterator[Any]:
    for element in item.iterall():
        if element.keyword == "NumericValue":
            yield element.value


def test_a_second_run_doubles_nothing(seen: tuple[Orthanc, Node], stills: list[Path]) -> None:
    archive, node = seen
    before = archive.series()
    archive.post("/modalities/usnet/store", [one["ID"] for one in archive.instances("US")])
    wait_for(lambda: sum(objects for objects, _ in worked_off(node)) == 6, what="the second run")
    assert sum(sent for _, sent in worked_off(node)) == 6, "only the first run sent: an SR and an SC of each object"
    assert archive.series() == before


def test_the_archive_renders_the_secondary_capture_in_colour(seen: tuple[Orthanc, Node], tmp_path: Path) -> None:
    archive, _ = seen
    shares = []
    stored = {one.SOPInstanceUID: one.pixel_array for one in archive.datasets("OT")}
    assert len(stored) == 3
    for one in archive.instances("OT"):
        target = tmp_path / f"{one['ID']}.png"
        target.write_bytes(archive.get(f"/instances/{one['ID']}/frames/0/preview").content)
        shown = np.asarray(Image.open(target).convert("RGB")).astype(int)
        assert (shown == stored[one["uid"]]).all(), "the colours are others, or in another order"
        shares.append(float((np.abs(shown[..., 0] - shown[..., 2]) > 40).mean()))
        assert shown.shape[0] >= 256
        assert shown.std() > 10
        web = f"{archive.url}/dicom-web/studies/{one['study']}/series/{one['series']}/instances/{one['uid']}/frames/1/rendered"
        rendered = requests.get(web, headers={"Accept": "image/jpeg"}, timeout=PATIENCE)
        assert rendered.ok
        assert rendered.headers["Content-Type"].startswith("image/jpeg")
    assert max(shares) < 0.5, "the picture is grey"
    assert max(shares) > 0.0005, "a box is coloured"


def test_commands_against_the_archive(seen: tuple[Orthanc, Node], stills: list[Path], tmp_path: Path) -> None:
    _, node = seen
    study = str(dcmread(stills[0]).StudyInstanceUID)
    run = CliRunner().invoke
    base = ["--config", str(node.config)]
    listed = run(app, ["pacs", "query", "--where", "PatientID=P0", "--json", *base])
    assert listed.exit_code == 0, listed.output
    assert study in listed.output
    assert "StudyInstanceUID" not in run(app, ["pacs", "query", "--where", "PatientID=nobody", *base]).output
    pulled = run(app, ["pacs", "pull", study, "--out", str(tmp_path / "pulled"), *base])
    assert pulled.exit_code == 0, pulled.output
    files = sorted((tmp_path / "pulled").iterdir())
    assert len(files) == 6  # still and loop, an SR and an SC of each
    original = dcmread(stills[0])
    again = dcmread(tmp_path / "pulled" / f"{original.SOPInstanceUID}.dcm")
    assert again.PixelData == original.PixelData
    pushed = run(app, ["pacs", "push", str(tmp_path / "pulled"), *base])
    assert pushed.exit_code == 0, pushed.output
    assert "6 objects sent and found" in pushed.output
    status = run(app, ["pacs", "status", *base])
    assert status.exit_code == 0, status.output
    assert run(app, ["pacs", "query", "--where", "Nonsense=1", *base]).exit_code != 0


def test_doctor_finds_all_well(seen: tuple[Orthanc, Node]) -> None:
    _, node = seen
    result = CliRunner().invoke(app, ["pacs", "doctor", "--store", "--config", str(node.config)])
    assert result.exit_code == 0, result.output
    for name in ("echo", "find", "store contexts", "store", "query", "move"):
        assert f"ok   {name}:" in result.output


def test_the_same_over_tls(tmp_path: Path, stills: list[Path]) -> None:
    certificates = Certificates(tmp_path / "tls")
    archive, node = pair(tmp_path, archive={"tls": certificates.toml()}, node={"tls": certificates.toml()})
    archive.tell(
        {"usnet": {"AET": "USNET", "Host": "127.0.0.1", "Port": node.port, "UseDicomTls": True},
         "scanner": ["SCANNER", "127.0.0.1", free_port()]},
        DicomTlsEnabled=True,
        DicomTlsCertificate=str(certificates.certificate),
        DicomTlsPrivateKey=str(certificates.key),
        DicomTlsTrustedCertificates=str(certificates.authority),
        DicomTlsRemoteCertificateRequired=True,
    )  # fmt: skip
    with running(archive, node):
        as_modality(
            archive,
            [stills[2]],
            "+tls",
            str(certificates.key),
            str(certificates.certificate),
            "+cf",
            str(certificates.authority),
        )
        wait_for(lambda: answered(archive, 1), what="results")
        plain = subprocess.run(
            ["echoscu", "-to", "5", "-aet", "ORTHANC", "-aec", "USNET", "127.0.0.1", str(node.port)], check=False
        )
        assert plain.returncode != 0, "an association without TLS must not be taken"


def test_by_dicomweb(tmp_path: Path, stills: list[Path]) -> None:
    """STOW-RS to the node, STOW-RS and QIDO-RS from it to the archive."""
    archive = Orthanc(tmp_path / "archive")
    stow = free_port()
    token = tmp_path / "token"
    token.write_text("secret\n")
    node = Node(
        tmp_path / "node",
        {"kind": "dicomweb", "url": f"{archive.url}/dicom-web"},
        stow={"port": stow, "token_file": str(token)},
    )
    with running(archive, node):
        archive.send(stills[3])
        assert _stow(stow, [stills[3]], "wrong").status_code == 401
        stored = _stow(stow, [stills[3]], "secret")
        assert stored.status_code == 200, stored.text
        assert stored.json()["00081199"]["Value"][0]["00081155"]["Value"] == [dcmread(stills[3]).SOPInstanceUID]
        wait_for(lambda: answered(archive, 1), what="results")
        result = CliRunner().invoke(app, ["pacs", "doctor", "--store", "--config", str(node.config)])
        assert result.exit_code == 0, result.output
        out = tmp_path / "pulled"
        study = str(dcmread(stills[3]).StudyInstanceUID)
        pulled = CliRunner().invoke(app, ["pacs", "pull", study, "--out", str(out), "--config", str(node.config)])
        assert pulled.exit_code == 0, pulled.output
        assert len(list(out.iterdir())) == 3
        base = ["--config", str(node.config)]
        pushed = CliRunner().invoke(app, ["pacs", "push", str(out), *base])
        assert "3 objects sent and found" in pushed.output
        listed = CliRunner().invoke(app, ["pacs", "query", "--where", "PatientID=P3", "--json", *base])
        assert [json.loads(line)["StudyInstanceUID"] for line in listed.stdout.splitlines()] == [study]


def _stow(port: int, files: list[Path], token: str) -> requests.Response:
    body = b"".join(b"--cut\r\nContent-Type: application/dicom\r\n\r\n" + file.read_bytes() + b"\r\n" for file in files)
    return requests.post(
        f"http://127.0.0.1:{port}/studies",
        data=body + b"--cut--\r\n",
        headers={
            "Content-Type": 'multipart/related; type="application/dicom"; boundary=cut',
            "Authorization": f"Bearer {token}",
        },
        timeout=PATIENCE,
    )


def test_an_archive_that_is_away_is_waited_for(tmp_path: Path) -> None:
    """Results wait while the archive is down, and a late image of a study makes a second round."""
    from usnet.phantoms import simulate

    archive, node = pair(tmp_path)
    exam = [Exam("late", "L1", instance=number) for number in (1, 2)]
    images = [write_image(tmp_path / f"{n}.dcm", simulate(70 + n, size=(192, 192)), exam[n]) for n in (0, 1)]
    with running(node):
        command = ["storescu", "-aet", "SCANNER", "-aec", "USNET", "127.0.0.1", str(node.port)]
        subprocess.run([*command, str(images[0])], check=True)
        wait_for(lambda: "not reachable" in node.output(), what="a failed attempt")
        with running(archive):
            for image in images:
                archive.send(image)
            wait_for(lambda: answered(archive, 2), what="results of both rounds")
