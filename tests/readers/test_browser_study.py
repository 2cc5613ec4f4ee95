"""A reader's and an organiser's whole way in a real browser, by mouse and by keyboard, and pages that axe finds nothing in."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from reader_studies import protocol

from usnet.phantoms.writing import write_dataset
from usnet.readers.enrolment import Person, invite
from usnet.readers.place import Place, open_place
from usnet.readers.readings import collect
from usnet.readers.start import start
from usnet.readers.verify import verify

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("study-browser")]

CHROMIUM = "/usr/bin/chromium"
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
SWITCHES += ["--disable-sync", "--no-first-run"]
AXE = Path(__file__).parents[1] / "web" / "vendor" / "axe-4.14.1.min.js"
TIMEOUT = int(os.environ.get("USNET_BROWSER_TIMEOUT", "120000"))
"""Milliseconds: the machine may be busy."""
PICTURES = os.environ.get("USNET_STUDY_PICTURES")
"""Folder for the screenshots of the documentation; none are taken where it is not set."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not os.path.exists(CHROMIUM):
        pytest.skip(f"no {CHROMIUM} (Debian: chromium)")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Place]]:
    """A server with a study on phantoms: sequential reading, boxes, two training cases, ten cases."""
    tmp = tmp_path_factory.mktemp("study")
    strata = [{"name": n, "label": n, "count": 5} for n in ("benign", "malignant")]
    rules = protocol(
        cases={"strata": strata, "training": 2},
        design={"kind": "one-arm", "arms": ["sequential"]},
        questions={"boxes": True, "comment": True},
        ai={"bundle": "usnet-fast"},
    )
    data = write_dataset(tmp / "pool", 40, 5, shares=(1, 1, 0), size=(300, 360))
    from usnet.readers.cases import draw_cases, write_cases

    write_cases(data, draw_cases(data, rules), tmp / "cases")
    place = open_place(tmp / "data")
    start(place, rules, tmp / "cases")
    plain = protocol(study={"id": "plain", "title": "Plain reading"}, cases={"strata": strata, "training": 0})
    write_cases(data, draw_cases(data, plain), tmp / "plain")
    start(place, plain, tmp / "plain")
    command = [sys.executable, "-m", "usnet.web.study.alone", str(tmp / "data")]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdin is not None
    yield f"http://127.0.0.1:{int(process.stdout.readline())}", place
    process.stdin.close()
    process.wait(30)


def _page(chromium: Any, url: str, **more: Any) -> Any:
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, **more)
    context.set_default_timeout(TIMEOUT)
    page = context.new_page()
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.on("console", lambda m: page.faults.append(m.text) if m.type == "error" else None)
    page.goto(url)
    return page


def _until(page: Any, expression: str) -> None:
    """Wait until an expression is true; the page's policy forbids the driver's own way of asking again and again."""
    from playwright.sync_api import Error

    for _ in range(TIMEOUT // 100):
        with contextlib.suppress(Error):  # the page that was asked has just gone
            if page.evaluate(expression):
                return
        page.wait_for_timeout(100)
    raise AssertionError(f"never true: {expression}")


def _shot(page: Any, name: str) -> None:
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"{name}.png"))


def _axe(page: Any) -> None:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "axe.run({rules: {region: {enabled: false}}})"  # the research note above the header is the base page's
        ".then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html).join(' ')))"
    )
    assert found == [], found


def _come_in(page: Any, url: str, code: str, years: str) -> None:
    page.goto(f"{url}/study")
    _axe(page)
    page.get_by_label("Code").fill(code)
    page.get_by_role("button", name="Go on").click()
    _axe(page)
    _shot(page, "consent")
    page.get_by_label("I have read this and agree.").check()
    page.get_by_role("button", name="Go on").click()
    _axe(page)
    page.get_by_label("Years of experience").fill(years)
    page.get_by_label("female").first.check()
    page.get_by_label("Age").select_option("40-44")
    page.get_by_role("button", name="Begin").click()
    page.wait_for_selector("#commit:not([disabled])")


def _position(page: Any) -> str:
    return str(page.locator("#progress").text_content())


def test_a_readers_whole_session(chromium: Any, study: tuple[str, Place]) -> None:
    url, place = study
    (one,) = invite(place, "small", [Person()], "tests")
    page = _page(chromium, url)
    _come_in(page, url, one.code, "12")
    assert "Case 1 of 12" in _position(page)
    assert page.locator("#training-note").is_visible()
    _axe(page)

    # nothing is preset, and a probability that was not touched is not taken
    assert page.locator("#number").input_value() == ""
    page.get_by_label("malignant M").check()
    page.get_by_label("4B").check()
    page.locator("#commit").click()
    assert "Case 1 of 12" in _position(page)
    page.locator("#number").fill("80")
    assert page.locator("#slider").input_value() == "80"

    # zoom, window, a box by mouse
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Fit").click()
    page.get_by_label("Contrast").fill("150")
    assert "contrast(150%)" in page.locator("#image").evaluate("e => e.style.filter")
    area = page.locator("#image").bounding_box()
    page.mouse.move(area["x"] + 60, area["y"] + 60)
    page.mouse.down()
    page.mouse.move(area["x"] + 200, area["y"] + 180)
    page.mouse.up()
    assert page.locator("#marks .mark").count() == 1
    page.get_by_label("Mark 1, confidence").fill("90")
    _shot(page, "reading")
    page.locator("#commit").click()

    # sequential: the model after the lock, then the second answer, then the truth of a training case
    page.locator("#second-note").wait_for(state="visible")
    assert page.locator("#findings").is_visible()
    assert "probability of malignancy" in page.locator("#findings-text").text_content()
    _axe(page)
    _shot(page, "reveal")
    page.locator("#commit").click()
    page.locator("#feedback").wait_for(state="visible")
    _axe(page)
    page.get_by_role("button", name="Next case").click()
    _until(page, "(document.getElementById('progress')?.textContent ?? '').includes('Case 2 of 12')")

    # a draft is kept and found on another machine
    page.wait_for_selector("#commit:not([disabled])")
    page.get_by_label("benign B").check()
    page.locator("#number").fill("33")
    _until(page, "(document.getElementById('saved')?.textContent ?? '') !== ''")
    other = _page(chromium, url)
    other.goto(f"{url}/study")
    other.get_by_label("Code").fill(one.code.lower())
    other.get_by_role("button", name="Go on").click()
    other.wait_for_selector("#commit:not([disabled])")
    _until(other, "document.getElementById('number').value === '33'")
    assert other.get_by_label("benign B").is_checked()

    # two windows cannot answer twice: the first one is told and moves on
    other.get_by_label("2", exact=True).check()
    other.locator("#commit").click()
    other.locator("#second-note").wait_for(state="visible")
    page.get_by_label("2", exact=True).check()
    page.locator("#commit").click()
    page.locator("#trouble").wait_for(state="visible")
    assert "another window" in page.locator("#trouble").text_content()
    page.locator("#second-note").wait_for(state="visible")
    page.faults = [fault for fault in page.faults if "409" not in fault]

    # the line is lost: the answer waits, and arrives once
    other.context.set_offline(True)
    other.wait_for_selector("#commit:not([disabled])")
    other.locator("#commit").click()
    other.locator("#trouble").wait_for(state="visible")
    assert "No connection" in other.locator("#trouble").text_content()
    other.context.set_offline(False)
    other.locator("#feedback").wait_for(state="visible")
    other.get_by_role("button", name="Next case").click()
    other.faults = [fault for fault in other.faults if "INTERNET_DISCONNECTED" not in fault]

    # the ten cases, by keyboard alone
    for case in range(3, 13):
        _until(other, f"(document.getElementById('progress')?.textContent ?? '').includes('Case {case} of 12')")
        for _step in range(2):
            other.wait_for_selector("#commit:not([disabled])")
            other.keyboard.press("m" if case % 2 else "b")
            other.locator("#number").focus()
            other.keyboard.press("Control+A")
            other.keyboard.type("70" if case % 2 else "20")
            other.locator('input[name="birads"]').first.focus()
            other.keyboard.press("Space")
            other.keyboard.press("Control+Enter")
            if _step == 0:
                other.locator("#second-note").wait_for(state="visible")
    other.get_by_text("Your readings are complete").wait_for()
    _axe(other)
    assert page.faults == []
    assert other.faults == []

    data = collect(place, "small")
    mine = [r for r in data.reads if r.reader == one.number]
    assert len(mine) == 20
    assert {r.probability for r in mine} == {70, 20}
    assert all(r.active_s > 0 for r in mine)
    assert verify(place, "small") == []


def test_an_unaided_arm_in_chinese_shows_no_finding(chromium: Any, study: tuple[str, Place]) -> None:
    url, place = study
    (one,) = invite(place, "plain", [Person(language="zh")], "tests")
    page = _page(chromium, url, locale="zh-CN")
    page.goto(f"{url}/study")
    page.locator("input[name=code]").fill(one.code)
    page.locator("main button.primary").click()
    page.locator("input[name=agree]").check()
    page.locator("main button.primary").click()
    page.locator("input[name=years]").fill("3")
    page.locator("input[name=sex]").first.check()
    page.locator("select[name=age_band]").select_option("30-34")
    page.locator("main button.primary").click()
    for case in range(1, 11):
        _until(page, f"(document.getElementById('progress')?.textContent ?? '').startsWith('第 {case} /')")
        page.wait_for_selector("#commit:not([disabled])")
        assert page.locator("#findings").is_hidden()
        shown = page.locator("#answer").inner_text()
        assert "恶性" in shown
        assert not re.search(r"[a-z]{4,}", shown.replace("Enter", "")), shown
        page.keyboard.press("b")
        page.locator("#number").fill("20")
        page.locator('input[name="birads"]').first.check()
        page.keyboard.press("Control+Enter")
        if case < 10:
            _until(page, f"!(document.getElementById('progress')?.textContent ?? '').startsWith('第 {case} /')")
    page.wait_for_selector("#commit", state="detached")
    assert page.faults == []
    mine = [r for r in collect(place, "plain").reads if r.reader == one.number]
    assert [r.modality for r in mine] == ["unaided"] * 10
    assert verify(place, "plain") == []


def test_marks_by_keyboard(chromium: Any, study: tuple[str, Place]) -> None:
    url, place = study
    (one,) = invite(place, "small", [Person()], "tests")
    page = _page(chromium, url)
    _come_in(page, url, one.code, "3")
    page.keyboard.press("n")
    mark = page.locator("#marks .mark.active")
    x, width = (float(mark.get_attribute(name)) for name in ("x", "width"))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert float(mark.get_attribute("x")) > x
    assert float(mark.get_attribute("width")) > width
    page.keyboard.press("Delete")
    assert page.locator("#marks .mark").count() == 0
    before = page.locator("#canvas").evaluate("e => e.style.transform")
    page.locator("#stage").focus()
    page.keyboard.press("+")
    page.keyboard.press("ArrowLeft")
    assert page.locator("#canvas").evaluate("e => e.style.transform") != before
    page.keyboard.press("0")
    assert page.locator("#canvas").evaluate("e => e.style.transform") == before
    assert page.faults == []


def test_an_organisers_session(chromium: Any, study: tuple[str, Place]) -> None:
    url, _ = study
    page = _page(chromium, f"{url}/studies", accept_downloads=True)
    _axe(page)
    page.get_by_role("link", name="Breast nodules").click()
    _axe(page)
    with page.expect_download() as download:
        page.get_by_label("New readers").fill("3")
        page.get_by_role("button", name="Codes as CSV").click()
    assert len(re.findall(r"(?:\w{4}-){3}\w{4}", Path(download.value.path()).read_text(encoding="utf-8"))) >= 3
    page.reload()
    _shot(page, "organiser")
    reason = page.get_by_label("Reason", exact=True)
    reason.nth(0).focus()
    page.keyboard.type("safety check")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Go on").wait_for()
    assert "paused" in page.locator("article").text_content()
    page.get_by_label("Reason", exact=True).nth(0).fill("all is well")
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Pause").wait_for()
    page.get_by_label("Reason", exact=True).nth(2).fill("safety board")
    page.get_by_role("button", name="Tables 1 and 2").click()
    page.get_by_text("Seen before the end").wait_for()
    _axe(page)
    page.get_by_role("link", name="Back").click()
    assert "safety board" in page.locator("table").last.text_content()
    assert page.faults == []
