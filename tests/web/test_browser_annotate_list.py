"""Two thousand images on one page: what is out of sight costs nothing, and the keyboard reaches the last one."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from screens import open_page
from test_browser_pages import faults_and_width

from helpers.annotation import make
from helpers.web_client import browser as client_of
from helpers.web_client import workplace
from helpers.web_server import serving
from usnet.datasets.records import Dataset, ImageRecord, save

pytestmark = pytest.mark.browser
logger = logging.getLogger(__name__)
"""Numbers worth seeing: ``pytest --log-cli-level=INFO``."""

COUNT = 2000
MANY = 600
"""Far fewer than all, and more than five screens hold."""
LAID_OUT = (
    "[...document.querySelectorAll('.thumbs a')].filter(a => a.checkVisibility({contentVisibilityAuto: true})).length"
)
DRAWN = "[...document.querySelectorAll('.thumb')].filter(t => t.style.backgroundImage).length"
NAME = "document.activeElement.querySelector('.name').textContent"


def big(folder: Path, count: int) -> Path:
    """A dataset of ``count`` images that differ in one pixel, for lists."""
    import numpy as np
    from PIL import Image

    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(1)
    base = rng.integers(0, 255, (60, 80), dtype=np.uint8)
    records = []
    for i in range(count):
        base.flat[i % base.size] ^= 255
        Image.fromarray(base).save(folder / "images" / f"{i:05d}.png", compress_level=1)
        records.append(ImageRecord(i + 1, f"{i:05d}.png", 80, 60, None))
    save(Dataset(folder, "many", tuple(records)))
    return folder


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The list of a project of two thousand images."""
    folder = tmp_path_factory.mktemp("many")
    big(folder / "root" / "many", COUNT)
    made = workplace(folder / "data", roots=(str(folder / "root"),))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda _file: None)  # eight thousand waits for the disk tell nothing here
        number = make(client_of(made), made)
    made.engine.dispose()
    with serving(folder / "data", "--workers", "1", "--root", str(folder / "root")) as running:
        yield f"{running.url}/annotate/{number}"


def opened(browser: Any, address: str, **more: Any) -> Any:
    """The list, once the first thumbnails are set."""
    page = open_page(browser, address, **more)
    page.wait_for_function("document.querySelector('.thumb').style.backgroundImage !== ''")
    return page


def test_what_is_out_of_sight_costs_nothing(address: str, chromium: Any) -> None:
    """Neither asked for nor laid out, at the top and after a scroll to the end; the time of each frame is logged."""
    page = opened(chromium, address)
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url) if r.url.endswith("/thumb") else None)
    page.reload()
    page.wait_for_function("document.querySelector('.thumb').style.backgroundImage !== ''")
    while not asked:
        page.wait_for_timeout(50)
    assert page.locator(".thumbs li").count() == COUNT
    assert len(asked) < MANY, "thumbnails come as they are scrolled to"
    assert 0 < page.evaluate(LAID_OUT) < MANY
    high = page.evaluate("document.body.scrollHeight")
    timing = page.evaluate(SCROLL)
    page.wait_for_function("[...document.querySelectorAll('.thumb')].at(-1).style.backgroundImage !== ''")
    assert page.evaluate(DRAWN) < MANY, "and go when they are far away"
    assert 0 < page.evaluate(LAID_OUT) < MANY
    assert page.evaluate("document.body.scrollHeight") == pytest.approx(high, abs=2), "the scroll bar did not jump"
    logger.info("list of %d: %s, %d thumbnails asked for", COUNT, json.dumps(timing), len(asked))
    assert page.faults == []


SCROLL = """async () => {
  const load = performance.getEntriesByType('navigation')[0];
  const paint = performance.getEntriesByName('first-contentful-paint')[0];
  const frames = [];
  let last = performance.now();
  for (let y = 0; y < document.body.scrollHeight; y += 400) {
    window.scrollTo(0, y);
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - last);
    last = now;
  }
  frames.sort((a, b) => a - b);
  return {painted: paint?.startTime, ready: load.domContentLoadedEventEnd, frames: frames.length,
          median: frames[frames.length >> 1], p95: frames[Math.floor(frames.length * .95)], longest: frames[frames.length - 1]};
}"""


def test_the_keyboard_reaches_every_image(address: str, chromium: Any) -> None:
    page = opened(chromium, address)
    page.locator(".thumbs a").first.focus()
    page.keyboard.press("End")
    assert page.evaluate(NAME) == "01999.png"
    page.wait_for_function("document.activeElement.getBoundingClientRect().bottom <= innerHeight")
    columns = page.evaluate("Number(getComputedStyle(document.querySelector('.thumbs')).getPropertyValue('--columns'))")
    page.keyboard.press("ArrowUp")
    assert page.evaluate(NAME) == f"{COUNT - 1 - columns:05d}.png"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.thumbs')") is None, "the list is one stop of Tab"
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(NAME) == f"{COUNT - 2 - columns:05d}.png"
    page.keyboard.press("Enter")
    page.locator("[data-part=place]", has_text=f"{COUNT - 1 - columns} / {COUNT}").wait_for()
    assert page.faults == []


def test_filter_closes_the_gaps(address: str, chromium: Any) -> None:
    """What a name leaves over fills the rows from the first on, and all come back in their order."""
    page = opened(chromium, address)
    page.locator('input[value="done"]').check()
    assert page.locator(".thumbs li").count() == 0
    page.locator('input[value=""]').check()
    page.locator("input[name=find]").fill("7.png")
    assert page.locator(".thumbs li").count() == COUNT // 10
    assert page.locator('[data-part="shown"]').text_content() == "200 of 2000 images shown"
    assert [group.locator("li").count() for group in page.locator(".thumbs").all()] == [24] * 8 + [8]
    page.locator(".thumbs a").first.focus()
    page.keyboard.press("End")
    assert page.evaluate(NAME) == "01997.png"
    page.locator("input[name=find]").fill("")
    names = page.evaluate("[...document.querySelectorAll('.thumbs .name')].map(n => n.textContent)")
    assert names == [f"{i:05d}.png" for i in range(COUNT)]


def test_no_group_ends_within_a_row(address: str, chromium: Any) -> None:
    page = opened(chromium, address)
    found = {}
    for width in (320, 480, 700, 1000, 1440, 1920, 3840):
        page.set_viewport_size({"width": width, "height": 900})
        lefts = page.evaluate(
            "[...document.querySelector('.thumbs').children].map(li => li.getBoundingClientRect().left)"
        )
        said = page.evaluate(
            "Number(getComputedStyle(document.querySelector('.thumbs')).getPropertyValue('--columns'))"
        )
        assert (len(lefts), len(set(lefts))) == (24, said), width
        found[width] = said
    assert all(24 % columns == 0 for columns in found.values()), found
    assert found[320] < found[1440]


@pytest.mark.parametrize(("width", "theme"), [(320, "dark"), (1440, "light")])
def test_no_fault_at_two_widths(address: str, chromium: Any, width: int, theme: str) -> None:
    assert faults_and_width(opened(chromium, address, width=width, theme=theme, bypass_csp=True)) == []
