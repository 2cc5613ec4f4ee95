"""The study's pages and addresses: what they give before the lock, to whom, and what an organiser sees."""

from __future__ import annotations

import csv
import io
import json
import re
import secrets
from pathlib import Path
from typing import Any

from PIL import Image
from reader_studies import begin, crossover, protocol, readers
from sqlalchemy import select
from starlette.testclient import TestClient

from helpers.web_client import account, browser, csrf, post, signed_in, workplace
from usnet.readers.place import Place
from usnet.readers.tables import CaseRow, FindingRow, SlotRow, TruthRow
from usnet.store.database import reading
from usnet.web.workplace import Workplace

JSON = {"accept": "application/json"}


class Reader:
    """A reader's browser."""

    def __init__(self, web: Workplace, code: str, study: str = "small") -> None:
        self.client: TestClient = browser(web, follow=False)
        self.study = study
        answer = post(self.client, "/study", "/study", code=code)
        assert answer.status_code == 303, answer.text
        self.token = csrf(self.client, "/study")

    def get(self, path: str) -> Any:
        return self.client.get(f"/api/study/{self.study}{path}", headers=JSON)

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.get("/state").json()
        return found

    def answer(self, state: dict[str, Any], **changes: Any) -> Any:
        body: dict[str, Any] = {name: state[name] for name in ("period", "position", "step")}
        body |= {
            "client_key": secrets.token_hex(16),
            "decision": "benign",
            "probability": 20,
            "touched": True,
            "birads": "3",
        }
        return self.client.post(
            f"/api/study/{self.study}/answer", json=body | changes, headers=JSON | {"x-csrf-token": self.token}
        )


def study(tmp_path: Path, levels: list[str], **changes: Any) -> tuple[Workplace, Place, list[str]]:
    place, name = begin(tmp_path, protocol(**changes), ai=changes.get("ai") is not None)
    codes = [one.code for one in readers(place, name, levels)]
    place.engine.dispose()
    return workplace(tmp_path / "data"), place, codes


def test_no_byte_about_truth_model_or_file_leaves_before_the_lock(tmp_path: Path) -> None:
    """Unaided and sequential reading: every response of every route that a reader has, before and between answers."""
    design = {"kind": "crossover", "arms": ["unaided", "sequential"]}
    web, place, codes = study(tmp_path, ["RP", "RP"], design=design, ai={"bundle": "x"}, cases={"training": 0})
    with reading(place.engine) as session:
        findings = {row.name: row for row in session.scalars(select(FindingRow))}
        probabilities = {json.dumps(row.probability) for row in findings.values()}
        names = set(session.scalars(select(CaseRow.name))) | set(session.scalars(select(TruthRow.source)))
        hashes = set(session.scalars(select(TruthRow.source_sha256))) | set(session.scalars(select(CaseRow.image)))
        strata = {"malignant-", "benign-", ".png"}
    for code in codes:
        reader = Reader(web, code)
        for _ in range(6):
            state = reader.state()
            if state["step"] == 1:
                assert state["findings"] is not None
                reader.answer(state)
                continue
            picture = reader.client.get(state["image"], headers=JSON)
            page = reader.client.get("/study/small/read")
            replies = [
                reader.get("/state"),
                picture,
                page,
                reader.client.get("/study"),
                reader.client.get("/static/study.js"),
            ]
            for reply in replies:
                seen = reply.headers.__repr__() + (reply.text if reply is not picture else repr(reply.content))
                for secret in (*names, *hashes, *probabilities):
                    assert secret not in seen, (secret, str(reply.url))
                if reply not in (
                    page,
                    replies[-1],
                ):  # the page's own questions say benign, malignant and static addresses .png
                    assert not any(word in seen for word in strata), str(reply.url)
            assert state["findings"] is None
            assert state["first"] is None
            assert set(state) == {
                *("phase", "period", "periods", "position", "total", "step", "use", "arm", "width", "height"),
                *("findings", "first", "draft", "opens_at", "image"),
            }
            assert picture.content[:8] == b"\x89PNG\r\n\x1a\n"
            assert Image.open(io.BytesIO(picture.content)).info == {}
            assert picture.headers["cache-control"] == "no-store"
            assert "etag" not in picture.headers
            said = reader.answer(state).json()
            assert "feedback" not in said


def test_training_shows_the_truth_after_the_lock(tmp_path: Path) -> None:
    web, place, (code,) = study(tmp_path, ["RP"])
    reader = Reader(web, code)
    state = reader.state()
    assert "feedback" not in json.dumps(state)
    said = reader.answer(state).json()
    with reading(place.engine) as session:
        name = session.scalar(select(SlotRow.name).where(SlotRow.position == 0))
        label = session.scalar(select(TruthRow.label).where(TruthRow.name == name))
    assert said["feedback"]["label"] == label
    assert len(said["feedback"]["boxes"]) == 1
    second = reader.answer(said["state"]).json()
    assert "feedback" in second
    third = reader.answer(second["state"]).json()  # the first case that counts
    assert "feedback" not in third


def test_a_reader_reaches_his_own_open_case_and_nothing_else(tmp_path: Path) -> None:
    web, _place, (first, second) = study(tmp_path, ["RP", "AP"])
    one, two = Reader(web, first), Reader(web, second)
    mine, other = one.state(), two.state()
    assert one.client.get(mine["image"]).status_code == 200
    reply = one.answer(mine)
    assert reply.status_code == 200
    assert one.client.get(mine["image"], headers=JSON).status_code == 404  # no way back
    for period, position in ((0, 2), (0, 99), (1, 0), (5, 5)):
        assert one.client.get(f"/api/study/small/image/{period}/{position}", headers=JSON).status_code == 404
    assert two.state()["position"] == 0  # what one does moves nobody else
    assert other["image"] == two.state()["image"]
    # the same address shows each reader the own case
    pictures = {r.client.get(r.state()["image"]).content for r in (one, two)}
    assert len(pictures) >= 1
    for route in ("/state", "/image/0/0"):
        assert one.client.get(f"/api/study/another{route}", headers=JSON).status_code == 401
        assert browser(web).get(f"/api/study/small{route}", headers=JSON).status_code == 401
    for path in ("/studies", "/studies/small", "/studies/small/progress", "/studies/small/reminders.csv"):
        place_with_login = workplace(tmp_path / "data", login=True)
        stranger = browser(place_with_login, follow=False)
        for name, value in one.client.cookies.items():
            stranger.cookies.set(name, value)
        assert stranger.get(path, headers=JSON).status_code == 401, path


def test_a_forged_or_foreign_cookie_is_nobody(tmp_path: Path) -> None:
    web, _, (first, _second) = study(tmp_path, ["RP", "AP"])
    one = Reader(web, first)
    good = one.client.cookies["usnet_reader"]
    name, number, ends, mark = good.rsplit(".", 3)
    for forged in (
        f"{name}.2.{ends}.{mark}",
        f"{name}.{number}.{int(ends) + 9}.{mark}",
        f"{name}.{number}.{ends}.",
        "x",
        "...",
    ):
        client = browser(web, follow=False)
        client.cookies.set("usnet_reader", forged)
        assert client.get("/api/study/small/state", headers=JSON).status_code == 401
        assert client.get("/study/small/read").status_code == 303


def test_answers_over_http_are_idempotent_and_refusals_have_reasons(tmp_path: Path) -> None:
    web, _, (code,) = study(tmp_path, ["RP"])
    reader, tab = Reader(web, code), Reader(web, code)
    state = reader.state()
    key = secrets.token_hex(16)
    first = reader.answer(state, client_key=key)
    again = reader.answer(state, client_key=key)
    assert (first.json()["entry"], again.json()["entry"], again.json()["again"]) == (first.json()["entry"],) * 2 + (
        True,
    )
    other = tab.answer(state)
    assert other.status_code == 409
    assert other.json()["conflict"] is True
    now = reader.state()
    for changes, status in (
        ({"probability": 101}, 422),
        ({"client_key": "short"}, 422),
        ({"x": 1}, 422),
        ({"touched": False}, 409),
    ):
        assert reader.answer(now, **changes).status_code == status
    reader.token = "wrong"
    assert reader.answer(now).status_code == 403
    assert reader.state()["position"] == 1


def test_drafts_follow_the_reader_to_another_machine(tmp_path: Path) -> None:
    web, _, (code,) = study(tmp_path, ["RP"])
    home = Reader(web, code)
    state = home.state()
    body = {name: state[name] for name in ("period", "position", "step")} | {"decision": "malignant", "probability": 64}
    kept = home.client.put("/api/study/small/draft", json=body, headers=JSON | {"x-csrf-token": home.token})
    assert kept.status_code == 200
    work = Reader(web, code)
    assert work.state()["draft"] == {"decision": "malignant", "probability": 64}
    work.answer(work.state())
    assert work.state()["draft"] is None
    huge = home.client.put(
        "/api/study/small/draft", json=body | {"comment": "x" * 30_000}, headers=JSON | {"x-csrf-token": home.token}
    )
    assert huge.status_code == 422


def test_the_door_tells_nothing_of_wrong_codes(tmp_path: Path) -> None:
    web, _, _ = study(tmp_path, ["RP"])
    reply = post(browser(web), "/study", "/study", code="AAAA-BBBB-CCCC-DDDD")
    assert reply.status_code == 404
    assert "not a code" in reply.text


def test_an_organiser_watches_invites_pauses_and_peeks_with_a_trace(tmp_path: Path) -> None:
    web, _, (code, _) = study(tmp_path, ["RP", "AP"])
    reader = Reader(web, code)
    for _ in range(4):
        reader.answer(reader.state())
    client = browser(web)
    page = client.get("/studies/small").text
    assert re.search(r"RP</th>.*?4 / 14", page, re.DOTALL)
    letters = post(client, "/studies/small/invite", "/studies/small", count=2, language="zh").text
    rows = list(csv.DictReader(io.StringIO(letters.lstrip("\ufeff"))))
    assert len({row["code"] for row in rows}) == 2
    assert all(row["code"] in row["text"] for row in rows)
    reminded = client.get("/studies/small/reminders.csv?quiet_days=0").text
    assert "4 of 14" in reminded
    assert "code" not in reminded.splitlines()[0].split(",")
    assert post(client, "/studies/small/state", "/studies/small", act="pause", reason="").status_code == 400
    assert "paused" in post(client, "/studies/small/state", "/studies/small", act="pause", reason="lunch").text
    assert reader.answer(reader.state() | {"period": 0, "position": 4, "step": 0}).status_code == 409
    post(client, "/studies/small/state", "/studies/small", act="resume", reason="back")
    assert (
        "excluded"
        in post(client, "/studies/small/readers/2", "/studies/small", act="exclude", reason="moved away").text
    )
    refused = post(client, "/studies/small/results", "/studies/small", reason="")
    assert refused.status_code == 400
    seen = post(client, "/studies/small/results", "/studies/small", reason="safety board").text
    assert "Table 1" in seen
    log = client.get("/studies/small").text
    assert "safety board" in log
    assert "moved away" in log


def test_only_administrators_organise(tmp_path: Path) -> None:
    _, _, _ = study(tmp_path, ["RP"])
    web = workplace(tmp_path / "data", login=True)
    account(web, "ada", "administrator")
    account(web, "rita", "reader")
    reader = signed_in(web, "rita")
    for path in ("/studies", "/studies/small", "/studies/small/reminders.csv"):
        assert reader.get(path).status_code == 403
    for path in ("invite", "state", "extend", "readers/1", "results"):
        assert post(reader, f"/studies/small/{path}", "/", count=1, act="end", reason="x").status_code == 403
    assert signed_in(web, "ada").get("/studies/small").status_code == 200


def test_an_account_can_stand_for_a_code(tmp_path: Path) -> None:
    from usnet.readers.enrolment import Person, invite

    place, name = begin(tmp_path)
    web = workplace(tmp_path / "data", login=True)
    account(web, "rita", "reader")
    account(web, "karl", "reader")
    invite(place, name, [Person(account="rita")], "tests")
    client = signed_in(web, "rita")
    assert "breast nodules" in client.get("/study/mine").text.lower()
    page = post(client, "/study/small/join", "/study/mine")
    assert "I have read this and agree" in page.text
    other = signed_in(web, "karl")
    assert "was not invited" in other.get("/study/mine").text
    assert post(other, "/study/small/join", "/study/mine").status_code == 404


def test_consent_and_profile_through_the_pages(tmp_path: Path) -> None:
    from usnet.readers.enrolment import Person, invite

    place, name = begin(tmp_path, protocol(**crossover(), ai={"bundle": "x"}), ai=True)
    (one,) = invite(place, name, [Person()], "tests")
    client = browser(workplace(tmp_path / "data"))
    page = post(client, "/study", "/study", code=one.code)
    assert "You may stop at any time" in page.text
    unchanged = post(client, "/study/small/consent", "/study", agree="")
    assert "You may stop at any time" in unchanged.text
    page = post(client, "/study/small/consent", "/study", agree="yes")
    assert "Years of experience" in page.text
    assert post(client, "/study/small/profile", "/study", years="-3", sex="male", age_band="35-39").status_code == 422
    assert post(client, "/study/small/profile", "/study", years="3", sex="x", age_band="35-39").status_code == 422
    page = post(client, "/study/small/profile", "/study", years="3", sex="male", age_band="35-39")
    assert 'id="study-setup"' in page.text
    assert "malignant-" not in page.text


def test_states_and_acts_have_chinese_words() -> None:
    from usnet.web.study.words import ACTS, STATES
    from usnet.web.words import catalogue

    known = catalogue("zh")
    for word in (*STATES.values(), *ACTS.values()):
        assert known.gettext(word) != word
