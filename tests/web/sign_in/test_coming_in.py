"""Signing in through a real identity provider on loopback, and everything that may be wrong with what comes back."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

pytest.importorskip("authlib", reason="the extra oidc is not installed")
pytest.importorskip("fastapi", reason="the extra web is not installed")

from sqlalchemy import select

from helpers.identity_provider import IdentityProvider, identity_provider, settings_file
from helpers.oidc_client import OPEN, alert, at_provider, entries, leave, opened, sign_in
from helpers.web_client import account, browser, post, workplace
from usnet.store.database import reading
from usnet.web.oidc.attempt import Attempt
from usnet.web.tables import Account, Identity, LoginFailure
from usnet.web.workplace import Workplace


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
