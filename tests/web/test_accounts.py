"""Signing in, roles, tokens, and what a stranger sees."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra web is not installed")

from sqlalchemy import func, select

from helpers.web_client import PASSWORD, account, browser, csrf, post, signed_in, workplace
from usnet.errors import DataError
from usnet.store import chain
from usnet.store.database import reading, writing
from usnet.web import accounts, tokens
from usnet.web.login_pages import local_path
from usnet.web.roles import User
from usnet.web.settings import is_loopback
from usnet.web.tables import Account, WebSession
from usnet.web.workplace import Workplace


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return workplace(tmp_path, login=True)


@pytest.fixture
def open_place(tmp_path: Path) -> Workplace:
    return workplace(tmp_path)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.0.4", False),
        ("example.org", False),
    ],
)
def test_only_loopback_is_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_loopback_asks_nobody(open_place: Workplace) -> None:
    client = browser(open_place)
    assert client.get("/").status_code == 200
    assert client.get("/accounts").status_code == 200


def test_loopback_refuses_foreign_names_and_proxies(open_place: Workplace) -> None:
    client = browser(open_place)
    assert client.get("/", headers={"host": "attacker.example"}).status_code == 421
    assert client.get("/", headers={"host": "localhost:8000"}).status_code == 200
    assert client.get("/", headers={"x-forwarded-for": "10.0.0.1"}).status_code == 403


def test_the_first_administrator_needs_the_token(place: Workplace) -> None:
    client = browser(place)
    assert client.get("/").url.path == "/setup"
    wrong = post(client, "/setup", "/setup", token="guess", name="Anna", password=PASSWORD)
    assert wrong.status_code == 400
    right = post(client, "/setup", "/setup", token=place.first_run, name="Anna", password=PASSWORD)
    assert right.status_code == 200
    assert right.url.path == "/"
    assert client.get("/setup").status_code == 404
    with reading(place.engine) as session:
        stored = session.scalar(select(Account.password))
    assert stored.startswith("$argon2id$")
    assert PASSWORD not in stored


def test_login_gives_a_fresh_cookie_and_logout_ends_it(place: Workplace) -> None:
    account(place, "Anna", "administrator")
    client = browser(place)
    client.get("/login")
    before = client.cookies["usnet_session"]
    answer = post(client, "/login", "/login", name=" ANNA ", password=PASSWORD)
    assert answer.status_code == 200
    after = client.cookies["usnet_session"]
    assert after != before
    cookie = answer.history[0].headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    post(client, "/logout")
    client.cookies.set("usnet_session", after)
    assert client.get("/account").url.path == "/login"


def test_a_forged_cookie_is_nobody(place: Workplace) -> None:
    account(place, "Anna", "administrator")
    for forged in ("x", "a.b", "\"';--", "0" * 5000, "é"):
        client = browser(place, follow=False)
        answer = client.get("/account", headers={"cookie": f"usnet_session={forged}".encode("latin-1")})
        assert answer.status_code == 303


def test_wrong_passwords_have_to_wait(place: Workplace) -> None:
    account(place, "Anna", "administrator")
    client = browser(place)
    codes = [
        post(client, "/login", "/login", name="Anna", password="wrong password!").status_code
        for _ in range(accounts.FREE_TRIES)
    ]
    assert codes == [401] * accounts.FREE_TRIES
    answer = post(client, "/login", "/login", name="Anna", password=PASSWORD)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1


def test_waiting_doubles(place: Workplace) -> None:
    account(place, "Anna", "administrator")
    waits = []
    for _ in range(12):
        try:
            accounts.check(place, "Anna", "wrong", "10.0.0.1")
        except accounts.TooManyTries as error:
            waits.append(error.seconds)
            with writing(place.engine) as session:
                from usnet.web.tables import LoginFailure

                for row in session.scalars(select(LoginFailure)):
                    row.until = 0.0
    assert waits == sorted(waits)
    assert waits[-1] >= 4 * waits[0]


def test_an_unknown_name_is_answered_like_a_wrong_password(place: Workplace) -> None:
    account(place, "Anna", "administrator")
    client = browser(place)
    known = post(client, "/login", "/login", name="Anna", password="wrong password!")
    unknown = post(client, "/login", "/login", name="Berta", password="wrong password!")
    assert (known.status_code, _words(known.text)) == (unknown.status_code, _words(unknown.text))


def _words(page: str) -> list[str]:
    return re.findall(r'role="alert">([^<]+)', page)


def test_next_stays_here() -> None:
    assert local_path("/exams/1?x=2") == "/exams/1?x=2"
    for bad in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", "", "evil", "/a\nb"):
        assert local_path(bad) == "/"


@pytest.mark.parametrize("role", ["viewer", "annotator", "reader"])
def test_only_administrators_see_accounts(place: Workplace, role: str) -> None:
    account(place, "Anna", "administrator")
    account(place, "Bo", role)  # type: ignore[arg-type]
    client = signed_in(place, "Bo")
    assert client.get("/account").status_code == 200
    assert client.get("/accounts").status_code == 403
    token = csrf(client)
    assert (
        client.post("/accounts", data={"name": "x", "password": PASSWORD, "role": "viewer", "csrf": token}).status_code
        == 403
    )
    assert client.get("/metrics").status_code == 403


def test_the_last_administrator_stays(place: Workplace) -> None:
    anna = account(place, "Anna", "administrator")
    client = signed_in(place, "Anna")
    assert post(client, f"/accounts/{anna}", role="viewer", active="true").status_code == 400
    assert post(client, f"/accounts/{anna}", role="administrator").status_code == 400
    assert client.get("/accounts").status_code == 200


def test_a_locked_account_is_out_at_once(place: Workplace) -> None:
    account(place, "Anna", "administrator")
    bo = account(place, "Bo", "reader")
    boss, client = signed_in(place, "Anna"), signed_in(place, "Bo")
    assert client.get("/account").url.path == "/account"
    assert post(boss, f"/accounts/{bo}", "/accounts", role="reader").status_code == 200
    assert client.get("/account").url.path == "/login"
    with reading(place.engine) as session:
        assert session.scalar(select(func.count()).select_from(WebSession).where(WebSession.account == bo)) == 0


def test_a_new_password_signs_out_everywhere(place: Workplace) -> None:
    account(place, "Anna", "administrator")
    here, there = signed_in(place, "Anna"), signed_in(place, "Anna")
    answer = post(here, "/account/password", "/account", old=PASSWORD, new="another long one")
    assert answer.url.path == "/login"
    assert there.get("/account").url.path == "/login"
    assert accounts.check(place, "anna", "another long one", "") is not None


def test_names_and_passwords_are_checked(place: Workplace) -> None:
    account(place, "Ånna", "viewer")
    for name, password, role in [
        ("ånna ", PASSWORD, "viewer"),
        ("", PASSWORD, "viewer"),
        ("x" * 101, PASSWORD, "viewer"),
        ("bad\u202ename", PASSWORD, "viewer"),
        ("Bo", "short", "viewer"),
        ("Bo", "x" * 201, "viewer"),
        ("Bo", PASSWORD, "king"),
    ]:
        with pytest.raises(DataError), writing(place.engine) as session:
            accounts.create(session, name, password, role)  # type: ignore[arg-type]


def test_csrf_on_every_form(open_place: Workplace) -> None:
    client = browser(open_place)
    form = {"label": "mine", "days": "3", "scopes": "read"}
    client.get("/")
    assert client.post("/account/tokens", data=form).status_code == 403
    assert client.post("/account/tokens", data=form | {"csrf": "0" * 64}).status_code == 403
    right = form | {"csrf": csrf(client)}
    assert client.post("/account/tokens", data=right, headers={"origin": "http://evil.example"}).status_code == 403
    assert client.post("/account/tokens", data=right, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert client.post("/account/tokens", data=right, headers={"origin": "http://127.0.0.1"}).status_code == 200
    other = browser(open_place)
    assert other.post("/account/tokens", data=right).status_code == 403, "the token is another browser's"


def test_tokens_have_scopes_and_an_end(place: Workplace) -> None:
    anna = account(place, "Anna", "administrator")
    client = browser(place)
    user = User(anna, "Anna", "administrator")
    secrets = {}
    for scope in ("read", "write", "metrics"):
        with writing(place.engine) as session:
            _, secrets[scope] = tokens.create(session, user, scope, [scope], 1)

    def get(path: str, secret: str) -> int:
        headers = {"authorization": f"Bearer {secret}", "accept": "application/json"}
        return client.get(path, headers=headers).status_code

    assert get("/account", secrets["read"]) == 200
    assert get("/account", secrets["write"]) == 403
    assert get("/metrics", secrets["metrics"]) == 200
    assert get("/metrics", secrets["read"]) == 403
    assert get("/account", "usnet_guess") == 401
    assert get("/account", "") == 401
    with writing(place.engine) as session:
        for token in tokens.of(session, user):
            assert token.secret not in secrets.values()
            token.expires_at = 1.0
    assert get("/account", secrets["read"]) == 401


@pytest.mark.parametrize(("scopes", "days"), [([], 3), (["everything"], 3), (["read"], 0), (["read"], 400)])
def test_a_token_that_is_too_much_is_refused(place: Workplace, scopes: list[str], days: int) -> None:
    with pytest.raises(DataError), writing(place.engine) as session:
        tokens.create(session, User("x", "x", "viewer"), "label", scopes, days)


def test_what_was_done_is_in_the_audit_log_without_names(place: Workplace) -> None:
    account(place, "Anna Canary", "administrator")
    client = signed_in(place, "Anna Canary")
    post(client, "/accounts", "/accounts", name="Bo Canary", password=PASSWORD, role="reader")
    with reading(place.engine) as session:
        entries = list(chain.read(session, "web"))
        assert chain.verify(session, place.audit_key, "web") == []
    assert [entry.action for entry in entries] == ["login", "account made"]
    assert "Canary" not in repr(entries)


def test_every_answer_has_the_headers(open_place: Workplace) -> None:
    client = browser(open_place)
    for path in ("/", "/healthz", "/nowhere", "/static/usnet.css", "/metrics"):
        headers = client.get(path).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    assert client.get("/").headers["cache-control"] == "no-store"
    assert "Research use only" in client.get("/nowhere").text


def test_no_page_fetches_from_elsewhere_or_holds_inline_code(open_place: Workplace) -> None:
    client = browser(open_place)
    for path in ("/", "/account", "/accounts", "/nowhere"):
        page = client.get(path).text
        assert not re.search(r"""(src|href|action)=["'](https?:)?//""", page)
        assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?![^>]*(src=|application/json))", page)
