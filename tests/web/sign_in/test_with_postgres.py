"""Signing in through an identity provider where accounts lie in a real PostgreSQL."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("authlib", reason="the extra oidc is not installed")
pytest.importorskip("fastapi", reason="the extra web is not installed")
pytest.importorskip("pg8000", reason="the extra postgres is not installed")

from sqlalchemy import select

from helpers.identity_provider import IdentityProvider
from helpers.oidc_client import OPEN, entries, opened, sign_in
from helpers.web_client import browser, post, signed_in
from usnet.store.database import reading
from usnet.web.oidc import identities
from usnet.web.tables import Account, Identity
from usnet.web.workplace import Workplace

pytestmark = pytest.mark.postgres


def people(place: Workplace) -> dict[str, str]:
    """Subjects and the names of their accounts."""
    with reading(place.engine) as session:
        query = select(Identity.subject, Account.name).join(Account, Account.id == Identity.account)
        return {row[0]: row[1] for row in session.execute(query)}


def test_in_and_out_and_in_again(tmp_path: Path, postgres_url: str, provider: IdentityProvider) -> None:
    place = opened(tmp_path, provider, OPEN, database=postgres_url)
    client = browser(place)
    answer = sign_in(client, path="/login/oidc?next=/account")
    assert (answer.status_code, answer.url.path) == (200, "/account")
    assert "Li Canary" in answer.text
    assert post(client, "/logout").url.path == "/login"
    provider.people["li"] = {"preferred_username": "Li Chen"}
    assert "Li Canary" in sign_in(browser(place)).text, "the same account, whatever the provider calls it now"
    sign_in(browser(place), "bo")
    assert people(place) == {"li": "Li Canary", "bo": "Bo"}
    assert [e.action for e in entries(place)][:3] == ["account made", "login", "logout"]


def test_an_administrator_lets_in(tmp_path: Path, postgres_url: str, provider: IdentityProvider) -> None:
    place = opened(tmp_path, provider, database=postgres_url)
    client, boss = browser(place), signed_in(place, "Anna")
    assert sign_in(client).status_code == 403
    waiting = re.findall(r'action="/accounts/waiting/(\w+)"', boss.get("/accounts").text)
    assert len(waiting) == 1
    assert post(boss, f"/accounts/waiting/{waiting[0]}", "/accounts", whose="reader").status_code == 200
    assert sign_in(client).url.path == "/"
    assert people(place) == {"li": "Li Canary"}


def test_two_browsers_of_one_person_come_first_at_the_same_moment(
    tmp_path: Path, postgres_url: str, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both look and find nobody, then both write: one of them makes the account, and both are let in to it."""
    place = opened(tmp_path, provider, OPEN, database=postgres_url)
    looked, kept = threading.Barrier(2, timeout=60), identities._kept
    monkeypatch.setattr(identities, "_kept", lambda *given: (looked.wait(), kept(*given))[1])
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(sign_in, [browser(place), browser(place)]))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert people(place) == {"li": "Li Canary"}
    with reading(place.engine) as session:
        assert len(list(session.scalars(select(Account.id)))) == 2, "Anna and Li"
    assert [e.action for e in entries(place)].count("account made") == 1
