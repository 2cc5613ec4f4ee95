"""Servers, browsers and phantom images for the tests of the workplace."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from helpers.web_server import Server, serving

pytest.importorskip("fastapi", reason="the extra web is not installed")

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM = "/usr/bin/chromium"
SWITCHES = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
    *("--disable-sync", "--no-first-run"),
]


@pytest.fixture(scope="session")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``one.png``, ``two.png``, ``scan.dcm`` (calibrated), ``cine.dcm`` (12 frames) and ``doppler.png``."""
    import numpy as np
    from PIL import Image

    from usnet.phantoms.cine import simulate_cine
    from usnet.phantoms.dicom import Exam, write_cine, write_image
    from usnet.phantoms.simulate import simulate

    folder = tmp_path_factory.mktemp("phantoms")
    exam = Exam("web", "P-7", 50, "female")
    malignant = simulate(3, label="malignant", size=(384, 300))
    write_image(folder / "scan.dcm", malignant, exam)
    write_image(folder / "earlier.dcm", simulate(4, label="malignant", size=(384, 300)), exam)
    Image.fromarray(simulate(5, label="malignant").pixels).save(folder / "one.png")
    Image.fromarray(simulate(8, label="benign").pixels).save(folder / "two.png")
    write_cine(folder / "cine.dcm", list(simulate_cine(3, 12, label="benign")), exam, 50.0)
    colour = np.stack([simulate(9, label="benign").pixels] * 3, axis=-1)
    colour[60:120, 60:160] = (200, 30, 30)
    Image.fromarray(colour).save(folder / "doppler.png")
    return folder


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of this machine alone, with the shipped model and one worker."""
    with serving(tmp_path_factory.mktemp("server") / "data", "--workers", "1") as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's chromium without a screen; skips where it is missing."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not os.path.exists(CHROMIUM):
        pytest.skip(f"no {CHROMIUM} (Debian: chromium)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One pytest worker runs these: they share a server and a browser."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("web"))
