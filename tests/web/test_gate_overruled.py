"""What the gate refuses, read all the same at a reader's word: asked for twice, audited, and never without its warning."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from helpers.web_client import api, browser, post, run_jobs, workplace
from usnet.bundles import load
from usnet.diagnosis.gate import OVERRULED, NoBreastUltrasound, gate_of
from usnet.images import read
from usnet.phantoms.dicom import Exam, write_image
from usnet.phantoms.simulate import simulate
from usnet.store import chain
from usnet.store.database import reading
from usnet.web.diagnose import anyway, api_views
from usnet.web.workplace import Workplace

WARNING = "gate: blank: every pixel has the same value. It was read all the same, because a reader said"
PHRASE = b"every pixel has the same value. It was read all the same"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    monkeypatch.setattr(api_views, "WAIT", 0.0)
    return workplace(tmp_path / "data")


@pytest.fixture
def client(place: Workplace) -> TestClient:
    return browser(place)


def blank(folder: Path) -> bytes:
    image = simulate(3, size=(160, 120))
    grey = replace(image, pixels=np.full_like(image.pixels, 40))
    write_image(folder / "blank.dcm", grey, Exam("web", "P-7", 50, "female"))
    return (folder / "blank.dcm").read_bytes()


def sent(client: TestClient, place: Workplace, content: bytes, query: str = "") -> Any:
    headers = api(client) | {"x-file-name": "a.dcm"}
    answer = client.post(f"/api/diagnose{query}", content=content, headers=headers)
    assert answer.status_code == 202, answer.text
    run_jobs(place)
    return client.get(answer.json()["status"]).json()


def frame_of(client: TestClient, exam: Any) -> Any:
    return client.get(f"/api/exams/{exam['exam']}/views/{exam['views'][0]['view']}").json()["frames"][0]


def log(place: Workplace, action: str) -> list[dict[str, Any]]:
    with reading(place.engine) as session:
        return [entry.body for entry in chain.read(session, "web") if entry.action == action]


def test_two_steps_on_the_page(client: TestClient, place: Workplace, tmp_path: Path) -> None:
    exam = sent(client, place, blank(tmp_path))
    view = exam["views"][0]
    assert (exam["state"], view["refused"], view["frames"]) == ("failed", True, 0)
    assert view["reason"] == "No opinion is given: blank: every pixel has the same value"
    page = f"/exams/{exam['exam']}"
    assert "I have looked at it" in client.get(page).text
    address = f"{page}/views/{view['view']}/anyway"
    assert post(client, address, page).status_code == 400, "the box is not ticked"
    assert run_jobs(place) == 0
    post(client, address, page, sure="true")
    assert client.get(f"/api{page}").json()["state"] == "queued"
    assert run_jobs(place) == 1
    again = client.get(f"/api{page}").json()
    assert (again["state"], again["views"][0]["frames"]) == ("done", 1)
    assert (again["views"][0]["view"], again["views"][0]["refused"]) == (view["view"], False)
    frame = frame_of(client, again)
    assert frame["warnings"][0].startswith(WARNING)
    assert frame["grave"], "the page covers the numbers until the warning was read"
    assert log(place, "gate overruled") == [{"exam": exam["exam"], "view": view["view"]}]
    assert post(client, address, page, sure="true").status_code == 400, "nothing is refused any more"


def test_the_warning_is_in_every_report(client: TestClient, place: Workplace, tmp_path: Path) -> None:
    exam = sent(client, place, blank(tmp_path), "?gate=false")
    assert frame_of(client, exam)["warnings"][0].startswith(WARNING)
    assert log(place, "exam started") == [{"exam": exam["exam"], "gate": False}]
    for kind in ("json", "html", "dicom"):
        if kind == "dicom":
            pytest.importorskip("highdicom", reason="the extra dicom is not installed")
        path = f"/api/exams/{exam['exam']}/reports"
        job = client.post(path, json={"format": kind}, headers=api(client)).json()["job"]
        run_jobs(place)
        answer = client.get(f"{path}/{job}")
        assert answer.status_code == 200, client.get(f"/api/jobs/{job}").text
        content = answer.content
        if kind == "dicom":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                assert PHRASE in archive.read("view_1_sr.dcm"), "the structured report"
                content = archive.read("view_1_sc.dcm")
        elif kind == "json":
            assert json.loads(content)["views"][0]["frames"][0]["warnings"][0].startswith(WARNING)
        assert PHRASE in content, kind


def test_a_box_is_scored_too(client: TestClient, place: Workplace, tmp_path: Path) -> None:
    exam = sent(client, place, blank(tmp_path), "?gate=false")
    path = f"/api/exams/{exam['exam']}/views/{exam['views'][0]['view']}/frames/0/score"
    job = client.post(path, json={"box": [10, 10, 50, 50]}, headers=api(client)).json()["job"]
    run_jobs(place)
    assert client.get(f"/api/jobs/{job}").json()["state"] == "done"


def test_the_gate_says_nothing_where_it_would_not_refuse(client: TestClient, place: Workplace, phantoms: Path) -> None:
    exam = sent(client, place, (phantoms / "one.png").read_bytes(), "?gate=false")
    assert not any(warning.startswith(OVERRULED) for warning in frame_of(client, exam)["warnings"])
    path = f"/api/exams/{exam['exam']}/views/{exam['views'][0]['view']}/anyway"
    assert client.post(path, headers=api(client)).status_code == 400


def test_by_the_api(client: TestClient, place: Workplace, phantoms: Path) -> None:
    exam = sent(client, place, (phantoms / "doppler.png").read_bytes())
    assert exam["views"][0]["refused"]
    path = f"/api/exams/{exam['exam']}/views/{exam['views'][0]['view']}/anyway"
    first, second = (client.post(path, headers=api(client)).json() for _ in range(2))
    assert first == second
    assert run_jobs(place) == 1
    assert frame_of(client, exam)["warnings"][0].startswith("gate: colour:")
    assert len(log(place, "gate overruled")) == 1


def test_an_unreadable_file_is_not_refused(client: TestClient, place: Workplace) -> None:
    exam = sent(client, place, b"no image")
    assert not exam["views"][0]["refused"]
    path = f"/api/exams/{exam['exam']}/views/{exam['views'][0]['view']}/anyway"
    assert client.post(path, headers=api(client)).status_code == 400


def test_the_shipped_model_has_a_gate(phantoms: Path) -> None:
    gate = gate_of(load(None))
    assert gate is not None
    with pytest.raises(NoBreastUltrasound):
        gate.check(read(phantoms / "doppler.png"))
    assert "colour" in (anyway.complaint(gate, read(phantoms / "doppler.png")) or "")
    assert anyway.complaint(None, read(phantoms / "doppler.png")) is None
