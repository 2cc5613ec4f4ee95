"""Annotation projects over HTTP: saving, blindness, decisions, agreement, export and import, roles."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from helpers.annotation import body, dataset, image_ids, make, mark, people, put
from helpers.web_client import api, browser, csrf, post, run_jobs, signed_in, workplace
from usnet.datasets.records import load
from usnet.store import chain
from usnet.store.database import reading, writing
from usnet.store.tables import Link
from usnet.web.annotate.bodies import Body, given_body
from usnet.web.annotate.matching import agree, matched, middle
from usnet.web.annotate.projects import stream_of
from usnet.web.annotate.tables import Reading
from usnet.web.browse.places import spots
from usnet.web.workplace import Workplace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
def place(tmp_path: Path, root: Path) -> Workplace:
    return workplace(tmp_path / "data", roots=(str(root),))


@pytest.fixture
def many(tmp_path: Path, root: Path) -> Workplace:
    """A server with accounts: Ada administers, Bo and Cy read, Di decides, Eve is a stranger, Flo only views."""
    place = workplace(tmp_path / "many", roots=(str(root),), login=True)
    people(
        place,
        Ada="administrator",
        Bo="annotator",
        Cy="annotator",
        Di="annotator",
        Eve="annotator",
        Flo="viewer",
        Gus="reader",
    )
    return place


def team(ada: TestClient, place: Workplace, project: str, **duties: str) -> None:
    from usnet.web.tables import Account

    with reading(place.engine) as session:
        ids = {row.name: row.id for row in session.scalars(select(Account))}
    chosen = [f"{ids[name]}:{duty}" for name, duty in duties.items()]
    token = csrf(ada, f"/annotate/{project}/team")
    answer = ada.post(f"/annotate/{project}/team", data={"duties": chosen, "csrf": token})
    assert answer.status_code == 200, answer.text


def work(client: TestClient, project: str, image: str, whose: str = "me") -> Any:
    answer = client.get(f"/api/annotate/{project}/images/{image}?as={whose}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_dataset_becomes_a_project(place: Workplace, root: Path) -> None:
    dataset(root)
    client = browser(place)
    project = make(client, place)
    rows = client.get(f"/api/annotate/{project}/images").json()
    assert [(r["state"], r["label"], r["marks"]) for r in rows] == [
        ("untouched", "malignant", 1),
        ("untouched", "benign", 1),
        ("untouched", "normal", 0),
        ("untouched", None, 0),
    ]
    first = work(client, project, rows[0]["image"])
    assert first["body"]["marks"] == [mark((10, 8, 30, 20.5), "malignant", "4A") | {"given": 0}]
    assert client.get(first["picture"]).content.startswith(b"\x89PNG")
    assert client.get(first["picture"].replace("picture", "thumb")).headers["content-type"] == "image/jpeg"
    assert "image-0001.png" in client.get(f"/annotate/{project}").text


def test_untouched_normal_and_nothing_are_three_things(place: Workplace, root: Path) -> None:
    dataset(root)
    client = browser(place)
    project = make(client, place, start="empty")
    first, second, third, _ = image_ids(place, project)
    assert work(client, project, first)["body"] == body()
    assert put(client, project, first, body()).status_code == 400, "nothing is said: not done"
    assert put(client, project, first, body(), finished=False).status_code == 200
    assert put(client, project, second, body(normal=True)).status_code == 200
    assert put(client, project, third, body(mark(), normal=True)).status_code == 422
    states = [(r["state"], r["label"]) for r in client.get(f"/api/annotate/{project}/images").json()]
    assert states == [("begun", None), ("done", "normal"), ("untouched", None), ("untouched", None)]


def test_a_save_sent_twice_is_made_once(place: Workplace, root: Path) -> None:
    dataset(root)
    client = browser(place)
    project = make(client, place)
    image = image_ids(place, project)[0]
    key = "a" * 32
    first = put(client, project, image, body(mark()), key=key).json()
    again = put(client, project, image, body(mark()), key=key).json()
    assert (first["version"], again["version"]) == (1, 1)
    other = put(client, project, image, body(mark((0, 0, 9, 9))), version=0)
    assert other.status_code == 409
    assert other.json()["version"] == 1
    assert put(client, project, image, body(mark((0, 0, 9, 9))), version=1).json()["version"] == 2


def test_a_save_that_follows_one_whose_answer_never_came(place: Workplace, root: Path) -> None:
    """The page was left: its last save may have arrived or not, and what was changed after it counts in either case."""
    dataset(root)
    client = browser(place)
    project = make(client, place)
    image, other = image_ids(place, project)[:2]
    first, then, late = "a" * 32, "b" * 32, "c" * 32
    assert put(client, project, image, body(mark()), key=first, version=0).json()["version"] == 1
    arrived = put(client, project, image, body(mark((0, 0, 9, 9))), key=then, version=0, after=first)
    assert (arrived.status_code, arrived.json()["version"]) == (200, 2)
    again = put(client, project, image, body(mark((0, 0, 9, 9))), key=then, version=1).json()
    assert again["version"] == 2, "the ordinary retry doubles nothing"
    lost = put(client, project, other, body(mark((0, 0, 9, 9))), key=then, version=0, after=first)
    assert lost.json()["version"] == 1
    assert put(client, project, other, body(mark()), key=first, version=0).status_code == 409, "it comes too late"
    assert put(client, project, image, body(mark()), key=late, version=1, after=then).status_code == 200
    assert put(client, project, image, body(mark()), key="d" * 32, version=1, after=then).status_code == 409


@pytest.mark.parametrize(
    "box", [(90, 0, 10, 5), (0, 70, 5, 5), (-1, 0, 5, 5), (0, 0, 0, 5), (0, 0, 1e9, 5), ("NaN", 0, 5, 5), (0, 0, 5)]
)
def test_boxes_outside_are_refused(place: Workplace, root: Path, box: tuple[Any, ...]) -> None:
    dataset(root, 1)
    client = browser(place)
    project = make(client, place)
    answer = put(client, project, image_ids(place, project)[0], body(mark(box)))
    assert answer.status_code in (400, 422)


def test_every_change_is_in_the_signed_log(place: Workplace, root: Path) -> None:
    dataset(root)
    client = browser(place)
    project = make(client, place)
    image = image_ids(place, project)[0]
    for version in range(3):
        put(client, project, image, body(mark((version, 0, 20, 20))), version=version)
    page = client.get(f"/annotate/{project}/images/{image}/history").text
    assert page.count("<time") == 3
    assert page.index("2, 0, 20") < page.index("1, 0, 20") < page.index("0, 0, 20")
    with reading(place.engine) as session:
        assert chain.verify(session, place.audit_key, stream_of(project)) == []
    with writing(place.engine) as session:
        row = session.scalars(select(Link).where(Link.stream == stream_of(project), Link.position == 1)).one()
        row.body = row.body.replace("20", "21")
    with reading(place.engine) as session:
        assert chain.verify(session, place.audit_key, stream_of(project)) != []


def test_readers_are_blind_and_adjudicators_are_not(many: Workplace, root: Path) -> None:
    dataset(root)
    ada, bo, cy, di = (signed_in(many, name) for name in ("Ada", "Bo", "Cy", "Di"))
    project = make(ada, many, start="empty")
    team(ada, many, project, Bo="reader", Cy="reader", Di="adjudicator")
    image = image_ids(many, project)[0]
    put(bo, project, image, body(mark((1, 2, 30, 30), "malignant"), note="only Bo knows"))
    seen = cy.get(f"/api/annotate/{project}/images/{image}").json()
    assert seen["body"] == body()
    assert seen["others"] == []
    assert "only Bo knows" not in cy.get(f"/annotate/{project}/images/{image}/history").text
    for path in ("decisions", f"decisions/{image}", "agreement"):
        assert cy.get(f"/annotate/{project}/{path}").status_code == 404
    assert cy.get(f"/api/annotate/{project}/images/{image}?as=final").status_code == 403
    assert put(cy, project, image, body(mark()), whose="final").status_code == 403
    assert cy.get(f"/annotate/{project}/export?which=decided").status_code == 403
    put(cy, project, image, body(mark((3, 2, 30, 30), "benign")))
    page = di.get(f"/annotate/{project}/decisions/{image}").text
    assert "only Bo knows" in page
    assert ">Bo<" not in page
    assert [o["reader"] for o in work(di, project, image, "final")["others"]] == ["A", "B"]


def test_decisions(many: Workplace, root: Path) -> None:
    dataset(root)
    ada, bo, cy, di = (signed_in(many, name) for name in ("Ada", "Bo", "Cy", "Di"))
    project = make(ada, many, start="empty")
    team(ada, many, project, Bo="reader", Cy="reader", Di="adjudicator")
    same, differ, alone, untouched = image_ids(many, project)
    put(bo, project, same, body(mark((10, 10, 20, 20), "benign")))
    put(cy, project, same, body(mark((12, 10, 20, 20), "benign")))
    put(bo, project, differ, body(mark((10, 10, 20, 20), "benign")))
    put(cy, project, differ, body(normal=True))
    put(bo, project, alone, body(normal=True))
    assert "1 differ" in di.get(f"/annotate/{project}/decisions").text
    assert post(di, f"/annotate/{project}/settle", f"/annotate/{project}/decisions").status_code == 200
    assert work(di, project, same, "final")["body"]["marks"][0]["box"] == [11, 10, 20, 20]

    def exported() -> Any:
        text = di.get(f"/annotate/{project}/export?which=decided").text
        return {i["file_name"]: (i["label"], i["exclude"]) for i in json.loads(text)["images"]}

    assert exported() == {
        "image-0001.png": ("benign", None),
        "image-0002.png": (None, "not-adjudicated"),
        "image-0003.png": ("normal", None),
        "image-0004.png": (None, "not-annotated"),
    }
    page = f"/annotate/{project}/decisions/{differ}"
    assert post(di, page, page, take="mean", version="0").status_code == 400
    assert post(di, page, page, take="Z", version="0").status_code == 400
    assert post(di, page, page, take="A", version="0").status_code == 200
    assert post(di, page, page, take="B", version="0").status_code == 409, "decided meanwhile"
    with reading(many.engine) as session:
        decided = session.get_one(Reading, (differ, "final"))
        first = session.scalars(select(Reading.body).where(Reading.image == differ).order_by(Reading.reader)).first()
    assert decided.body == first
    assert exported()["image-0002.png"][1] is None
    assert untouched


def test_agreement(many: Workplace, root: Path) -> None:
    dataset(root, 8)
    ada, bo, cy = (signed_in(many, name) for name in ("Ada", "Bo", "Cy"))
    project = make(ada, many, start="empty")
    team(ada, many, project, Bo="reader", Cy="reader")
    images = image_ids(many, project)
    for i, image in enumerate(images):
        put(
            bo,
            project,
            image,
            body(normal=True) if i == 7 else body(mark((10, 10, 20, 20), "benign" if i % 2 else "malignant", "4A")),
        )
        put(
            cy,
            project,
            image,
            body(normal=True)
            if i == 7
            else body(mark((10 + i % 3, 10, 20, 20), "benign" if i % 2 or i == 6 else "malignant", "4B")),
        )
    from usnet.web.annotate.agreement import agreement

    with reading(many.engine) as session:
        found = agreement(session, project)
    assert len(found) == 1
    one = found[0]
    assert (one.images, one.patients) == (8, 4)
    # shifts of 0, 1, 2 of 20 pixels: IoU 1, 19/21, 18/22
    assert one.iou.value == pytest.approx((3 * 1 + 2 * 19 / 21 + 2 * 18 / 22) / 7)
    assert one.iou.interval is not None
    assert one.iou.interval.low <= one.iou.value <= one.iou.interval.high
    assert (one.boxes.value, one.boxes.n) == (1.0, 14)
    from sklearn.metrics import cohen_kappa_score

    first = ["malignant" if i % 2 == 0 else "benign" for i in range(7)]
    second = [*first[:6], "benign"]
    assert one.pathology is not None
    assert one.pathology.value == pytest.approx(cohen_kappa_score(first, second))
    assert one.label is not None
    assert one.label.value == pytest.approx(cohen_kappa_score([*first, "normal"], [*second, "normal"]))
    assert one.birads is not None
    assert one.birads.observed == pytest.approx(1 - 1 / 9)
    assert "0.9" in ada.get(f"/annotate/{project}/agreement").text


def test_matching_is_symmetric_and_greedy() -> None:
    a = Body(marks=[mark((0, 0, 10, 10)), mark((2, 0, 10, 10))])  # type: ignore[list-item]
    b = Body(marks=[mark((2, 0, 10, 10), "malignant")])  # type: ignore[list-item]
    assert [p.iou for p in matched(a, b)] == [1.0] == [p.iou for p in matched(b, a)]
    assert not agree(a, b)
    assert agree(a, a)
    assert middle(a, a) == a
    assert matched(Body(), a) == []
    assert agree(Body(normal=True), Body(normal=True))
    assert not agree(Body(normal=True), Body())


def test_round_trip(place: Workplace, root: Path, tmp_path: Path) -> None:
    folder = dataset(root)
    client = browser(place)
    project = make(client, place)
    answer = client.get(f"/annotate/{project}/export?format=zip&which=mine")
    zipfile.ZipFile(io.BytesIO(answer.content)).extractall(tmp_path / "out")
    before, after = load(folder), load(tmp_path / "out")
    assert after.records == before.records, "what nobody touched comes back as it was"
    assert (tmp_path / "out" / "images" / "image-0001.png").read_bytes() == (
        folder / "images" / "image-0001.png"
    ).read_bytes()
    # annotate, take out, bring into a project of a zip, take out again
    first = image_ids(place, project)[3]
    put(client, project, first, body(mark((3, 4, 21.5, 22), "malignant", "5")))
    content = client.get(f"/annotate/{project}/export?format=zip&which=decided").content
    token = csrf(client, "/annotate")
    second = str(client.post("/annotate", data={"name": "again", "csrf": token}).url.path).rpartition("/")[2]
    sent = client.post(f"/api/annotate/{second}/import", content=content, headers=api(client))
    assert sent.status_code == 202, sent.text
    run_jobs(place)
    assert client.get(f"/api/annotate/{second}").json()["state"] == "ready"
    text = client.get(f"/annotate/{second}/export?which=mine").text
    (tmp_path / "back.json").write_text(text)
    back = load(tmp_path / "back.json")
    assert [(r.file_name, r.label, r.nodules) for r in back.records][:3] == [
        (r.file_name, r.label, r.nodules) for r in before.records
    ][:3]
    assert (back.records[3].label, back.records[3].nodules[0].box.as_list()) == ("malignant", [3, 4, 21.5, 22])
    assert back.records[3].nodules[0].birads == "5"
    # ... and as readings into the first
    sent = client.post(f"/api/annotate/{project}/import", content=text.encode(), headers=api(client)).json()
    run_jobs(place)
    told = client.get(f"/api/annotate/{project}/import/{sent['job']}").json()
    assert (told["state"], told["result"]) == ("done", {"saved": 4, "unknown": 0, "refused": []})
    assert work(client, project, first)["version"] == 2


def test_bad_uploads(place: Workplace, tmp_path: Path) -> None:
    client = browser(place)
    token = csrf(client, "/annotate")

    def sent(content: bytes) -> str:
        project = str(client.post("/annotate", data={"name": "x", "csrf": token}).url.path).rpartition("/")[2]
        assert client.post(f"/api/annotate/{project}/import", content=content, headers=api(client)).status_code == 202
        run_jobs(place)
        told = client.get(f"/api/annotate/{project}").json()
        assert told["state"] == "failed"
        assert client.get(f"/annotate/{project}").status_code == 200
        return str(told["reason"])

    def zipped(**members: bytes) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return stream.getvalue()

    assert "no zip" in sent(b"hello")
    assert "damaged" in sent(b"PK\x03\x04" + bytes(100))
    assert "leads out" in sent(zipped(**{"../../evil.png": b"x"}))
    assert "times its size" in sent(zipped(**{"bomb.png": bytes(20 << 20)}))
    assert "no image" in sent(zipped(**{"a.txt": b"x"}))
    assert "COCO files" in sent(zipped(**{"a.json": b'{"images":[]}', "b.json": b'{"images":[]}'}))
    coco = {"images": [{"id": 1, "file_name": "../../../../etc/passwd", "width": 1, "height": 1}], "annotations": []}
    assert sent(zipped(**{"a.json": json.dumps(coco).encode()}))
    assert not (tmp_path / "evil.png").exists()


def test_file_names_never_lead_out(place: Workplace, root: Path, tmp_path: Path) -> None:
    folder = dataset(root, 3)
    (tmp_path / "secret.png").write_bytes((folder / "images" / "image-0001.png").read_bytes())
    (folder / "images" / "image-0002.png").unlink()
    (folder / "images" / "image-0002.png").symlink_to(tmp_path / "secret.png")
    text = (folder / "dataset.json").read_text().replace("image-0001.png", "../../../secret.png")
    (folder / "dataset.json").write_text(text)
    client = browser(place)
    project = make(client, place)
    rows = client.get(f"/api/annotate/{project}/images").json()
    assert [r["state"] for r in rows] == ["unreadable", "unreadable", "untouched"]
    assert client.get(f"/api/annotate/{project}/images/{rows[0]['image']}/picture").status_code == 404


def test_names_are_text(place: Workplace, root: Path) -> None:
    dataset(root, 2, names=["<script>alert(1)<!--.png", "=HYPERLINK(1).png"])
    client = browser(place)
    project = make(client, place, name="</script><script>alert(2)</script>")
    image = image_ids(place, project)[0]
    put(client, project, image, body(mark(), note="=1+1 <img src=x onerror=alert(3)>"))
    for path in ("", f"/images/{image}", f"/images/{image}/history", "/team", "/decisions", "/agreement"):
        page = client.get(f"/annotate/{project}{path}")
        assert page.status_code == 200, path
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
    rows = list(csv.DictReader(io.StringIO(client.get(f"/annotate/{project}/export?format=csv").text)))
    assert rows[0]["note"].startswith("'=1+1")
    assert rows[1]["image"] == "'=HYPERLINK(1).png"


ROUTES = ("", "/images/{image}", "/images/{image}/history", "/export", "/progress")
API = ("", "/images", "/images/{image}", "/images/{image}/picture", "/images/{image}/thumb")


@pytest.mark.parametrize(
    ("name", "expected"), [("Bo", 200), ("Di", 200), ("Ada", 200), ("Eve", 404), ("Flo", 403), ("Gus", 403)]
)
def test_who_may_see_a_project(many: Workplace, root: Path, name: str, expected: int) -> None:
    dataset(root, 2)
    ada, client = signed_in(many, "Ada"), signed_in(many, name)
    project = make(ada, many)
    team(ada, many, project, Bo="reader", Di="adjudicator")
    image = image_ids(many, project)[0]
    for path in [f"/annotate/{project}{p}" for p in ROUTES] + [f"/api/annotate/{project}{p}" for p in API]:
        assert client.get(path.format(image=image)).status_code == expected, path
    assert put(client, project, image, body(mark())).status_code == expected
    assert client.post(f"/api/annotate/{project}/images/{image}/suggest", headers=api(client)).status_code == (
        202 if expected == 200 else expected
    )
    assert client.get(f"/annotate/{project}/team").status_code == (200 if name == "Ada" else 403)
    assert (project in client.get("/annotate").text) == (expected == 200)
    unsafe = client.put(f"/api/annotate/{project}/images/{image}", json={}, headers={"x-csrf-token": "0"})
    assert unsafe.status_code == 403, "no token"
    deleted = client.post(f"/annotate/{project}/delete", data={"sure": "true"}, headers=api(client))
    assert deleted.status_code == (200 if name == "Ada" else 403)


def test_images_of_another_project_are_not_there(place: Workplace, root: Path) -> None:
    dataset(root, 1)
    client = browser(place)
    one, two = make(client, place), make(client, place)
    foreign = image_ids(place, two)[0]
    assert client.get(f"/api/annotate/{one}/images/{foreign}").status_code == 404
    assert put(client, one, foreign, body(mark())).status_code == 404


def test_only_those_who_may_annotate_become_members(many: Workplace, root: Path) -> None:
    dataset(root, 1)
    ada = signed_in(many, "Ada")
    project = make(ada, many)
    with pytest.raises(AssertionError):
        team(ada, many, project, Flo="reader")
    token = csrf(ada, f"/annotate/{project}/team")
    assert ada.post(f"/annotate/{project}/team", data={"duties": ["nobody:reader"], "csrf": token}).status_code == 400


def test_a_killed_preparation_goes_on(place: Workplace, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from usnet.web.annotate import work as worker

    dataset(root, 6)
    monkeypatch.setattr(worker, "_TOGETHER", 2)
    client = browser(place)
    calls = []

    def dying() -> None:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt

    spot = spots(place)[0]
    token = csrf(client, "/annotate")
    project = str(client.post("/annotate", data={"spot": spot.id, "csrf": token}).url.path).rpartition("/")[2]
    with pytest.raises(KeyboardInterrupt):
        worker.prepare(place, {"project": project}, dying)
    half = client.get(f"/api/annotate/{project}").json()
    assert (half["state"], half["done"], half["total"]) == ("running", 2, 6)
    run_jobs(place)
    assert client.get(f"/api/annotate/{project}").json()["state"] == "ready"
    assert len(image_ids(place, project)) == 6


def test_given_bodies_fit_their_image(root: Path) -> None:
    record = load(dataset(root, 1)).records[0]
    from dataclasses import replace

    from usnet.values import Box, Nodule

    wide = replace(record, nodules=(Nodule(Box(-5, -5, 500, 500)), Nodule(Box(200, 200, 5, 5))))
    said = given_body(wide)
    assert [m.box for m in said.marks] == [(0, 0, 96, 72)]
    assert said.problem(96, 72) is None


def test_suggestions_come_from_the_model(tmp_path: Path, root: Path) -> None:
    pytest.importorskip("onnx", reason="onnx makes the tests' small model")
    from PIL import Image as Picture

    from helpers.tiny_bundle import dark_spots, tiny_bundle
    from usnet.datasets.records import Dataset, ImageRecord, save
    from usnet.diagnosis import Diagnoser

    bundle = tiny_bundle(tmp_path / "bundle" / "tiny")
    (root / "s" / "images").mkdir(parents=True)
    pixels = dark_spots()
    Picture.fromarray(pixels).save(root / "s" / "images" / "a.png")
    height, width = pixels.shape[:2]
    save(Dataset(root / "s", "s", (ImageRecord(1, "a.png", width, height, None),)))
    place = workplace(tmp_path / "data", roots=(str(root),), bundle=str(bundle))
    client = browser(place)
    project = make(client, place)
    image = image_ids(place, project)[0]
    assert work(client, project, image)["suggestions"] is None
    client.post(f"/api/annotate/{project}/images/{image}/suggest", headers=api(client))
    run_jobs(place)
    said = Diagnoser(bundle).diagnose(root / "s" / "images" / "a.png")
    found = work(client, project, image)["suggestions"]
    assert [s["box"] for s in found] == [f.box.as_list() for f in said.findings]
    assert found
    silent = make(client, place, suggestions=False)
    other = image_ids(place, silent)[0]
    assert client.post(f"/api/annotate/{silent}/images/{other}/suggest", headers=api(client)).status_code == 403
