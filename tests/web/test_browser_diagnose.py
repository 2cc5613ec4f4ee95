"""Diagnosing in a real browser: by mouse, and by keyboard alone."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from screens import open_page, upload

from helpers.web_server import Server

pytestmark = pytest.mark.browser


def _answer(page: Any, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(page.locator(f"#{name}").text_content())
    return found


def _drag(page: Any, start: tuple[float, float], stop: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + stop[0]) / 2, (start[1] + stop[1]) / 2)
    page.mouse.move(*stop)
    page.mouse.up()


def test_by_mouse(server: Server, chromium: Any, phantoms: Path) -> None:
    page = open_page(chromium, server.url)
    upload(page, phantoms / "scan.dcm")
    data = _answer(page, "data-main")
    box = page.locator("g.box.malignant").first
    label = box.get_attribute("aria-label")
    assert re.match(r"Finding 1: malignant, probability of malignancy .+%, \d+\.\d × \d+\.\d mm", label)
    assert "mm a pixel" in page.locator('[data-part="spacing"]').text_content()
    assert "of the known benign nodules" in page.locator(".finding figcaption").first.text_content()

    # operating points are switched without asking the server
    page.get_by_label("sensitive").check()
    shown = page.locator("g.box:not(.own)").count()
    assert shown == len(data["frames"][0]["opinions"]["sensitive"]["findings"])

    # zoom, window
    page.get_by_role("button", name="Zoom in").click()
    assert page.locator('[data-part="zoom"]').text_content() == "140 %"
    page.get_by_role("button", name="Fit").click()
    page.get_by_label("Level").fill("30")
    assert page.locator("feFuncR").get_attribute("intercept") != "0"

    # draw a box, have that box scored
    page.get_by_role("button", name="Draw a box").click()
    area = page.locator(".stage svg").bounding_box()
    at = lambda x, y: (area["x"] + x * area["width"], area["y"] + y * area["height"])  # noqa: E731
    _drag(page, at(0.75, 0.7), at(0.9, 0.9))
    own = page.locator("g.box.own")
    page.locator('g.box.own[aria-label*="probability"]').wait_for()
    before = own.get_attribute("aria-label")

    # move it: it is scored again
    x = page.locator("g.box.own rect.edge").get_attribute("x")
    middle = page.locator("g.box.own rect.edge").bounding_box()
    centre = (middle["x"] + middle["width"] / 2, middle["y"] + middle["height"] / 2)
    _drag(page, centre, (centre[0] - 120, centre[1] - 60))
    assert page.locator("g.box.own rect.edge").get_attribute("x") != x
    page.locator('g.box.own[aria-label*="probability"]').wait_for()
    assert own.count() == 1
    assert before

    # the doctor's own fields
    page.get_by_label("BI-RADS category").select_option("4B")
    page.get_by_label("Shape").select_option("irregular")
    page.get_by_label("Remarks").fill("seen by mouse <script>alert(1)</script>")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Saved as version 1.").wait_for()
    page.reload()
    assert page.get_by_label("BI-RADS category").input_value() == "4B"
    page.wait_for_selector("g.box.own", state="attached")
    page.get_by_text("History").click()
    page.get_by_text("Version 1 ·").wait_for()
    assert "<script>alert(1)" in page.locator("#history").text_content()
    assert page.faults == []


def test_by_keyboard_alone(server: Server, chromium: Any, phantoms: Path) -> None:
    page = open_page(chromium, server.url)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    with page.expect_file_chooser() as chosen:
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.id") == "files":
                break
        page.keyboard.press("Enter")
    chosen.value.set_files(str(phantoms / "one.png"))
    page.wait_for_url("**/exams/*/views/*")
    page.wait_for_selector('[data-part="call"] .label')
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName.toLowerCase()") == "svg":
            break
    page.keyboard.press("+")
    assert page.locator('[data-part="zoom"]').text_content() == "140 %"
    page.keyboard.press("0")
    assert page.locator('[data-part="zoom"]').text_content() == "100 %"
    page.keyboard.press("b")
    assert page.evaluate("document.activeElement.classList.contains('own')")
    x, width = (page.locator("g.box.own rect.edge").get_attribute(name) for name in ("x", "width"))
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Alt+ArrowRight")
    page.keyboard.press("Shift+ArrowLeft")
    moved = page.locator("g.box.own rect.edge")
    assert float(moved.get_attribute("x")) == pytest.approx(float(x) + 11, abs=0.11)
    assert float(moved.get_attribute("width")) == pytest.approx(float(width) - 1, abs=0.11)
    page.locator('g.box.own[aria-label*="probability"]').wait_for()
    assert "uncalibrated" in page.locator("g.box.own").get_attribute("aria-label")
    page.keyboard.press("h")
    assert page.locator("g.box").count() == 0
    page.keyboard.press("h")
    page.locator(".stage svg").focus()
    page.keyboard.press("Tab")
    first = page.evaluate("document.activeElement.dataset.id")
    assert first
    point = page.locator('input[name="point"]:checked').input_value()
    page.keyboard.press("o")
    assert page.locator('input[name="point"]:checked').input_value() != point
    page.locator("g.box.own").focus()
    page.keyboard.press("Delete")
    assert page.locator("g.box.own").count() == 0
    page.get_by_label("Margin").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Save":
            break
    page.keyboard.press("Enter")
    page.get_by_text("Saved as version 1.").wait_for()
    assert page.faults == []


def test_a_finding_that_is_moved_becomes_a_box_of_ones_own(server: Server, chromium: Any, phantoms: Path) -> None:
    page = open_page(chromium, server.url)
    upload(page, phantoms / "scan.dcm")
    finding = page.locator("g.box.malignant").first
    place = finding.locator("rect.edge").get_attribute("x")
    finding.focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator("g.box.own").count() == 1
    assert finding.locator("rect.edge").get_attribute("x") == place
    page.locator('g.box.own[aria-label*="probability"]').wait_for()


def test_cine(server: Server, chromium: Any, phantoms: Path) -> None:
    page = open_page(chromium, server.url)
    upload(page, phantoms / "cine.dcm")
    data = _answer(page, "data-main")
    assert len(data["frames"]) == 12
    frame = page.locator('[data-part="frame"]')
    assert frame.text_content() == f"Frame {data['start'] + 1} of 12"
    page.get_by_label("Frame", exact=True).fill("0")
    assert frame.text_content() == "Frame 1 of 12"
    page.get_by_role("button", name="Next frame").click()
    assert frame.text_content() == "Frame 2 of 12"
    page.locator(".stage svg").focus()
    page.keyboard.press(".")
    page.keyboard.press(".")
    page.keyboard.press(",")
    assert frame.text_content() == "Frame 3 of 12"
    assert page.locator("image").get_attribute("href").endswith("/frames/2/picture")
    page.keyboard.press(" ")
    page.locator('[data-part="frame"]', has_text=re.compile(r"Frame (?!3 )")).wait_for()
    page.keyboard.press(" ")
    page.get_by_role("button", name="Strongest frame").click()
    found = sum(bool(f["opinions"]["balanced"]["findings"]) for f in data["frames"])
    assert page.locator('[data-part="summary"]').text_content() == f"Findings on {found} of 12 frames."
    assert page.faults == []


def test_warnings_come_before_numbers(server: Server, chromium: Any, phantoms: Path) -> None:
    page = open_page(chromium, server.url)
    upload(page, phantoms / "scan.dcm")
    page.get_by_text("writing is burned in").wait_for()
    order = page.evaluate("[...document.querySelectorAll('.panel > [data-panel]')].map(e => e.dataset.panel)")
    assert order.index("warnings") < order.index("opinion")


def test_no_numbers_where_the_model_gives_no_opinion(server: Server, chromium: Any, phantoms: Path) -> None:
    page = open_page(chromium, server.url)
    page.set_input_files("#files", str(phantoms / "doppler.png"))
    page.get_by_text("There is no result for this exam.").wait_for()
    assert "colour" in page.locator("main").text_content()
    assert "%" not in page.locator("main").text_content()


def test_several_files_side_by_side(server: Server, chromium: Any, phantoms: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "both.zip", "w") as archive:
        archive.write(phantoms / "earlier.dcm", "a/earlier.dcm")
        archive.write(phantoms / "scan.dcm", "b/scan.dcm")
        archive.writestr("notes.txt", "no image")
    page = open_page(chromium, server.url)
    upload(page, tmp_path / "both.zip")
    assert page.locator(".views li").count() == 3
    assert "notes.txt" in page.locator(".views .unread").text_content()
    page.get_by_label("With").select_option(index=0)
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**/compare?*")
    assert page.locator(".stage svg").count() == 2
    assert "mean of the two views" in page.locator("caption").text_content()
    page.goto(page.url.replace("as=views", "as=prior"))
    cells = page.locator("tbody tr", has_text="balanced").locator("td").all_text_contents()
    assert re.fullmatch(r"[+-]\d+ %", cells[4].strip()), cells
    assert page.faults == []


@pytest.mark.parametrize("kind", ["pdf", "html", "json", "dicom"])
def test_reports(server: Server, chromium: Any, phantoms: Path, kind: str, tmp_path: Path) -> None:
    if kind == "dicom":
        pytest.importorskip("highdicom", reason="the extra dicom is not installed")
    if kind == "pdf":
        pytest.importorskip("weasyprint", reason="the extra pdf is not installed")
    page = open_page(chromium, server.url, accept_downloads=True)
    upload(page, phantoms / "scan.dcm")
    with page.expect_download() as coming:
        page.locator(f'[data-report="{kind}"]').click()
    file = tmp_path / coming.value.suggested_filename
    coming.value.save_as(file)
    content = file.read_bytes()
    if kind == "pdf":
        assert content.startswith(b"%PDF-")
    elif kind == "html":
        assert b"Research use only" in content
        assert b"http" not in re.sub(rb"http-equiv|data:image[^\"]*", b"", content)
    elif kind == "json":
        assert json.loads(content)["views"][0]["frames"][0]["label"] == "malignant"
    else:
        with zipfile.ZipFile(file) as archive:
            assert {"view_1_sr.dcm", "view_1_sc.dcm"} <= set(archive.namelist())


def test_deleting(server: Server, chromium: Any, phantoms: Path) -> None:
    page = open_page(chromium, server.url)
    address = upload(page, phantoms / "two.png")
    exam = address.split("/exams/")[1][:32]
    assert (server.data / "exams" / exam).is_dir()
    page.get_by_text("Delete this exam").click()
    page.get_by_label("Images, findings and what was written").check()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.wait_for_url(server.url + "/")
    assert not (server.data / "exams" / exam).exists()
    assert page.request.get(address).status == 404
