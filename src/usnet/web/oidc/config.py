"""The file of ``usnet serve --oidc``: which identity provider, and who may come in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from usnet.errors import ConfigError
from usnet.training.config import Settings, read_config
from usnet.web.roles import Role
from usnet.web.settings import is_loopback

SECRET = "USNET_OIDC_SECRET"
"""Environment variable that holds the client's secret, instead of a file."""


def is_safe(url: object) -> bool:
    """Whether what is said to a URL stays between the two: https, or this machine alone."""
    parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
    if not parts.hostname or parts.username or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))


class OidcSettings(Settings):
    """The identity provider and the rules for whom it sends."""

    issuer: str = Field(description="the provider's issuer, exactly as it writes it; https, or http on this machine")
    client_id: str = Field(min_length=1, description="what the provider calls this server")
    client_secret_file: Path | None = Field(
        None, description="holds the client's secret; without file and variable it is a public client"
    )
    label: str = Field("single sign-on", min_length=1, max_length=60, description="what the button says")
    address: str | None = Field(
        None, description="by which browsers reach this server, e.g. https://usnet.example.org; needed off loopback"
    )
    scopes: tuple[str, ...] = Field(("openid", "profile"), description="what is asked for")
    name_claim: str = Field("preferred_username", description="claim that becomes a new account's name")
    new_accounts: Literal["ask", "viewer", "annotator", "reader"] = Field(
        "ask", description="who comes first time waits for an administrator, or gets this role"
    )
    role_claim: str | None = Field(None, description="claim that lists a person's groups")
    roles: dict[str, Role] = Field({}, description="group to role; who is in none is not let in")
    authorities: Path | None = Field(None, description="PEM of the provider's certificate authority; else the system's")

    @field_validator("issuer", "address")
    @classmethod
    def _safe(cls, url: str | None) -> str | None:
        if url is not None and (not is_safe(url) or urlsplit(url).query):
            raise ValueError("expected https://..., or http://... on this machine, without user, query and fragment")
        return url

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if "openid" not in self.scopes:
            raise ValueError("scopes must contain 'openid'")
        if bool(self.roles) != (self.role_claim is not None):
            raise ValueError("role_claim and [roles] need one another")
        return self

    @property
    def client_secret(self) -> str | None:
        """The secret, of the environment or the file.

        Raises
        ------
        ConfigError
            The file cannot be read, or is empty.
        """
        given = os.environ.get(SECRET)
        if given or self.client_secret_file is None:
            return given or None
        try:
            secret = self.client_secret_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError("the secret cannot be read", source=self.client_secret_file) from error
        if not secret:
            raise ConfigError("no secret in it", source=self.client_secret_file)
        return secret


def load(path: Path, host: str) -> OidcSettings:
    """Read the file for a server that listens on ``host``; paths in it start at its folder.

    Raises
    ------
    ConfigError
        It is missing, no TOML, or says something that does not fit.
    """
    found = read_config(OidcSettings, path)
    if found.address is None and not is_loopback(host):
        raise ConfigError(
            f"others reach this server at {host}, and 'address' is not set",
            source=path,
            expected='address = "https://..."',
            hint="The provider sends people back to it",
        )
    files = {name: getattr(found, name) for name in ("client_secret_file", "authorities")}
    return found.model_copy(update={name: path.parent / file for name, file in files.items() if file is not None})
