"""Annotating in a real browser: by mouse, by keyboard alone, and a server that is killed."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from screens import WAIT, open_page

from helpers.web_server import Server, serving
from usnet.datasets.records import load

pytestmark = pytest.mark.browser
logger = logging.getLogger(__name__)
"""Numbers worth seeing: ``pytest --log-cli-level=INFO``."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the phantom dataset ``set`` of eight images."""
    from usnet.phantoms.writing import write_dataset

    folder = tmp_path_factory.mktemp("root")
    write_dataset(folder / "set", 8, 7, size=(300, 384))
    return folder


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("annotate") / "data"
    with serving(data, "--workers", "1", "--root", str(root)) as running:
        yield running


def project(browser: Any, url: str, *, start: str = "empty", name: str = "phantoms") -> Any:
    """A page with the images of a new project of the phantom dataset."""
    page = open_page(browser, f"{url}/annotate")
    page.locator("select[name=spot]").select_option(index=1)
    page.locator("input[name=name]").fill(name)
    page.locator(f'input[value="{start}"]').check()
    page.get_by_role("button", name="Make the project").click()
    page.locator(".sheet li").first.wait_for(timeout=WAIT)
    return page


def begin(page: Any) -> None:
    page.get_by_role("link", name=re.compile("Begin|Go on")).click()
    page.locator(".stage svg image").wait_for(state="attached")
    page.locator("[data-part=place]", has_text="/").wait_for()


def drag(page: Any, start: tuple[float, float], stop: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + stop[0]) / 2, (start[1] + stop[1]) / 2)
    page.mouse.move(*stop)
    page.mouse.up()


def saved(page: Any, version: int | None = None) -> None:
    text = "Saved, version" if version is None else f"Saved, version {version}"
    page.locator('[data-part="saved"]', has_text=text).wait_for()


def edge(page: Any, name: str) -> float:
    return float(page.locator("g.mark rect.edge").first.get_attribute(name))


def test_by_mouse(place: Server, chromium: Any) -> None:
    page = project(chromium, place.url)
    begin(page)
    area = page.locator(".stage svg").bounding_box()
    at = lambda x, y: (area["x"] + x * area["width"], area["y"] + y * area["height"])  # noqa: E731
    page.get_by_role("button", name="Draw a box").click()
    drag(page, at(0.3, 0.3), at(0.6, 0.7))
    saved(page)
    assert page.locator("g.mark").count() == 1
    drag(page, at(0.45, 0.5), at(0.5, 0.55))
    saved(page)
    x, width = edge(page, "x"), edge(page, "width")
    handle = page.locator('g.mark rect[data-handle="e"]').bounding_box()
    centre = (handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    drag(page, centre, (centre[0] + 40, centre[1]))
    assert edge(page, "width") > width
    assert edge(page, "x") == pytest.approx(x, abs=0.2)
    saved(page)
    page.locator('[data-field="label-0"]').select_option("malignant")
    page.locator('[data-field="birads-0"]').select_option("4B")
    assert "BI-RADS 4B" in page.locator("g.mark").get_attribute("aria-label")
    page.get_by_role("button", name="Undo").click()
    assert "not given" in page.locator("g.mark").get_attribute("aria-label")
    page.get_by_role("button", name="Redo").click()
    assert "BI-RADS 4B" in page.locator("g.mark").get_attribute("aria-label")
    page.get_by_label("Remark").fill("irregular <b>margin</b>")
    first = page.url
    page.get_by_role("button", name="Done, next image").click()
    page.wait_for_url(lambda url: url != first)
    page.get_by_label("Normal: there is no nodule").check()
    page.get_by_role("button", name="Done, next image").click()
    page.locator('[data-part="progress"]', has_text="2 of 8 done").wait_for()
    page.goto(first)
    page.locator("g.mark.malignant").wait_for(state="attached")
    assert page.get_by_label("Remark").input_value() == "irregular <b>margin</b>"
    page.get_by_text("History").click()
    page.locator(".history li").first.wait_for()
    assert page.locator(".history li").count() >= 4
    assert page.faults == []


def test_by_keyboard_alone(place: Server, chromium: Any) -> None:
    page = project(chromium, place.url)
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('.sheet') !== null"):
            break
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.locator("[data-part=place]", has_text="1 / 8").wait_for()
    page.keyboard.press("?")
    assert page.locator("dialog").is_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    assert "Draw a box first" in page.locator('[data-part="said"]').text_content()
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    x, width = edge(page, "x"), edge(page, "width")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Alt+ArrowRight")
    page.keyboard.press("Shift+ArrowLeft")
    assert edge(page, "x") == pytest.approx(x + 11, abs=0.2)
    assert edge(page, "width") == pytest.approx(width - 1, abs=0.2)
    page.keyboard.press("2")
    page.keyboard.press("g")
    page.keyboard.press("g")
    page.keyboard.press("Shift+G")
    assert "malignant, BI-RADS 0" in page.locator("g.mark").get_attribute("aria-label")
    page.keyboard.press("z")
    page.keyboard.press("z")
    page.keyboard.press("z")
    assert "unsure" not in page.locator("g.mark").get_attribute("class")
    page.keyboard.press("y")
    page.keyboard.press("y")
    page.keyboard.press("Control+y")
    assert "malignant, BI-RADS 0" in page.locator("g.mark").get_attribute("aria-label")
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    assert page.locator("g.mark").count() == 2
    page.keyboard.press("Delete")
    assert page.locator("g.mark").count() == 1
    page.keyboard.press("n")
    assert "remove them before" in page.locator('[data-part="said"]').text_content()
    page.keyboard.press("Enter")
    page.locator("[data-part=place]", has_text="2 / 8").wait_for()
    page.keyboard.press("n")
    page.keyboard.press("Enter")
    page.locator("[data-part=place]", has_text="3 / 8").wait_for()
    page.keyboard.press("k")
    page.locator("[data-part=place]", has_text="2 / 8").wait_for()
    saved(page)
    assert page.get_by_label("Normal: there is no nodule").is_checked()
    page.keyboard.press("n")
    saved(page)
    assert page.locator('[data-do="reopen"]').is_hidden(), "nothing is said any more: not done"
    assert page.faults == []


def test_suggestions_can_be_taken_and_hidden(place: Server, chromium: Any) -> None:
    page = project(chromium, place.url)
    begin(page)
    for number in range(1, 8):
        page.keyboard.press("s")
        page.locator('[data-part="said"]', has_text=re.compile("Suggestions shown|proposes no box")).wait_for()
        if page.locator("g.suggested").count():
            break
        page.keyboard.press("s")
        page.keyboard.press("j")
        page.locator("[data-part=place]", has_text=f"{number + 1} / 8").wait_for()
    count = page.locator("g.suggested").count()
    assert count
    assert page.locator("g.mark").count() == 0, "the model writes nothing by itself"
    page.keyboard.press("a")
    assert page.locator("g.mark").count() == count
    page.keyboard.press("s")
    assert page.locator("g.suggested").count() == 0
    page.keyboard.press("z")
    assert page.locator("g.mark").count() == 0
    assert page.faults == []


def test_nothing_is_lost_while_the_server_is_away(tmp_path: Path, root: Path, chromium: Any) -> None:
    data = tmp_path / "data"
    with serving(data, "--workers", "1", "--root", str(root)) as first:
        port = first.url.rpartition(":")[2]
        page = project(chromium, first.url)
        begin(page)
        page.keyboard.press("b")
        page.keyboard.press("Enter")
        saved(page)
        first.kill()
        page.keyboard.press("2")
        page.locator('[data-part="saved"]', has_text="Not saved yet").wait_for()
        with serving(data, "--workers", "1", "--root", str(root), "--port", port):
            saved(page)
            page.reload()
            page.locator("g.mark.malignant").wait_for(state="attached")


CHANGE = (
    """key => document.querySelector('.stage svg').dispatchEvent(new KeyboardEvent('keydown', {key, bubbles: true}))"""
)
HIDE = """() => {
  Object.defineProperty(document, 'visibilityState', {configurable: true, value: 'hidden'});
  document.dispatchEvent(new Event('visibilitychange'));
}"""


def on_disk(page: Any, url: str) -> tuple[int, str | None]:
    """Version and label of the one mark of an image, by its page's address."""
    said = page.request.get(url.replace("/annotate/", "/api/annotate/")).json()
    return said["version"], said["body"]["marks"][0]["pathology"]


def test_what_was_not_sent_goes_out_when_the_page_is_left(place: Server, chromium: Any) -> None:
    """Hidden, or left while a save is under way: sent at once, and made once."""
    page = project(chromium, place.url)
    begin(page)
    page.keyboard.press("b")
    page.keyboard.press("Enter")
    saved(page, 1)
    page.evaluate("window.setTimeout = () => 0")  # no save comes by itself any more
    page.evaluate(CHANGE, "1")
    page.evaluate(HIDE)
    saved(page, 2)
    assert on_disk(page, page.url) == (2, "benign")

    held: list[Any] = []
    page.route("**/images/*?as=me", lambda route: held.append(route) if not held else route.continue_())
    page.evaluate(CHANGE, "2")
    with page.expect_request("**/images/*?as=me"):
        page.evaluate(HIDE)  # under way, and not answered
    page.evaluate(CHANGE, "3")
    with page.expect_response("**/images/*?as=me"):
        page.evaluate(HIDE)
    assert on_disk(page, page.url) == (3, None), "it took the place of the one that did not arrive"
    held[0].continue_()
    saved(page, 3)
    assert page.locator('[data-part="saved"].trouble').count() == 0, "it is not told as somebody else's"
    page.unroute("**/images/*?as=me")

    image = page.url
    page.evaluate(CHANGE, "2")
    page.evaluate("location.assign('/annotate')")
    page.wait_for_url("**/annotate")
    page.goto(image)
    page.locator("g.mark.malignant").wait_for(state="attached")
    assert on_disk(page, image) == (4, "malignant")
    assert [fault for fault in page.faults if "409" not in fault] == []


def test_out_and_check(place: Server, root: Path, chromium: Any, tmp_path: Path) -> None:
    """Annotated in the browser, taken out as a zip, clean for ``usnet data check``."""
    import sys
    import zipfile

    page = project(chromium, place.url, start="given")
    begin(page)
    page.keyboard.press("Enter")
    page.locator('[data-part="progress"]', has_text="1 of 8 done").wait_for()
    saved_page = page.url.partition("/images/")[0]
    page.goto(saved_page)
    with page.expect_download() as coming:
        page.get_by_role("link", name="dataset with images (zip)").first.click()
    coming.value.save_as(tmp_path / "out.zip")
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        archive.extractall(tmp_path / "out")
    assert [r.nodules for r in load(tmp_path / "out").records] == [r.nodules for r in load(root / "set").records]
    done = subprocess.run(
        [sys.executable, "-m", "usnet", "data", "check", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_killed_again_and_again(tmp_path: Path, root: Path, chromium: Any) -> None:
    """What the page called saved is on disk after every kill -9; fifty of them are below."""
    kills(tmp_path, root, chromium, 2)


@pytest.mark.slow
def test_killed_fifty_times(tmp_path: Path, root: Path, chromium: Any) -> None:
    kills(tmp_path, root, chromium, 50)


def kills(folder: Path, root: Path, chromium: Any, times: int) -> None:
    """Draw and move without a pause while the server is killed; after each start, everything acknowledged is there."""
    import random

    data, rng, page, port, project_page = folder / "data", random.Random(4), None, "0", ""
    acknowledged: dict[str, Any] = {}
    for number in range(times + 1):
        with serving(data, "--workers", "1", "--root", str(root), "--port", port) as running:
            port = running.url.rpartition(":")[2]
            if page is None:
                page = project(chromium, running.url)
                project_page = page.url
                page.on("response", lambda r: _note(r, acknowledged))
                begin(page)
                page.keyboard.press("b")
                page.keyboard.press("Enter")
            saved(page)
            stored = {
                key: page.request.get(
                    f"{running.url}/api/annotate/{project_page.rpartition('/')[2]}/images/{key}"
                ).json()
                for key in acknowledged
            }
            for key, said in acknowledged.items():
                assert stored[key]["version"] >= said["version"], f"lost after kill {number}"
                if stored[key]["version"] == said["version"]:
                    assert stored[key]["body"] == said["body"]
            if number == times:
                logger.info("%d kills, versions %s", times, [v["version"] for v in acknowledged.values()])
                return
            end = time.monotonic() + rng.uniform(0.2, 1.5)
            while time.monotonic() < end:
                page.keyboard.press(rng.choice(["ArrowRight", "ArrowLeft", "ArrowUp", "ArrowDown", "1", "2", "g", "z"]))
                if not page.locator("g.mark").count():
                    page.keyboard.press("b")
                    page.keyboard.press("Enter")
                page.wait_for_timeout(rng.uniform(50, 450))
            os.kill(running.process.pid, signal.SIGKILL)
            running.process.wait()


def _note(response: Any, acknowledged: dict[str, Any]) -> None:
    if response.request.method == "PUT" and response.status == 200:
        try:
            said = response.json()
        except Exception:  # the server died while it answered: the page did not get it either
            return
        if said["version"] > acknowledged.get(said["image"], {"version": 0})["version"]:
            acknowledged[said["image"]] = said
