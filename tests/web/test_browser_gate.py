"""The gate overruled in a real browser, by keyboard alone: refused, read all the same, warned of before any number."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from screens import open_page
from test_browser_pages import PICTURES, WIDTHS, faults_and_width

from helpers.web_server import Server

pytestmark = pytest.mark.browser


def test_overruled_by_keyboard(server: Server, chromium: Any, phantoms: Path) -> None:
    page = open_page(chromium, server.url, bypass_csp=True)
    page.set_input_files("#files", str(phantoms / "doppler.png"))
    page.get_by_text("There is no result for this exam.").wait_for()
    refused = page.url
    _tab_to(page, "document.activeElement.matches('.anyway > summary')")
    page.keyboard.press("Enter")
    page.get_by_text("I have looked at it").wait_for()
    assert faults_and_width(page) == []
    _picture(page, "gate-refused")
    button = "document.activeElement.matches('.anyway button')"
    _tab_to(page, button)
    page.keyboard.press("Enter")
    assert page.evaluate("document.querySelector('.anyway input[name=sure]').matches(':invalid')"), "not ticked"
    assert page.url == refused
    page.locator(".anyway input[name=sure]").focus()
    page.keyboard.press("Space")
    _tab_to(page, button)
    page.keyboard.press("Enter")
    page.wait_for_url("**/exams/*/views/*")
    page.get_by_text("It was read all the same, because a reader said").first.wait_for()
    assert faults_and_width(page) == []
    _picture(page, "gate-overruled")
    assert page.locator('[data-part="numbers"]').is_hidden(), "the warning comes before any number"
    _tab_to(page, "document.activeElement.matches('[data-part=anyway]')")
    page.keyboard.press("Enter")
    page.locator('[data-part="numbers"]').wait_for()
    assert page.faults == []


def _tab_to(page: Any, there: str) -> None:
    """Press Tab until the expression holds."""
    for _ in range(60):
        if page.evaluate(there):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reaches {there}")


def _picture(page: Any, name: str) -> None:
    """For the docs, where they are drawn anew."""
    if "USNET_PICTURES" not in os.environ:
        return
    before = page.viewport_size
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900 if width > 500 else 780})
        page.screenshot(path=PICTURES / f"{name}-{width}.png", full_page=width > 500)
    page.set_viewport_size(before)
