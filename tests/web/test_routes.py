"""Every route of the OpenAPI document with every role, with strangers' ids, and with whatever schemathesis makes up."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from helpers.web_client import account, api, browser, csrf, signed_in, workplace
from usnet.store.database import writing
from usnet.web import tokens
from usnet.web.app import create_app
from usnet.web.roles import ROLES, User
from usnet.web.tables import Assessment, Exam, ExamFile, View, ViewFrame
from usnet.web.workplace import Workplace

OPEN = {
    ("get", "/healthz"),
    ("get", "/login"),
    ("get", "/login/oidc"),
    ("get", "/login/oidc/return"),
    ("get", "/setup"),
    ("post", "/login"),
    ("post", "/setup"),
    ("post", "/preferences"),
}
"""What nobody in particular may ask for."""
READERS = "/study"
"""Readers of a study come by invitation, without an account; the study's own tests say what they may see."""
WITHOUT_INVITATION = {
    ("get", "/study"): 200,  # the page that asks for the code
    ("post", "/study"): 422,
    ("get", "/study/mine"): 303,
    ("post", "/study/{study}/join"): 401,
    ("get", "/study/{study}/read"): 303,
    ("post", "/study/{study}/consent"): 400,
    ("post", "/study/{study}/profile"): 422,
    ("post", "/study/leave"): 303,
}
"""What a stranger gets on a reader's pages; on any other one of them he is refused."""
UNSAFE = ("post", "put", "patch", "delete")


@cache
def operations(place: Workplace) -> tuple[tuple[str, str], ...]:
    """Methods and paths of the document."""
    paths = create_app(place.settings, place).openapi()["paths"]
    return tuple((method, path) for path, methods in paths.items() for method in methods)


def filled(path: str, **ids: str) -> str:
    """A path with ids that do not exist, or those given."""
    return re.sub(
        r"\{(\w+)(:\w+)?\}", lambda hole: ids.get(hole[1], "0" * 32 if hole[1] not in ("number", "job") else "0"), path
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    made = workplace(tmp_path_factory.mktemp("routes") / "data", login=True)
    for role in ROLES:
        account(made, role, role)
    return made


@pytest.fixture(scope="module")
def clients(place: Workplace) -> dict[str, TestClient]:
    found = {role: signed_in(place, role) for role in ROLES}
    for client in found.values():
        client.follow_redirects = False
    return found


def test_every_page_is_in_the_document(place: Workplace) -> None:
    listed = {path for _, path in operations(place)}
    routes = {route.path for route in create_app(place.settings, place).routes if hasattr(route, "methods")}
    assert routes - listed <= {"/api/openapi.json"}, "a route that the matrix does not try"


def test_a_stranger_gets_nothing(place: Workplace) -> None:
    client = browser(place, follow=False)
    token = csrf(client, "/login")
    for method, path in operations(place):
        answer = client.request(method, filled(path), headers={"x-csrf-token": token})
        if path.startswith(READERS):
            expected = WITHOUT_INVITATION.get((method, path))
            assert answer.status_code == expected or (expected is None and answer.status_code in (401, 403, 404))
            assert answer.status_code != 303 or answer.headers["location"].startswith(("/study", "/login"))
        elif (method, path) in OPEN:
            assert answer.status_code < 500
        elif answer.status_code == 303:
            assert answer.headers["location"].startswith("/login"), (method, path)
        else:
            assert answer.status_code == 401, (method, path, answer.status_code)


@pytest.mark.parametrize("role", ROLES)
def test_no_unsafe_request_without_the_token(clients: dict[str, TestClient], place: Workplace, role: str) -> None:
    for method, path in operations(place):
        if method in UNSAFE:
            answer = clients[role].request(method, filled(path))
            assert answer.status_code == 403, (method, path)


@pytest.mark.parametrize("role", ROLES)
def test_no_id_that_does_not_exist_gives_anything(clients: dict[str, TestClient], place: Workplace, role: str) -> None:
    headers = api(clients[role])
    for method, path in operations(place):
        if "{" in path and path != "/logout":
            answer = clients[role].request(method, filled(path), headers=headers)
            allowed = (303, 400, 403, 404, 422) if path.startswith(READERS) else (400, 403, 404, 422)
            assert answer.status_code in allowed, (method, path, answer.status_code, answer.text[:200])


@pytest.mark.parametrize("role", ["viewer", "annotator", "reader"])
def test_only_administrators_administer(clients: dict[str, TestClient], place: Workplace, role: str) -> None:
    headers = api(clients[role])
    tried = 0
    for method, path in operations(place):
        if path.startswith("/accounts") or path == "/metrics":
            answer = clients[role].request(method, filled(path), headers=headers)
            assert answer.status_code == 403, (method, path)
            tried += 1
    assert tried >= 5


@pytest.mark.parametrize("role", ["annotator", "reader"])
def test_nothing_of_another_user(clients: dict[str, TestClient], place: Workplace, role: str) -> None:
    """A viewer's exam, asked for by others, over every route that takes its ids."""
    with writing(place.engine) as session:
        exam, view = "a" * 31 + role[0], "b" * 31 + role[0]
        exam, view = re.sub(r"[^0-9a-f]", "e", exam), re.sub(r"[^0-9a-f]", "d", view)
        if session.get(Exam, exam) is None:
            session.add(
                Exam(
                    id=exam,
                    owner="viewer-id",
                    title="t",
                    state="done",
                    reason=None,
                    done=1,
                    total=1,
                    created_at=1.0,
                    expires_at=None,
                )
            )
            session.flush()
            session.add(ExamFile(exam=exam, position=0, name="n", sha256="0" * 64, size=1))
            session.add(
                View(
                    id=view, exam=exam, position=0, name="n", sha256="0" * 64, frames=1, width=9, height=9, reason=None
                )
            )
            session.flush()
            session.add(ViewFrame(view=view, number=0, picture="0" * 64, diagnosis="{}"))
            session.add(Assessment(view=view, version=1, author="viewer-id", created_at=1.0, body="{}"))
    headers, tried = api(clients[role]), 0
    for method, path in operations(place):
        if "{exam}" in path:
            body: Any = {"box": [1, 1, 5, 5], "version": 0, "fields": {}, "format": "html", "sure": "true"}
            wanted = {k: body[k] for k in _fields(path)}
            answer = clients[role].request(
                method, filled(path, exam=exam, view=view), headers=headers, **_body(path, wanted)
            )
            assert answer.status_code == 404, (method, path, answer.status_code, answer.text[:200])
            tried += 1
    assert tried >= 12


def _fields(path: str) -> list[str]:
    if path.endswith("/score"):
        return ["box"]
    if path.endswith("/assessment"):
        return ["version", "fields"]
    return ["format"] if path.endswith("/reports") else ["sure"] if path.endswith("/delete") else []


def _body(path: str, wanted: dict[str, Any]) -> dict[str, Any]:
    return {"data": wanted} if path.endswith("/delete") else {"json": wanted} if wanted else {}


def test_schemathesis_finds_no_fault(tmp_path: Path) -> None:
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st

    place = workplace(tmp_path / "data", queue_limit=10_000)
    with writing(place.engine) as session:
        _, secret = tokens.create(
            session, User("local", "local", "administrator"), "fuzz", ["read", "write", "metrics"], 1
        )
    app = create_app(place.settings, place)
    schema = schemathesis.openapi.from_dict(app.openapi())
    client = TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=True, follow_redirects=False)
    tried: dict[int, int] = {}

    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=4,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        @given(case=operation.as_strategy(), accept=st.sampled_from(["text/html", "application/json"]))
        def attempt(case: Any, accept: str) -> None:
            sent = case.as_transport_kwargs()
            sent["headers"] = {k: v for k, v in dict(sent.get("headers") or {}).items() if str(v).isascii()}
            sent["headers"] |= {"authorization": f"Bearer {secret}", "accept": accept}
            sent.pop("cookies", None)
            url = re.sub(r"^https?://[^/]+", "", sent.pop("url"))
            answer = client.request(sent.pop("method"), url, **{k: v for k, v in sent.items() if k in _SENT})
            tried[answer.status_code] = tried.get(answer.status_code, 0) + 1
            assert answer.status_code < 500, (case.method, url, answer.text[:300])

        attempt()
    assert sum(tried.values()) > 100
    assert max(tried) < 500


_SENT = ("params", "json", "data", "content", "headers", "files")
