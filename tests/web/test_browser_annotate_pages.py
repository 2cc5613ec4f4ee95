"""The pages of annotating and browsing: axe in light and dark at two widths, Chinese, and their pictures for the docs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from screens import WAIT, open_page
from test_browser_pages import PICTURES, THEMES, WIDTHS, faults_and_width

from helpers.annotation import people
from helpers.web_client import PASSWORD, workplace
from helpers.web_server import Server, serving
from usnet.datasets.records import Dataset, load, save
from usnet.phantoms.writing import write_dataset
from usnet.reports.comparison_runs import write_truth
from usnet.reports.evaluation_predictions import write_predictions
from usnet.values import Box, Diagnosis, Finding, ModelIdentity, Nodule, OperatingPoint

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phantom dataset with a copy in it, an evaluation of it by nobody's model, and a training log."""
    folder = tmp_path_factory.mktemp("root")
    data = write_dataset(folder / "phantoms", 12, 7, size=(300, 384))
    first = data.records[0]
    copy = replace(first, image_id=99, file_name="copy.png", patient_id="another", group_id=None)
    data.path(copy).write_bytes(data.path(first).read_bytes())
    save(Dataset(data.root, "phantoms", (*data.records, copy)))
    _evaluation(folder / "evaluation", load(data.root))
    training = folder / "training"
    training.mkdir()
    (training / "config.toml").write_text("epochs = 20\n")
    rows = [
        f"{e},{e},{2 / (e + 1):.3f},{1.2 / (e + 1):.3f},{2.2 / (e + 1.5):.3f},{0.9 - 0.5 / (e + 1):.3f}"
        for e in range(20)
    ]
    (training / "metrics.csv").write_text(
        "epoch,step,train/loss,train/class,val/loss,val/auc\n" + "\n".join(rows) + "\n"
    )
    return folder


def _evaluation(folder: Path, data: Dataset) -> None:
    point, model = OperatingPoint("balanced", 0.3, 0.5, "made up"), ModelIdentity("made-up", "0" * 64)
    results = []
    for i, r in enumerate(data.records):
        p = (0.2, 0.5 + 0.02 * i, 0.3 - 0.02 * i)
        found = tuple(
            Finding(Box(n.box.x + 3 * i, n.box.y, n.box.width, n.box.height), 0.8, p[1], (0.2, 0.8), "malignant")
            for n in r.nodules
        )
        results.append(
            Diagnosis(
                r.file_name, str(data.path(r)), r.width, r.height, found, *p, "malignant", point, model, 0.1, found
            )
        )
    write_truth(folder, data)
    write_predictions(folder / "predictions.jsonl", data, results)
    metric = {
        "name": "auc",
        "subject": "malignant v benign",
        "value": 0.81,
        "subgroup": "all",
        "averaging": "raw",
        "note": None,
    }
    (folder / "metrics.json").write_text(json.dumps({"metrics": [metric | {"intervals": [{"low": 0.7, "high": 0.9}]}]}))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Server]:
    data = tmp_path_factory.mktemp("pages") / "data"
    place = workplace(data)
    people(place, Ada="administrator", Bo="annotator", Cy="annotator")
    place.engine.dispose()
    with serving(data, "--login", "--workers", "1", "--root", str(root)) as running:
        yield running


def sign_in(browser: Any, url: str, name: str, **more: Any) -> Any:
    page = open_page(browser, f"{url}/login", **more)
    page.locator("input[name=name]").fill(name)
    page.locator("input[name=password]").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{url}/")
    return page


@pytest.fixture(scope="module")
def addresses(server: Server, chromium: Any, root: Path) -> dict[str, str]:
    """Pages by name, after two people read and a dataset was looked at."""
    url = server.url
    ada = sign_in(chromium, url, "Ada")
    ada.goto(f"{url}/annotate")
    ada.locator("select[name=spot]").select_option(index=1)
    ada.locator('input[value="empty"]').check()
    ada.locator("input[name=name]").fill("Phantoms, two readers")
    ada.get_by_role("button", name="Make the project").click()
    ada.locator(".sheet li").first.wait_for(timeout=WAIT)
    project = ada.url
    ada.goto(f"{project}/team")
    for name in ("Bo", "Cy"):
        ada.get_by_label(f"Part of {name}").select_option(label="reader")
    ada.get_by_role("button", name="Save").click()
    ada.get_by_text("How far everybody is").wait_for()
    image, truth = "", load(root / "phantoms").records
    for name, shift in (("Bo", 0), ("Cy", 3)):
        page = sign_in(chromium, url, name)
        page.goto(project)
        page.get_by_role("link", name="Begin").click()
        image = image or page.url
        for number in range(6):
            page.locator("[data-part=place]", has_text=f"{number + 1} / 13").wait_for()
            _read(page, number, shift, truth[number].nodules)
        page.locator('[data-part="progress"]', has_text="6 of 13 done").wait_for()  # the server has all of them
        page.context.close()
    for kind in ("phantoms", "evaluation"):
        ada.goto(f"{url}/browse")
        ada.get_by_role("link", name=kind, exact=False).first.click()
        ada.locator(".exam-head form button").click()
        ada.locator("h2#kinds, h2#failures").wait_for(timeout=WAIT)
    ada.goto(f"{url}/browse")
    spots = {
        link.text_content().rpartition("/")[2]: url + link.get_attribute("href")
        for link in ada.locator(".places a").all()
    }
    ada.context.close()
    return {
        "annotate": f"{url}/annotate",
        "annotate-images": project,
        "annotate-work": image,
        "annotate-team": f"{project}/team",
        "annotate-decisions": f"{project}/decisions",
        "annotate-decide": image.replace("/images/", "/decisions/"),
        "annotate-final": f"{image}?as=final",
        "annotate-agreement": f"{project}/agreement",
        "browse": f"{url}/browse",
        "browse-dataset": spots["phantoms"],
        "browse-evaluation": spots["evaluation"],
        "browse-training": spots["training"],
    }


def _read(page: Any, number: int, shift: int, truth: tuple[Nodule, ...]) -> None:
    """One image: a box around each nodule by mouse, here and there another label; without a nodule normal, by key."""
    area = page.locator(".stage svg").bounding_box()
    scale = min(area["width"] / 384, area["height"] / 300)
    left = area["x"] + (area["width"] - 384 * scale) / 2
    for nodule in truth:
        x0, y0, x1, y1 = nodule.box.corners
        page.mouse.move(left + (x0 + shift * (number + 1)) * scale, area["y"] + y0 * scale)
        page.mouse.down()
        page.mouse.move(left + x0 * scale + 60, area["y"] + y0 * scale + 60)
        page.mouse.move(left + (x1 + shift) * scale, area["y"] + (y1 - 2 * shift) * scale)
        page.mouse.up()
        page.keyboard.press("1" if (nodule.pathology == "benign") != (number == 0 and shift > 0) else "2")
        for _ in range(6 + (number + shift) % 2):
            page.keyboard.press("g")
    if not truth:
        page.keyboard.press("n")
    page.keyboard.press("Enter")


def ready(page: Any, name: str) -> None:
    """Until what scripts draw is there."""
    page.wait_for_load_state("networkidle")
    if name in ("annotate-work", "annotate-final"):
        page.locator("[data-part=place]", has_text="/ 13").wait_for()


@pytest.mark.parametrize(("theme", "width"), THEMES)
def test_axe_on_every_page(server: Server, chromium: Any, addresses: dict[str, str], theme: str, width: int) -> None:
    page = sign_in(chromium, server.url, "Ada", width=width, theme=theme, bypass_csp=True)
    wrong = {}
    for name, address in addresses.items():
        page.goto(address)
        ready(page, name)
        if found := faults_and_width(page):
            wrong[name] = found
    assert wrong == {}
    assert page.faults == []


def test_in_chinese(server: Server, chromium: Any, addresses: dict[str, str]) -> None:
    page = sign_in(chromium, server.url, "Ada", locale="zh-CN")
    page.goto(addresses["annotate-work"])
    ready(page, "annotate-work")
    page.keyboard.press("Delete")
    assert not page.locator("[data-part=said]").text_content().isascii()
    assert page.locator("html").get_attribute("lang") == "zh"


def test_two_readers_and_a_decision(server: Server, chromium: Any, addresses: dict[str, str]) -> None:
    """Side by side, one reader's word taken, then drawn anew by the adjudicator."""
    page = sign_in(chromium, server.url, "Ada")
    page.goto(addresses["annotate-decisions"])
    assert "6 images were finished by two readers" in page.locator("main").text_content()
    page.goto(addresses["annotate-decide"])
    assert page.locator(".pair .still").count() == 2
    page.get_by_role("button", name="Decide as reader A").click()
    page.locator("#decided-title").wait_for()
    page.get_by_role("link", name="Decide myself").click()
    ready(page, "annotate-final")
    assert page.locator("g.other").count() == 2
    page.locator("g.mark").first.focus()
    page.keyboard.press("ArrowDown")
    page.locator('[data-part="saved"]', has_text="Saved, version 2").wait_for()
    page.goto(addresses["annotate-agreement"])
    assert "0." in page.locator("table").text_content()
    assert page.faults == []


@pytest.mark.skipif("USNET_PICTURES" not in os.environ, reason="draws the docs' pictures anew; set USNET_PICTURES=1")
def test_pictures_for_the_docs(server: Server, chromium: Any, addresses: dict[str, str]) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    for width in WIDTHS:
        page = sign_in(chromium, server.url, "Ada", width=width, height=900 if width > 500 else 780)
        bo = sign_in(chromium, server.url, "Bo", width=width, height=900 if width > 500 else 780)
        for name, address in addresses.items():
            shown = bo if name in ("annotate-work", "annotate-images") else page
            shown.goto(address)
            ready(shown, name)
            if name == "annotate-work":
                shown.locator("g.mark").first.focus()
            shown.screenshot(path=PICTURES / f"{name}-{width}.png", full_page=False)
        page.context.close()
        bo.context.close()
