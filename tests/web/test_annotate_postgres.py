"""Annotating with PostgreSQL: the same tables, saves of many at once, decisions and export."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from helpers import postgres
from helpers.annotation import body, dataset, image_ids, make, mark, put
from helpers.web_client import api, browser, workplace
from usnet.store import chain
from usnet.store.database import reading
from usnet.web.annotate import saving
from usnet.web.annotate.projects import stream_of
from usnet.web.workplace import Workplace

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workplace]:
    pytest.importorskip("pg8000", reason="the extra postgres is not installed")
    if postgres.programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian: postgresql)")
    folder = tmp_path_factory.mktemp("postgres")
    dataset(folder / "root", 8)
    with postgres.cluster(folder / "server") as server:
        made = workplace(folder / "data", database=server.database(), roots=(str(folder / "root"),))
        yield made
        made.engine.dispose()


def test_saves_of_many_at_once(place: Workplace, tmp_path: Path) -> None:
    client = browser(place)
    project = make(client, place, start="empty")
    images = image_ids(place, project)
    put(client, project, images[0], body(normal=True))

    def work(image: str) -> list[int]:
        return [put(client, project, image, body(mark((v, 0, 9, 9))), version=v).status_code for v in range(5)]

    with ThreadPoolExecutor(7) as pool:
        codes = [code for some in pool.map(work, images[1:]) for code in some]
    assert codes == [200] * 35
    with reading(place.engine) as session:
        assert chain.verify(session, place.audit_key, stream_of(project)) == []
        assert chain.head(session, stream_of(project))[0] == 35  # type: ignore[index]
    found = json.loads(client.get(f"/annotate/{project}/export?which=mine").text)
    assert [i["label"] for i in found["images"]] == ["normal", *["benign"] * 7]
    assert client.get(f"/annotate/{project}/images/{images[1]}/history").text.count("<time") == 5
    assert client.get(f"/annotate/{project}/decisions").status_code == 200
    assert client.get(f"/annotate/{project}/agreement").status_code == 200
    deleted = client.post(f"/annotate/{project}/delete", data={"sure": "true"}, headers=client.headers)
    assert deleted.status_code == 200


def test_two_pages_of_one_reader_at_the_same_moment(place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both look and find version 0, then both write: one is saved, and the other is told of it."""
    client = browser(place)
    project = make(client, place, start="empty")
    image = image_ids(place, project)[0]
    client.headers["x-csrf-token"] = api(client)["x-csrf-token"]
    looked, write = threading.Barrier(2, timeout=60), saving._write
    monkeypatch.setattr(saving, "_write", lambda *given: (looked.wait(), write(*given))[1])
    with ThreadPoolExecutor(2) as pool:
        said = [body(mark((1, 1, 9, 9))), body(mark((2, 2, 9, 9)))]
        answers = list(pool.map(lambda one: put(client, project, image, one), said))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert len({answer.text for answer in answers}) == 1, "the other gets what the one saved"
    with reading(place.engine) as session:
        assert chain.verify(session, place.audit_key, stream_of(project)) == []
