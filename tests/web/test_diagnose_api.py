"""Diagnose by REST, with the jobs done in this process."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import select
from starlette.testclient import TestClient

from helpers.tiny_bundle import dark_spots, tiny_bundle
from helpers.tiny_dicom import write_dicom
from helpers.web_client import account, api, browser, run_jobs, signed_in, workplace
from usnet.diagnosis import Diagnoser
from usnet.store.database import reading, writing
from usnet.store.tables import JobRow
from usnet.web.diagnose import api_views
from usnet.web.diagnose.exams import delete_expired
from usnet.web.diagnose.points import at_point
from usnet.web.tables import Exam, View, ViewFrame
from usnet.web.workplace import Workplace

pytest.importorskip("onnx", reason="onnx makes the tests' small model")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture
def place(tmp_path: Path, bundle: Path) -> Workplace:
    return workplace(tmp_path / "data", bundle=str(bundle), max_upload=2 << 20, queue_limit=8)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker runs while a request waits for its job."""
    monkeypatch.setattr(api_views, "WAIT", 0.0)


@pytest.fixture
def client(place: Workplace) -> TestClient:
    return browser(place)


def png(**changes: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(dark_spots(**changes)).save(buffer, format="PNG")
    return buffer.getvalue()


def upload(client: TestClient, content: bytes, name: str = "a.png") -> Any:
    return client.post("/api/diagnose", content=content, headers=api(client) | {"x-file-name": name})


def exam_of(client: TestClient, place: Workplace, content: bytes, name: str = "a.png") -> Any:
    answer = upload(client, content, name)
    assert answer.status_code == 202, answer.text
    run_jobs(place)
    return client.get(answer.json()["status"]).json()


def view_of(client: TestClient, exam: Any, number: int = 0) -> Any:
    return client.get(f"/api/exams/{exam['exam']}/views/{exam['views'][number]['view']}").json()


def test_what_the_api_says_is_what_the_library_says(client: TestClient, place: Workplace, bundle: Path) -> None:
    content = png(spots=((124, 124), (60, 60)), darkness=(10, 90))
    exam = exam_of(client, place, content)
    assert (exam["state"], exam["done"]) == ("done", 1)
    view = view_of(client, exam)
    for point in view["points"]:
        said = Diagnoser(bundle, operating_point=point["name"]).diagnose(content)
        opinion = view["frames"][0]["opinions"][point["name"]]
        assert opinion["label"] == said.label
        assert opinion["p_malignant"] == pytest.approx(said.p_malignant)
        assert opinion["p_normal"] == pytest.approx(said.p_normal)
        boxes = [view["frames"][0]["candidates"][i]["box"] for i in opinion["findings"]]
        assert boxes == [f.box.as_list() for f in said.findings]
    assert [p["name"] for p in view["points"]][:2] == ["sensitive", "balanced"]
    assert view["spacing"] is None
    assert client.get(view["frames"][0]["picture"]).content.startswith(b"\x89PNG")


@pytest.mark.parametrize("spots", [((124, 124),), (), ((60, 60), (180, 180))])
@pytest.mark.parametrize("name", ["balanced", "sensitive", "deaf"])
def test_switching_the_point_equals_diagnosing_there(bundle: Path, spots: Any, name: str) -> None:
    content = png(spots=spots, darkness=[20] * len(spots))
    start, wanted = Diagnoser(bundle), Diagnoser(bundle, operating_point=name)
    there, direct = at_point(start.diagnose(content), wanted.operating_point), wanted.diagnose(content)
    assert there.label == direct.label
    assert there.findings == direct.findings
    assert (there.p_benign, there.p_malignant) == pytest.approx((direct.p_benign, direct.p_malignant))


def test_cine_and_millimetres(client: TestClient, place: Workplace, tmp_path: Path) -> None:
    frames = np.stack([dark_spots(), dark_spots(spots=(), darkness=()), dark_spots()])
    file = write_dicom(tmp_path / "cine.dcm", frames, spacing_mm=(0.2, 0.1))
    view = view_of(client, exam_of(client, place, file.read_bytes(), "cine.dcm"))
    assert [len(f["opinions"]["balanced"]["findings"]) for f in view["frames"]] == [1, 0, 1]
    assert view["spacing"] == {"row": 0.2, "column": 0.1, "source": "SequenceOfUltrasoundRegions.PhysicalDelta"}
    box = view["frames"][0]["candidates"][0]
    assert box["size_mm"] == pytest.approx([box["box"][2] * 0.1, box["box"][3] * 0.2])


def test_several_files_one_exam(client: TestClient, place: Workplace) -> None:
    headers = api(client)
    exam = client.post("/api/exams", headers=headers).json()["exam"]
    empty = client.post(f"/api/exams/{exam}/diagnose", headers=headers)
    assert empty.status_code == 400
    for name in ("a.png", "b.txt"):
        content = png() if name == "a.png" else b"no image"
        answer = client.post(f"/api/exams/{exam}/files", content=content, headers=headers | {"x-file-name": name})
        assert answer.status_code == 201
    first = client.post(f"/api/exams/{exam}/diagnose", headers=headers).json()
    assert client.post(f"/api/exams/{exam}/diagnose", headers=headers).json()["job"] == first["job"]
    late = client.post(f"/api/exams/{exam}/files", content=png(), headers=headers)
    assert late.status_code == 409
    run_jobs(place)
    found = client.get(f"/api/exams/{exam}").json()
    assert [v["reason"] is None for v in found["views"]] == [True, False]
    assert found["title"] == "a.png +1"


def test_a_box_is_scored_before_exams_that_wait(client: TestClient, place: Workplace, bundle: Path) -> None:
    content = png()
    exam = exam_of(client, place, content)
    view = exam["views"][0]["view"]
    upload(client, png(darkness=(80,)))
    path = f"/api/exams/{exam['exam']}/views/{view}/frames/0/score"
    waiting = client.post(path, json={"box": [100, 100, 48, 48]}, headers=api(client)).json()
    assert waiting["state"] == "queued"
    with reading(place.engine) as session:
        order = list(session.scalars(select(JobRow.kind).where(JobRow.state == "queued").order_by(JobRow.available_at)))
    assert order == ["score-box", "diagnose"]
    run_jobs(place)
    done = client.post(path, json={"box": [100, 100, 48, 48]}, headers=api(client)).json()
    from usnet.images import read
    from usnet.values import Box

    direct = Diagnoser(bundle).score_box(read(content), Box(100, 100, 48, 48))
    assert done["job"] == waiting["job"]
    assert done["result"]["probability"] == pytest.approx(direct.probability)
    outside = client.post(path, json={"box": [-500, 0, 5, 5]}, headers=api(client)).json()
    run_jobs(place)
    assert client.get(f"/api/jobs/{outside['job']}").json()["state"] == "dead"
    assert (
        client.post(path.replace("frames/0", "frames/9"), json={"box": [1, 1, 9, 9]}, headers=api(client)).status_code
        == 404
    )
    for bad in ([1, 2, 3], ["x", 1, 2, 3], [1, 2, 3, "NaN"], [1e300, 1, 1, 1]):
        assert client.post(path, json={"box": bad}, headers=api(client)).status_code == 422


def test_assessments_keep_every_version(client: TestClient, place: Workplace) -> None:
    exam = exam_of(client, place, png())
    path = f"/api/exams/{exam['exam']}/views/{exam['views'][0]['view']}/assessment"
    fields = {
        "category": "4B",
        "remarks": "=1+1",
        "boxes": [{"frame": 0, "box": [1, 2, 3, 4], "probability": 0.5, "score": 0.4}],
    }
    first = client.put(path, json={"version": 0, "fields": fields}, headers=api(client))
    assert (first.status_code, first.json()["version"]) == (200, 1)
    again = client.put(path, json={"version": 1, "fields": fields}, headers=api(client))
    assert again.json()["version"] == 1, "nothing changed, so nothing is saved"
    second = client.put(path, json={"version": 1, "fields": fields | {"category": "5"}}, headers=api(client))
    assert second.json()["version"] == 2
    stale = client.put(path, json={"version": 1, "fields": {}}, headers=api(client))
    assert (stale.status_code, stale.json()["version"]) == (409, 2)
    versions = client.get(path + "/history").json()
    assert [v["fields"]["category"] for v in versions] == ["5", "4B"]
    for wrong in (
        {"category": "9"},
        {"shape": "square"},
        {"mystery": 1},
        {"remarks": "x" * 4001},
        {"boxes": [{"frame": -1, "box": [1, 2, 3, 4]}]},
    ):
        assert client.put(path, json={"version": 2, "fields": wrong}, headers=api(client)).status_code == 422


@pytest.mark.parametrize("kind", ["html", "json"])
def test_reports_say_what_the_view_says(client: TestClient, place: Workplace, kind: str) -> None:
    exam = exam_of(client, place, png(), "<script>alert(1)<b>.png")
    job = client.post(f"/api/exams/{exam['exam']}/reports", json={"format": kind}, headers=api(client)).json()
    path = f"/api/exams/{exam['exam']}/reports/{job['job']}"
    assert client.get(path).status_code == 404
    run_jobs(place)
    answer = client.get(path)
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    assert exam["exam"][:8] in answer.headers["content-disposition"]
    if kind == "html":
        assert "<script>alert" not in answer.text
        assert "&lt;script&gt;" in answer.text
    else:
        document = json.loads(answer.content)
        assert document["views"][0]["frames"][0]["label"] == "malignant"
        assert "source" in document["views"][0]["frames"][0]


def test_dicom_results_need_a_dicom_source(client: TestClient, place: Workplace) -> None:
    pytest.importorskip("highdicom", reason="the extra dicom is not installed")
    exam = exam_of(client, place, png())
    job = client.post(f"/api/exams/{exam['exam']}/reports", json={"format": "dicom"}, headers=api(client)).json()
    run_jobs(place)
    found = client.get(f"/api/jobs/{job['job']}").json()
    assert found["state"] == "dead"
    assert "DICOM" in found["reason"]


def test_a_full_queue_says_so_before_the_upload(client: TestClient, place: Workplace) -> None:
    codes = [upload(client, png(darkness=(10 + n,))).status_code for n in range(10)]
    assert codes == [202] * 8 + [429] * 2
    answer = upload(client, png())
    assert int(answer.headers["retry-after"]) >= 1
    assert "waiting" in answer.json()["detail"]
    assert "waiting" in client.get("/exams").text


def test_too_large_and_empty(client: TestClient, place: Workplace) -> None:
    assert upload(client, b"").status_code == 400
    assert upload(client, b"\0" * (2 << 20)).status_code == 202
    assert upload(client, b"\0" * ((2 << 20) + 1)).status_code == 413
    headers = api(client)
    assert client.post("/api/exams", content=b"x" * ((1 << 20) + 1), headers=headers).status_code == 413

    def endless() -> Any:
        for _ in range(64):
            yield b"\0" * 65536

    answer = client.post("/api/diagnose", content=endless(), headers=headers)
    assert answer.status_code == 413, "no length stated, and still bounded"
    assert not list((place.settings.data / "exams").glob("*/tmp/*"))


def test_deleting_leaves_nothing(client: TestClient, place: Workplace) -> None:
    exam = exam_of(client, place, png())
    folder = place.settings.data / "exams" / exam["exam"]
    assert folder.is_dir()
    assert client.delete(f"/api/exams/{exam['exam']}", headers=api(client)).status_code == 204
    assert not folder.exists()
    with reading(place.engine) as session:
        for table in (Exam, View, ViewFrame, JobRow):
            assert session.scalar(select(table)) is None, table
    assert client.get(f"/api/exams/{exam['exam']}").status_code == 404


def test_an_exam_that_is_deleted_while_it_waits(client: TestClient, place: Workplace) -> None:
    answer = upload(client, png()).json()
    client.delete(f"/api/exams/{answer['exam']}", headers=api(client))
    assert run_jobs(place) == 0


def test_old_exams_go(client: TestClient, place: Workplace) -> None:
    old, new = exam_of(client, place, png()), exam_of(client, place, png(darkness=(50,)))
    client.post("/api/exams", headers=api(client))
    with writing(place.engine) as session:
        session.get_one(Exam, old["exam"]).expires_at = 1.0
        for row in session.scalars(select(Exam).where(Exam.state == "open")):
            row.created_at = 1.0
    assert delete_expired(place) == 2
    assert [e["exam"] for e in client.get("/api/exams").json()] == [new["exam"]]


def test_others_see_nothing(tmp_path: Path, bundle: Path) -> None:
    place = workplace(tmp_path / "data", bundle=str(bundle), login=True)
    for name, role in (("Anna", "administrator"), ("Bo", "viewer"), ("Cy", "reader")):
        account(place, name, role)  # type: ignore[arg-type]
    bo, cy, anna = (signed_in(place, name) for name in ("Bo", "Cy", "Anna"))
    exam = exam_of(bo, place, png())
    view = exam["views"][0]["view"]
    paths = [
        f"/exams/{exam['exam']}",
        f"/exams/{exam['exam']}/views/{view}",
        f"/exams/{exam['exam']}/views/{view}/history",
        f"/api/exams/{exam['exam']}",
        f"/api/exams/{exam['exam']}/views/{view}",
        f"/api/exams/{exam['exam']}/views/{view}/frames/0/picture",
        f"/api/exams/{exam['exam']}/views/{view}/assessment",
        f"/compare?a={view}&b={view}",
        "/api/jobs/1",
    ]
    for path in paths:
        assert bo.get(path).status_code == 200, path
        assert cy.get(path).status_code == 404, path
        assert anna.get(path).status_code == 200, path
    assert cy.delete(f"/api/exams/{exam['exam']}", headers=api(cy)).status_code == 404
    assert cy.get("/api/exams").json() == []
    mine = exam_of(cy, place, png(darkness=(60,)))
    crossed = f"/api/exams/{mine['exam']}/views/{view}"
    assert cy.get(crossed).status_code == 404, "one's own exam with another's view"


def test_a_zip_that_means_harm(client: TestClient, place: Workplace) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.png", png())
        archive.writestr("../../../evil.png", png())
        archive.writestr("/etc/evil.png", png())
        archive.writestr("C:\\evil.png", png())
        archive.writestr("bomb.png", b"\0" * (8 << 20))
        link = zipfile.ZipInfo("link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        inner = io.BytesIO()
        with zipfile.ZipFile(inner, "w") as second:
            second.writestr("x.png", png())
        archive.writestr("inner.zip", inner.getvalue())
    exam = exam_of(client, place, buffer.getvalue(), "all.zip")
    reasons = {v["name"].removeprefix("all.zip: "): v["reason"] for v in exam["views"]}
    assert reasons["good.png"] is None
    assert "leads out" in reasons["../../../evil.png"]
    assert "leads out" in reasons["/etc/evil.png"]
    assert "leads out" in next(r for n, r in reasons.items() if n.startswith("C:"))
    assert "200 times" in reasons["bomb.png"]
    assert "link" in reasons["link.png"]
    assert "zip within" in reasons["inner.zip"]
    written = {p.relative_to(place.settings.data).parts[0] for p in place.settings.data.rglob("*")}
    assert written <= {"exams", "usnet.sqlite", "usnet.sqlite-wal", "usnet.sqlite-shm", "web.key", "audit.key"}


def test_names_stay_out_of_addresses_folders_and_logs(
    client: TestClient, place: Workplace, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from pydicom import dcmread

    file = write_dicom(tmp_path / "x.dcm", np.stack([dark_spots()]))
    dataset = dcmread(file)
    dataset.PatientName = "CANARY^<script>alert(1)</script>"
    dataset.PatientID = "CANARY-7"
    dataset.save_as(file)
    exam = exam_of(client, place, file.read_bytes(), "../CANARY/CANARY.dcm")
    page = client.get(f"/exams/{exam['exam']}").text
    assert "<script>alert" not in page
    assert "CANARY.dcm" in page, "what the user called it is shown to that user"
    assert not [p for p in place.settings.data.rglob("*") if "CANARY" in p.name]
    assert "CANARY" not in caplog.text
    with reading(place.engine) as session:
        from usnet.store import chain

        assert "CANARY" not in repr(list(chain.read(session, "web")))
