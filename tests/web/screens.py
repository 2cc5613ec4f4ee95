"""What a person does on the pages, for the browser tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WAIT = 120_000
"""Milliseconds: the machine may be busy."""


def open_page(
    browser: Any, url: str, *, width: int = 1440, height: int = 900, theme: str = "light", **more: Any
) -> Any:
    """A page in a context of its own whose script errors fail the test: see ``page.faults``."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=theme, **more)
    context.set_default_timeout(WAIT)
    page = context.new_page()
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda m: page.faults.append(m.text) if m.type == "error" else None)
    page.goto(url)
    return page


def upload(page: Any, *files: Path) -> str:
    """Choose files on the first page and wait for the findings; returns the address of the view."""
    page.set_input_files("#files", [str(file) for file in files])
    page.wait_for_url("**/exams/*/views/*")
    page.wait_for_selector('[data-part="call"] .label', state="attached")
    return str(page.url)
