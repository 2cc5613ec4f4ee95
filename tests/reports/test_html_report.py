"""The page: complete, escaped, without network or script, and small for large exams."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from helpers.made_up import MODEL, POINT, diagnosis, finding, frame
from usnet.diagnosis.fuse import fuse_all
from usnet.reports import html
from usnet.reports.html import Entry, Summary, alt_text, write_report
from usnet.reports.one_json import write_json
from usnet.reports.overlay import save_overlay
from usnet.reports.style import RESEARCH_USE, percent
from usnet.values import Diagnosis, Failure

EVIL = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'{{7*7}}"


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def report(folder: Path, *made: Diagnosis, overlays: bool = True, **more: object) -> Page:
    entries = []
    for number, one in enumerate(made):
        overlay = save_overlay(frame(), one, folder / f"{number} #.png") if overlays else None
        entries.append(Entry(one, write_json(one, folder / f"{number} #.json"), overlay, folder))
    counts = {label: sum(d.label == label for d in made) for label in ("benign", "malignant", "normal")}
    summary = Summary("9.9", "2025-01-01", MODEL, POINT, "made up", "none", counts)  # type: ignore[arg-type]
    return Page(write_report(folder / "report.html", summary, entries, **more))  # type: ignore[arg-type]


def test_the_page_says_everything(tmp_path: Path) -> None:
    made = (diagnosis(finding(), image_id="one.png"), diagnosis(image_id="two.png", warnings=("colour: do not rely",)))
    page = report(tmp_path, *made, failures=[Failure("bad.png", "empty file")])
    for text in ("one.png", "two.png", "bad.png", "empty file", "colour: do not rely", MODEL.sha256, POINT.origin):
        assert text in page.text
    assert page.text.count(RESEARCH_USE) == 2
    assert "no nodule found" in page.text
    assert "3.0 x 8.0 mm" in page.text
    assert [img["alt"] for img in page.all("img")] == [alt_text(d) for d in made]
    assert all(str(img["src"]).startswith("data:image/jpeg;base64,") for img in page.all("img"))
    assert page.all("html")[0]["lang"] == "en"
    assert all("scope" in th for th in page.all("th"))


def test_nothing_is_fetched_and_nothing_runs(tmp_path: Path) -> None:
    page = report(tmp_path, diagnosis(finding()))
    assert not page.all("script")
    assert not page.all("link")
    text = (tmp_path / "report.html").read_text()
    assert "http:" not in text
    assert "https:" not in text


def test_names_and_headers_are_escaped(tmp_path: Path) -> None:
    made = replace(diagnosis(finding()), image_id=EVIL, source=EVIL, group=EVIL, warnings=(EVIL,))
    page = report(tmp_path, made, failures=[Failure(EVIL, EVIL)], groups=fuse_all([made], "patient"), title=EVIL)
    assert not page.all("script")
    assert len(page.all("img")) == 1
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert page.text.count(EVIL) >= 8


def test_links_lead_to_files(tmp_path: Path) -> None:
    from urllib.parse import unquote

    page = report(tmp_path, diagnosis(finding()), diagnosis())
    hrefs = [str(a["href"]) for a in page.all("a")]
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    assert all(href[1:] in ids for href in hrefs if href.startswith("#"))
    files = [href for href in hrefs if not href.startswith("#")]
    assert len(files) == 4
    assert all((tmp_path / unquote(href)).is_file() for href in files)


def test_large_exams_link_their_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "EMBED_LIMIT", 2)
    page = report(tmp_path, *[diagnosis(finding())] * 3)
    assert [img["src"] for img in page.all("img")] == ["0%20%23.png", "1%20%23.png", "2%20%23.png"]
    assert (tmp_path / "report.html").stat().st_size < 40_000


def test_without_pictures(tmp_path: Path) -> None:
    page = report(tmp_path, diagnosis(finding()), overlays=False)
    assert not page.all("img")
    assert "1 finding" in page.text


def test_alt_text_says_what_the_picture_shows() -> None:
    made = diagnosis(finding((10, 5, 20, 20)), finding((90, 70, 20, 20), probability=0.1))
    assert alt_text(made) == (
        "Ultrasound image a.png, called malignant, 2 findings; box 1 at upper left, 3.0 x 8.0 mm, malignant, "
        "probability of malignancy 80 %; box 2 at lower right, 3.0 x 8.0 mm, benign, probability of malignancy 10 %"
    )
    assert alt_text(diagnosis()) == "Ultrasound image a.png, called normal, no nodule found"


@pytest.mark.parametrize(
    ("probability", "text"), [(0.0, "< 1 %"), (0.004, "< 1 %"), (0.125, "12 %"), (0.83, "83 %"), (0.9999, "> 99 %")]
)
def test_no_probability_is_shown_as_certain(probability: float, text: str) -> None:
    assert percent(probability) == text
