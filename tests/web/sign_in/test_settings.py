"""The file that names an identity provider: what is refused at the start, and what doctor says of it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("authlib", reason="the extra oidc is not installed")
pytest.importorskip("fastapi", reason="the extra web is not installed")


from helpers.identity_provider import IdentityProvider, settings_file
from helpers.web_client import browser, workplace
from usnet.errors import ConfigError, MissingExtra
from usnet.web.oidc.config import is_safe, load


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
