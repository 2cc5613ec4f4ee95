"""Signing in through a real identity provider on loopback, and everything that may be wrong with what comes back."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

pytest.importorskip("authlib", reason="the extra oidc is not installed")
pytest.importorskip("fastapi", reason="the extra web is not installed")

import requests
from sqlalchemy import select
from starlette.testclient import TestClient

from helpers.identity_provider import IdentityProvider, identity_provider, settings_file
from helpers.web_client import account, browser, post, signed_in, workplace
from usnet.errors import ConfigError, MissingExtra
from usnet.store import chain
from usnet.store.database import reading, writing
from usnet.web.oidc.attempt import Attempt
from usnet.web.oidc.config import is_safe, load
from usnet.web.tables import Account, Identity, LoginFailure
from usnet.web.workplace import Workplace

OPEN = 'new_accounts = "viewer"'


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with identity_provider(li={"preferred_username": "Li Canary"}, bo={"name": "Bo"}) as running:
        yield running


@pytest.fixture
def place(tmp_path: Path, provider: IdentityProvider) -> Workplace:
    """Who comes first time becomes a viewer."""
    return opened(tmp_path, provider, OPEN)


def opened(folder: Path, provider: IdentityProvider, text: str = "", tables: str = "") -> Workplace:
    file = settings_file(folder, provider, text, tables)
    made = workplace(folder / "data", oidc=str(file))
    with reading(made.engine) as session:
        known = session.scalar(select(Account.id).where(Account.name_key == "anna"))
    if known is None:
        account(made, "Anna", "administrator")
    return made


def leave(client: TestClient, path: str = "/login/oidc") -> str:
    """Address at the provider that the button leads to."""
    answer = client.get(path, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def at_provider(url: str, user: str) -> str:
    """What a person does at the provider; returns path and query of where it sends the browser."""
    answer = requests.post(url, data={"user": user}, allow_redirects=False, timeout=20)
    parts = urlsplit(answer.headers["location"])
    assert parts.netloc == "127.0.0.1", "it leads back to this server"
    return f"{parts.path}?{parts.query}"


def sign_in(client: TestClient, user: str = "li", path: str = "/login/oidc") -> Any:
    return client.get(at_provider(leave(client, path), user))


def alert(page: str) -> str:
    found = re.search(r'role="alert">([^<]+)', page)
    return found[1] if found else ""


def entries(place: Workplace) -> list[chain.Entry]:
    with reading(place.engine) as session:
        assert chain.verify(session, place.audit_key, "web") == []
        return list(chain.read(session, "web"))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_in_and_out(place: Workplace, provider: IdentityProvider, algorithm: str) -> None:
    provider.algorithm = algorithm
    client = browser(place)
    assert 'href="/login/oidc?next=/account"' in client.get("/account").text
    answer = sign_in(client, path="/login/oidc?next=/account")
    assert (answer.status_code, answer.url.path) == (200, "/account")
    assert "Li Canary" in answer.text
    assert "Old password" not in answer.text, "there is none to change"
    assert client.get("/accounts").status_code == 403, "a viewer"
    cookie = answer.history[-1].headers.get_list("set-cookie")
    assert any("usnet_session=" in c and "HttpOnly" in c and "SameSite=lax" in c for c in cookie)
    assert post(client, "/logout").url.path == "/login"
    assert client.get("/account").url.path == "/login"
    assert [e.action for e in entries(place)] == ["account made", "login", "logout"]
    assert "Canary" not in repr(entries(place))


def test_the_second_time_it_is_the_same_account(place: Workplace, provider: IdentityProvider) -> None:
    sign_in(browser(place))
    provider.people["li"] = {"preferred_username": "Li Chen", "email": "other@example.org"}
    assert "Li Canary" in sign_in(browser(place)).text, "the account's name stays"
    sign_in(browser(place), "bo")
    with reading(place.engine) as session:
        rows = {row.subject: row for row in session.scalars(select(Identity))}
        names = set(session.scalars(select(Account.name)))
    assert set(rows) == {"li", "bo"}
    assert rows["li"].account != rows["bo"].account
    assert names == {"Anna", "Li Canary", "Bo"}


def test_what_the_provider_is_asked(place: Workplace, provider: IdentityProvider) -> None:
    client = browser(place)
    sent = {name: values[0] for name, values in parse_qs(urlsplit(leave(client)).query).items()}
    assert sent["response_type"] == "code"
    assert sent["code_challenge_method"] == "S256"
    assert sent["redirect_uri"] == "http://127.0.0.1/login/oidc/return"
    assert sent["scope"] == "openid profile"
    assert "prompt" not in sent
    assert len({sent["state"], sent["nonce"], sent["code_challenge"]}) == 3
    again = {name: values[0] for name, values in parse_qs(urlsplit(leave(client)).query).items()}
    for name in ("state", "nonce", "code_challenge"):
        assert again[name] != sent[name]
    provider.requests.clear()
    sign_in(client)
    form = next(form for path, form in provider.requests if path == "/token")
    assert 43 <= len(form["code_verifier"]) <= 128
    assert "client_secret" not in form, "it goes into the header"


def test_after_signing_out_the_provider_asks_again(place: Workplace, provider: IdentityProvider) -> None:
    client = browser(place)
    sign_in(client)
    page = post(client, "/logout")
    link = re.search(r'href="(/login/oidc[^"]+)"', page.text)
    assert link
    assert "prompt=login" in leave(client, link[1].replace("&amp;", "&"))
    assert f"{provider.url}/logout?client_id=" in page.text
    assert "Clinic ID" in page.text


@pytest.mark.parametrize(
    ("fault", "words", "status"),
    [
        ("signature", "is not signed by it", 403),
        ("changed", "is not signed by it", 403),
        ("none", "is not signed by it", 403),
        ("hmac", "is not signed by it", 403),
        ("unknown key", "is not signed by it", 403),
        ("audience", "was meant for another server", 403),
        ("several audiences", "was meant for another server", 403),
        ("azp", "was meant for another server", 403),
        ("expired", "has expired", 403),
        ("nonce", "belongs to another sign-in", 403),
        ("no nonce", "belongs to another sign-in", 403),
        ("issuer", "is not complete", 403),
        ("future", "is not complete", 403),
        ("no subject", "is not complete", 403),
        ("long subject", "is not complete", 403),
        ("at_hash", "is not complete", 403),
        ("no id token", "is not complete", 403),
        ("denied", "did not sign you in", 403),
        ("token endpoint broken", "does not answer", 503),
    ],
)
@pytest.mark.parametrize("algorithm", ["RS256"])
def test_what_is_wrong_signs_nobody_in(
    place: Workplace, provider: IdentityProvider, fault: str, words: str, status: int, algorithm: str
) -> None:
    provider.algorithm, provider.fault = algorithm, fault
    client = browser(place)
    answer = sign_in(client)
    assert answer.status_code == status
    assert words in alert(answer.text)
    assert "Clinic ID" in alert(answer.text)
    assert "<script>alert" not in answer.text
    assert client.get("/account").url.path == "/login"
    assert entries(place)[-1].action == "login refused"
    with reading(place.engine) as session:
        assert session.scalar(select(Identity.id)) is None
    provider.fault = ""
    assert sign_in(client).status_code == 200, "the next one is right"


@pytest.mark.parametrize(
    ("fault", "words", "status"),
    [
        ("other issuer's document", "do not fit together", 502),
        ("plain http", "do not fit together", 502),
        ("broken", "does not answer", 503),
        ("moved", "does not answer", 503),
    ],
)
def test_a_provider_that_is_not_well(
    place: Workplace, provider: IdentityProvider, fault: str, words: str, status: int
) -> None:
    provider.fault = fault
    client = browser(place)
    answer = client.get("/login/oidc")
    assert answer.status_code == status
    assert words in alert(answer.text)
    assert post(client, "/login", "/login", name="Anna", password="correct horse battery").status_code == 200


def test_a_provider_that_is_not_there(tmp_path: Path) -> None:
    with identity_provider() as gone:
        file = settings_file(tmp_path, gone)
    place = workplace(tmp_path / "data", oidc=str(file))
    account(place, "Anna", "administrator")
    answer = browser(place).get("/login/oidc")
    assert answer.status_code == 503
    assert "Clinic ID does not answer" in alert(answer.text)
    with reading(place.engine) as session:
        assert session.scalar(select(LoginFailure.key)) is None, "nobody has to wait for it"


def test_the_wrong_secret(place: Workplace, provider: IdentityProvider) -> None:
    provider.secret = "another"
    answer = sign_in(browser(place))
    assert answer.status_code == 502
    assert "do not fit together" in alert(answer.text)


def test_a_public_client(tmp_path: Path, provider: IdentityProvider) -> None:
    provider.secret = None
    assert sign_in(browser(opened(tmp_path, provider, OPEN))).status_code == 200


def test_new_keys_are_fetched(place: Workplace, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    client = browser(place)
    sign_in(client)
    provider.new_keys()
    assert "is not signed by it" in alert(sign_in(client).text), "but not for every unknown key at once"
    monkeypatch.setattr("usnet.web.oidc.provider.REFETCH", -1.0)
    assert sign_in(client).url.path == "/"


def test_another_state_browser_or_time(place: Workplace, provider: IdentityProvider) -> None:
    client, words = browser(place), "begun in another browser"
    back = at_provider(leave(client), "li")
    assert words in alert(browser(place).get(back).text), "a stranger's browser with a stolen address"
    other = re.sub(r"state=[^&]+", "state=x", back)
    assert words in alert(client.get(other).text)
    assert words in alert(client.get(back).text), "the attempt ended with the wrong answer"
    back = at_provider(leave(client), "li")
    assert words in alert(client.get(back.replace("iss=", "iss=x")).text), "RFC 9207"
    for path in ("/login/oidc/return", "/login/oidc/return?state=&code=x", "/login/oidc/return?error=x"):
        assert client.get(path).status_code == 400
    signed = Attempt("s", "/", 1).keep
    from starlette.responses import Response

    old = Response()
    signed(place, old, secure=False)
    cookie = old.headers["set-cookie"].split(";")[0]
    answer = client.get("/login/oidc/return?state=s&code=x", headers={"cookie": cookie})
    assert words in alert(answer.text), "too long ago"


def test_a_code_counts_once(place: Workplace, provider: IdentityProvider) -> None:
    client = browser(place)
    url = leave(client)
    cookie = client.cookies["usnet_oidc"]
    back = at_provider(url, "li")
    assert client.get(back).url.path == "/"
    stranger = browser(place)
    answer = stranger.get(back, headers={"cookie": f"usnet_oidc={cookie}"})
    assert "does not know this sign-in any more" in alert(answer.text)


@pytest.mark.parametrize("forged", ["", "x", "a.b.c.d", "a.9999999999.Lw==." + "0" * 64, "é", "." * 50])
def test_a_forged_attempt(place: Workplace, forged: str) -> None:
    headers = {"cookie": f"usnet_oidc={forged}".encode("latin-1")}
    assert browser(place).get("/login/oidc/return?state=a&code=b", headers=headers).status_code == 400


def test_it_leads_to_this_server_only(place: Workplace, provider: IdentityProvider) -> None:
    for evil in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:x"):
        client = browser(place)
        assert sign_in(client, path=f"/login/oidc?next={evil}").url.path == "/"


def test_many_wrong_ones_have_to_wait(place: Workplace) -> None:
    client = browser(place)
    for _ in range(20):
        assert client.get("/login/oidc/return?state=a&code=b").status_code == 400
    answer = client.get("/login/oidc/return?state=a&code=b")
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1


def test_nothing_secret_is_logged(
    place: Workplace, provider: IdentityProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = browser(place)
    sign_in(client)
    for provider.fault in ("signature", "nonce", "audience", "expired"):
        sign_in(client)
    ours = "\n".join(r.getMessage() for r in caplog.records if r.name.startswith("usnet"))
    assert "signature" in ours
    secrets = [*provider.tokens, *(form["code"] for path, form in provider.requests if path == "/token")]
    secrets += [form["code_verifier"] for path, form in provider.requests if path == "/token"] + [str(provider.secret)]
    everything = ours + repr(entries(place))
    assert len(secrets) > 10
    assert not [secret for secret in secrets if secret in everything]
    assert "Canary" not in everything


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


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://id.example.org/realms/a", True),
        ("http://127.0.0.1:9/x", True),
        ("http://localhost", True),
        ("http://id.example.org", False),
        ("http://127.0.0.1.evil.example", False),
        ("https://user@id.example.org", False),
        ("ftp://127.0.0.1", False),
        ("https://", False),
        (None, False),
        (3, False),
    ],
)
def test_only_https_or_this_machine(url: object, safe: bool) -> None:
    assert is_safe(url) is safe


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('issuer = "http://id.example.org"\nclient_id = "x"', "http"),
        ('issuer = "https://id.example.org"', "client_id"),
        ('issuer = "https://id.example.org"\nclient_id = "x"\nrole_claim = "groups"', "need one another"),
        ('issuer = "https://id.example.org"\nclient_id = "x"\nscopes = ["profile"]', "openid"),
        ('issuer = "https://id.example.org"\nclient_id = "x"\nnew_accounts = "administrator"', "new_accounts"),
        ('issuer = "https://id.example.org"\nclient_id = "x"\nclient_sercet_file = "x"', "client_secret_file"),
        ('issuer = "https://id.example.org"\nclient_id = "x"\nclient_secret_file = "none"', "secret"),
        ("issuer =", "TOML"),
    ],
)
def test_a_wrong_file_is_said_at_the_start(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "oidc.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=said):
        workplace_app(tmp_path, file)


def workplace_app(folder: Path, file: Path) -> None:
    browser(workplace(folder / "data", oidc=str(file)))


def test_others_need_the_address(tmp_path: Path) -> None:
    file = tmp_path / "oidc.toml"
    text = 'issuer = "https://id.example.org"\nclient_id = "x"\n'
    file.write_text(text)
    assert load(file, "127.0.0.1").address is None
    with pytest.raises(ConfigError, match="'address' is not set"):
        load(file, "0.0.0.0")
    file.write_text(text + 'address = "https://usnet.example.org"')
    assert load(file, "0.0.0.0").address == "https://usnet.example.org"


def test_the_extra_is_named(tmp_path: Path, provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    import usnet.extras

    found = usnet.extras.find_spec
    monkeypatch.setattr(usnet.extras, "find_spec", lambda name: None if name == "authlib" else found(name))
    with pytest.raises(MissingExtra, match=r"pip install 'usnet\[oidc\]'"):
        browser(workplace(tmp_path / "data", oidc=str(settings_file(tmp_path, provider))))


def test_doctor_asks_the_provider(tmp_path: Path, provider: IdentityProvider) -> None:
    from usnet.cli.doctor import identity_provider as look
    from usnet.errors import UsnetError

    file = settings_file(tmp_path, provider)
    (tmp_path / "oidc.secret").chmod(0o600)
    assert [note.grade for note in look(file)] == ["good"]
    (tmp_path / "oidc.secret").chmod(0o644)
    assert [note.grade for note in look(file)] == ["unsafe", "good"]
    provider.fault = "broken"
    with pytest.raises(UsnetError, match="status 500"):
        list(look(file))
    assert list(look(None)) == []
