"""Run inside ``unshare -n``: what a radiologist does, with no network but loopback."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from playwright.sync_api import sync_playwright
from screens import open_page, upload

from helpers.web_server import serving

SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


def main() -> None:
    image, data = Path(sys.argv[1]), Path(sys.argv[2])
    try:
        socket.create_connection(("192.0.2.1", 80), timeout=2)
    except OSError:
        pass
    else:
        raise SystemExit("there is a network")
    with serving(data, "--workers", "1") as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=SWITCHES)
        page = open_page(browser, server.url)
        foreign: list[str] = []
        page.on(
            "request", lambda r: None if r.url.startswith((server.url, "data:", "blob:")) else foreign.append(r.url)
        )
        upload(page, image)
        page.locator(".stage svg").focus()
        page.keyboard.press("b")
        page.locator('g.box.own[aria-label*="probability"]').wait_for()
        for kind in ("html", "json", "pdf", "dicom"):
            with page.expect_download() as coming:
                page.locator(f'[data-report="{kind}"]').click()
            assert coming.value.path().stat().st_size > 100
        for path in ("/account", "/accounts", "/nowhere"):
            page.goto(server.url + path)
        assert foreign == [], foreign
        browser.close()
    sys.stdout.write("all of it worked\n")


if __name__ == "__main__":
    main()
