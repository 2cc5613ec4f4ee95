"""Which account a person gets whom an identity provider sends: none, a new one, an old one, and in which role."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("authlib", reason="the extra oidc is not installed")
pytest.importorskip("fastapi", reason="the extra web is not installed")

from sqlalchemy import select

from helpers.identity_provider import IdentityProvider
from helpers.oidc_client import alert, opened, sign_in
from helpers.web_client import account, browser, post, signed_in, workplace
from usnet.store.database import reading, writing
from usnet.web.tables import Account
from usnet.web.workplace import Workplace


def test_the_safe_way_is_to_ask(tmp_path: Path, provider: IdentityProvider) -> None:
    """Without a rule, who comes first time waits until an administrator lets them in."""
    place = opened(tmp_path, provider)
    client = browser(place)
    for _ in range(2):
        answer = sign_in(client)
        assert answer.status_code == 403
        assert "Ask the administrator to let you in" in alert(answer.text)
    sign_in(browser(place), "bo")
    boss = signed_in(place, "Anna")
    page = boss.get("/accounts").text
    waiting = re.findall(r'action="/accounts/waiting/(\w+)"', page)
    assert len(waiting) == 2
    assert "Li Canary" in page
    assert post(boss, f"/accounts/waiting/{waiting[0]}", "/accounts", whose="reader").status_code == 200
    assert post(boss, f"/accounts/waiting/{waiting[0]}", "/accounts", whose="reader").status_code == 400
    assert sign_in(client).url.path == "/"
    with reading(place.engine) as session:
        assert session.scalar(select(Account.role).where(Account.name == "Li Canary")) == "reader"
    assert post(boss, f"/accounts/waiting/{waiting[1]}/forget", "/accounts").status_code == 200
    assert "/accounts/waiting/" not in boss.get("/accounts").text


def test_an_account_of_the_same_name_is_not_theirs(place: Workplace, provider: IdentityProvider) -> None:
    """Names are what people choose at the provider."""
    provider.people["mallory"] = {"preferred_username": " ANNA"}
    client = browser(place)
    answer = sign_in(client, "mallory", "/login/oidc?next=/account")
    assert "ANNA (2)" in answer.text
    assert client.get("/accounts").status_code == 403


def test_an_administrator_ties_an_account_to_a_person(tmp_path: Path, provider: IdentityProvider) -> None:
    place = opened(tmp_path, provider)
    li = account(place, "Dr Li", "annotator")
    client, boss = browser(place), signed_in(place, "Anna")
    sign_in(client)
    identity = re.search(r'action="/accounts/waiting/(\w+)"', boss.get("/accounts").text)[1]  # type: ignore[index]
    assert post(boss, f"/accounts/waiting/{identity}", "/accounts", whose="0" * 32).status_code == 400
    assert post(boss, f"/accounts/waiting/{identity}", "/accounts", whose=li).status_code == 200
    assert "Dr Li" in sign_in(client, path="/login/oidc?next=/account").text
    assert "through the identity provider" in boss.get("/accounts").text
    assert post(boss, f"/accounts/{li}", "/accounts", role="annotator").status_code == 200  # not active
    assert client.get("/account").url.path == "/login"
    assert "Your account is locked" in alert(sign_in(client).text)


def test_groups_give_roles(tmp_path: Path, provider: IdentityProvider) -> None:
    place = opened(
        tmp_path, provider, 'role_claim = "groups"', '[roles]\n"us-readers" = "reader"\n"us-chiefs" = "administrator"'
    )
    client = browser(place)

    def role() -> str | None:
        with reading(place.engine) as session:
            return session.scalar(select(Account.role).where(Account.name == "Li Canary"))

    assert "none of your groups" in alert(sign_in(client).text)
    assert role() is None
    for groups, expected in (
        (["us-readers", "canteen"], "reader"),
        (["us-readers", "us-chiefs"], "administrator"),
        ("us-readers", "reader"),
    ):
        provider.people["li"]["groups"] = groups
        assert sign_in(client).url.path == "/"
        assert role() == expected
    for groups in (["canteen"], [], {"us-chiefs": 1}, [["us-chiefs"]], 3):
        provider.people["li"]["groups"] = groups
        assert "none of your groups" in alert(sign_in(browser(place)).text)


def test_the_last_administrator_stays_one_whatever_the_groups_say(tmp_path: Path, provider: IdentityProvider) -> None:
    place = opened(tmp_path, provider, 'role_claim = "groups"', '[roles]\nchiefs = "administrator"\nstaff = "viewer"')
    provider.people["li"]["groups"] = ["chiefs"]
    sign_in(browser(place))
    with writing(place.engine) as session:
        session.scalars(select(Account).where(Account.name == "Anna")).one().disabled = True
    provider.people["li"]["groups"] = ["staff"]
    assert sign_in(browser(place)).url.path == "/"
    with reading(place.engine) as session:
        assert session.scalar(select(Account.role).where(Account.name == "Li Canary")) == "administrator"


@pytest.mark.parametrize(
    "claims",
    [
        {"preferred_username": 3},
        {"preferred_username": ""},
        {"preferred_username": "\u202e\u0000 \n"},
        {"preferred_username": "x" * 5000},
        {"preferred_username": "\ufdfa" * 80},
        {"preferred_username": "<script>alert(1)</script>"},
    ],
)
def test_odd_names(place: Workplace, provider: IdentityProvider, claims: dict[str, Any]) -> None:
    provider.people["li"] = claims
    answer = sign_in(browser(place))
    assert (answer.status_code, answer.url.path) == (200, "/")
    assert "<script>alert" not in answer.text


def test_without_a_provider_there_is_nothing(tmp_path: Path) -> None:
    place = workplace(tmp_path / "data", login=True)
    account(place, "Anna", "administrator")
    client = browser(place)
    assert "/login/oidc" not in client.get("/login").text
    assert client.get("/login/oidc").status_code == 404
    assert client.get("/login/oidc/return").status_code == 404


def test_an_account_without_a_password_takes_none(place: Workplace) -> None:
    sign_in(browser(place))
    for password in ("", "!", "x" * 12):
        answer = post(browser(place), "/login", "/login", name="Li Canary", password=password)
        assert answer.status_code in (401, 422)
