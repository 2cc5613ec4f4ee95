"""The workplace on a real PostgreSQL server."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest
from PIL import Image

from helpers.tiny_bundle import dark_spots, tiny_bundle
from helpers.web_client import account, api, browser, post, run_jobs, signed_in, workplace
from usnet.store import chain, migrate
from usnet.store.database import reading, writing
from usnet.web.diagnose import assess
from usnet.web.diagnose.assess import Fields, Outdated, Save
from usnet.web.roles import LOCAL
from usnet.web.tables import View

pytestmark = pytest.mark.postgres
pytest.importorskip("pg8000", reason="the extra postgres is not installed")
pytest.importorskip("onnx", reason="onnx makes the tests' small model")


def _png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(dark_spots()).save(buffer, format="PNG")
    return buffer.getvalue()


def test_an_exam_from_upload_to_deletion(postgres_url: str, tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "tiny")
    place = workplace(tmp_path / "data", database=postgres_url, bundle=str(bundle))
    assert migrate.current(place.engine) == migrate.newest()
    client = browser(place)
    answer = client.post("/api/diagnose", content=_png(), headers=api(client)).json()
    assert run_jobs(place) == 1
    exam = client.get(answer["status"]).json()
    assert exam["state"] == "done"
    view = exam["views"][0]["view"]
    assert client.get(f"/exams/{exam['exam']}/views/{view}").status_code == 200
    path = f"/api/exams/{exam['exam']}/views/{view}/assessment"
    saved = client.put(path, json={"version": 0, "fields": {"category": "3"}}, headers=api(client))
    assert saved.json()["version"] == 1
    assert client.delete(f"/api/exams/{exam['exam']}", headers=api(client)).status_code == 204
    assert client.get("/api/exams").json() == []
    with reading(place.engine) as session:
        assert chain.verify(session, place.audit_key, "web") == []


def test_accounts(postgres_url: str, tmp_path: Path) -> None:
    place = workplace(tmp_path / "data", database=postgres_url, login=True)
    account(place, "Anna", "administrator")
    client = signed_in(place, "Anna")
    assert (
        post(client, "/accounts", "/accounts", name="Bo", password="correct horse battery", role="reader").status_code
        == 200
    )
    assert "Bo" in client.get("/accounts").text


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_savers_at_the_same_moment(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Each version is written once, by one of them; the others are told."""
    url = request.getfixturevalue("postgres_url") if backend == "postgresql" else None
    place = workplace(tmp_path / "data", database=url, bundle=str(tiny_bundle(tmp_path / "tiny")))
    client = browser(place)
    answer = client.post("/api/diagnose", content=_png(), headers=api(client)).json()
    run_jobs(place)
    view = client.get(answer["status"]).json()["views"][0]["view"]
    saved, told = [], []

    def save(number: int) -> None:
        version = 0
        for step in range(6):
            try:
                with writing(place.engine) as session:
                    given = Save(version=version, fields=Fields(remarks=f"{number} {step}"))
                    saved.append(assess.save(session, place, LOCAL, session.get_one(View, view), given).version)
                version = saved[-1]
            except Outdated as outdated:
                told.append(outdated.current.version)
                version = outdated.current.version

    threads = [threading.Thread(target=save, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(saved) + len(told) == 36
    with reading(place.engine) as session:
        versions = [v.version for v in assess.history(session, view)]
        assert chain.verify(session, place.audit_key, "web") == []
    assert versions == list(range(max(saved), 0, -1))
    assert sorted(saved) == sorted(versions)
