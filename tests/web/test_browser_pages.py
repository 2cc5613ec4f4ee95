"""Every page with axe in light and dark at two widths, its pictures for the docs, in Chinese, and without a network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from screens import open_page, upload

from helpers.web_server import Server, serving

pytestmark = pytest.mark.browser
AXE = (Path(__file__).parent / "vendor" / "axe-4.14.1.min.js").read_text(encoding="utf-8")
PICTURES = Path(__file__).resolve().parents[2] / "docs" / "images" / "web"
WIDTHS = (360, 1440)
THEMES = [
    ("light", 360),
    ("dark", 1440),
    pytest.param("light", 1440, marks=pytest.mark.slow),
    pytest.param("dark", 360, marks=pytest.mark.slow),
]
"""Each theme and each width once, and the other pairs when there is time."""


@pytest.fixture(scope="module")
def addresses(server: Server, chromium: Any, phantoms: Path) -> dict[str, str]:
    """Pages by name, with something on each."""
    page = open_page(chromium, server.url)
    view = upload(page, phantoms / "scan.dcm")
    page.goto(server.url)
    earlier = upload(page, phantoms / "earlier.dcm")
    page.goto(server.url)
    cine = upload(page, phantoms / "cine.dcm")
    page.goto(server.url)
    page.set_input_files("#files", str(phantoms / "doppler.png"))
    page.get_by_text("There is no result for this exam.").wait_for()
    doppler = page.url
    page.goto(server.url)
    page.set_input_files("#files", files=[{"name": "letter.txt", "mimeType": "text/plain", "buffer": b"no image"}])
    page.get_by_text("There is no result for this exam.").wait_for()
    failed = page.url
    first, second = (address.rpartition("/")[2] for address in (earlier, view))
    page.context.close()
    return {
        "home": server.url + "/",
        "view": view,
        "cine": cine,
        "doppler": doppler,
        "failed": failed,
        "views": f"{server.url}/compare?a={first}&b={second}",
        "prior": f"{server.url}/compare?a={first}&b={second}&as=prior",
        "account": server.url + "/account",
        "accounts": server.url + "/accounts",
        "missing": server.url + "/nowhere",
    }


def faults(page: Any) -> list[str]:
    """What axe calls serious or critical."""
    page.evaluate(AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{v['id']}: {v['help']} {[n['target'] for n in v['nodes'][:3]]}"
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    ]


def faults_and_width(page: Any) -> list[str]:
    """What :func:`faults` finds, and by how much the page is wider than the window."""
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [*faults(page), *([f"{wide} px too wide"] if wide > 0 else [])]


@pytest.mark.parametrize(("theme", "width"), THEMES)
def test_axe_on_every_page(chromium: Any, addresses: dict[str, str], theme: str, width: int) -> None:
    page = open_page(chromium, addresses["home"], width=width, theme=theme, bypass_csp=True)
    wrong = {}
    for name, address in addresses.items():
        page.goto(address)
        if name in ("view", "cine", "views", "prior"):
            page.wait_for_selector("g.box", state="attached")
        if found := faults_and_width(page):
            wrong[name] = found
    assert wrong == {}


def test_320_pixels_and_4k(chromium: Any, addresses: dict[str, str]) -> None:
    for width, height in ((320, 640), (3840, 2160)):
        page = open_page(chromium, addresses["view"], width=width, height=height)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.get_by_text("Research use only.").is_visible()
        page.context.close()


def test_the_notice_stays_in_sight(chromium: Any, addresses: dict[str, str]) -> None:
    for name, address in addresses.items():
        page = open_page(chromium, address, height=600)
        page.mouse.wheel(0, 5000)
        assert page.locator(".research").bounding_box()["y"] >= 0, name
        page.context.close()


def test_in_chinese(chromium: Any, addresses: dict[str, str]) -> None:
    page = open_page(chromium, addresses["view"], locale="zh-CN")
    assert page.locator("html").get_attribute("lang") == "zh"
    page.get_by_role("heading", name="模型意见").wait_for()
    assert "恶性" in page.locator("g.box").first.get_attribute("aria-label")
    page.get_by_role("button", name="English").click()
    page.get_by_role("heading", name="The model's opinion").wait_for()
    page.get_by_role("button", name="dark", exact=True).click()
    page.locator('html[data-theme="dark"]').wait_for(state="attached")


@pytest.mark.skipif("USNET_PICTURES" not in os.environ, reason="draws the docs' pictures anew; set USNET_PICTURES=1")
def test_pictures_for_the_docs(chromium: Any, addresses: dict[str, str]) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, address in addresses.items():
        for width in WIDTHS:
            theme = "dark" if name in ("cine", "prior") else "light"
            page = open_page(chromium, address, width=width, height=900 if width > 500 else 780, theme=theme)
            page.wait_for_load_state("networkidle")
            page.screenshot(path=PICTURES / f"{name}-{width}.png", full_page=width > 500)
            page.context.close()


def test_sign_in_pages(chromium: Any, tmp_path: Path) -> None:
    """First administrator, signing in and out, in the browser and by keyboard; axe on both pages."""
    with serving(tmp_path / "data", "--login", "--workers", "1") as server:
        page = open_page(chromium, server.url, bypass_csp=True)
        assert page.url.endswith("/setup")
        assert faults(page) == []
        while "token" not in (text := server.log.read_text()):
            page.wait_for_timeout(100)
        page.keyboard.type(text.strip().rpartition(": ")[2])
        page.keyboard.press("Tab")
        page.keyboard.type("Anna")
        page.keyboard.press("Tab")
        page.keyboard.type("a long enough password")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Sign out").click()
        page.wait_for_url("**/login")
        assert faults(page) == []
        page.get_by_label("Name").fill("Anna")
        page.get_by_label("Password").fill("wrong password")
        page.keyboard.press("Enter")
        page.get_by_text("Name or password is wrong.").wait_for()
        page.get_by_label("Name").fill("Anna")
        page.get_by_label("Password").fill("a long enough password")
        page.keyboard.press("Enter")
        page.get_by_text("Drop breast ultrasound images here").wait_for()


def test_with_the_network_cut(phantoms: Path, tmp_path: Path) -> None:
    """Server, worker and browser in a network namespace with nothing but loopback: page, job, box and report still work."""
    if not Path("/usr/bin/chromium").exists():
        pytest.skip("no /usr/bin/chromium (Debian: chromium)")
    if subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let us make a network namespace")
    script = Path(__file__).parent / "offline.py"
    inner = f"ip link set lo up && exec {sys.executable} {script} {phantoms / 'scan.dcm'} {tmp_path / 'data'}"
    done = subprocess.run(
        ["unshare", "-rn", "sh", "-c", inner], capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all of it worked" in done.stdout
