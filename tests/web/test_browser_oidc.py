"""The sign-in button in a real browser: to the identity provider, refused, let in by an administrator, signed in, signed out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("authlib", reason="the extra oidc is not installed")

from screens import open_page
from test_browser_pages import PICTURES, WIDTHS, faults_and_width

from helpers.identity_provider import identity_provider, settings_file
from helpers.web_client import PASSWORD, account, workplace
from helpers.web_server import serving

pytestmark = pytest.mark.browser


def test_in_and_out_by_keyboard(chromium: Any, tmp_path: Path) -> None:
    with identity_provider(li={"preferred_username": "Li Chen"}) as provider:
        place = workplace(tmp_path / "data", login=True)
        account(place, "Anna", "administrator")
        place.engine.dispose()
        file = settings_file(tmp_path, provider)
        with serving(tmp_path / "data", "--oidc", str(file), "--workers", "1") as server:
            page = open_page(chromium, server.url + "/account", bypass_csp=True)
            assert faults_and_width(page) == []
            _picture(page, "sign-in")
            _press(page, "Sign in with Clinic ID")
            page.wait_for_url(f"{provider.url}/authorize**")
            page.get_by_label("Who are you?").fill("li")
            page.keyboard.press("Enter")
            page.get_by_role("alert").get_by_text("Ask the administrator to let you in").wait_for()
            assert faults_and_width(page) == []
            _let_in(chromium, server.url)
            _press(page, "Sign in with Clinic ID")
            page.get_by_label("Who are you?").fill("li")
            page.keyboard.press("Enter")
            page.wait_for_url(server.url + "/account")
            assert page.locator(".who").inner_text() == "Li Chen"
            cookies = {cookie["name"]: cookie for cookie in page.context.cookies(server.url)}
            assert cookies["usnet_session"]["httpOnly"]
            assert "usnet_oidc" not in cookies, "it ends with the answer"
            page.get_by_role("button", name="Sign out").click()
            page.get_by_role("link", name="Sign out of Clinic ID too").click()
            page.wait_for_url(server.url + "/login")
            assert not [fault for fault in page.faults if "403" not in fault]  # the browser logs the refusal
            page.context.close()
        assert provider.tokens
        log = server.log.read_text()
        assert not [token for token in provider.tokens if token in log]


def _press(page: Any, name: str) -> None:
    """Reach a link by the Tab key and follow it."""
    link = page.get_by_role("link", name=name)
    link.wait_for()
    for _ in range(40):
        page.keyboard.press("Tab")
        if link.evaluate("e => e === document.activeElement"):
            break
    page.keyboard.press("Enter")


def _let_in(chromium: Any, url: str) -> None:
    boss = open_page(chromium, url + "/login?next=/accounts", bypass_csp=True)
    boss.get_by_label("Name").fill("Anna")
    boss.get_by_label("Password").fill(PASSWORD)
    boss.keyboard.press("Enter")
    boss.get_by_role("heading", name="Waiting to be let in").wait_for()
    assert faults_and_width(boss) == []
    _picture(boss, "waiting-people")
    boss.get_by_label("Account of Li Chen").select_option("reader")
    boss.get_by_role("button", name="Let in Li Chen").click()
    boss.get_by_role("heading", name="Waiting to be let in").wait_for(state="detached")
    assert boss.get_by_label("Role of Li Chen").input_value() == "reader"
    assert "through the identity provider" in boss.locator("main").inner_text()
    boss.context.close()


def _picture(page: Any, name: str) -> None:
    """For the docs, where they are drawn anew."""
    if "USNET_PICTURES" not in os.environ:
        return
    before = page.viewport_size
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 780})
        page.screenshot(path=PICTURES / f"{name}-{width}.png")
    page.set_viewport_size(before)
