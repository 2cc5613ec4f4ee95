"""The whole report into a folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import usnet
from usnet.readers.analysis.behaviour import agreement_grid, difficulty_grid, learning_grid, repeats_grid, time_grid
from usnet.readers.analysis.effects import reliance
from usnet.readers.analysis.marks import froc_grid, mark_study
from usnet.readers.analysis.strata import strata_grid
from usnet.readers.analysis.study import ai_grid, arms_grid, compare_arms, missing_grid
from usnet.readers.analysis.tables import first_grids
from usnet.readers.readings import StudyData
from usnet.readers.report.checklist import checklist
from usnet.readers.report.exports import write_exports
from usnet.readers.report.figures import draw
from usnet.reports import style
from usnet.reports.pdf import pdf as to_pdf
from usnet.reports.statistics import Grid, cell_text, plain, plain_text

Section = tuple[str, list[Grid], list[str]]
"""Title, tables, sentences for a paper."""


def write_report(data: StudyData, folder: Path, *, pdf: bool = False) -> list[Path]:
    """Write ``report.html`` (and ``report.pdf``), ``report.txt``, ``report.json``, ``figures/`` and ``exports/``; paths written.

    Raises
    ------
    MissingExtra
        matplotlib (extra ``evaluate``), or weasyprint (extra ``pdf``) for the PDF.
    """
    from usnet.evaluation.figures import save, svg

    folder.mkdir(parents=True, exist_ok=True)
    parts = sections(data)
    pictures = []
    for name, (figure, caption) in draw(data).items():
        save(figure, folder / "figures", name)
        pictures.append((name, svg(figure, name), caption))
    text = "\n\n".join(plain_text(grid) for _, grids, _ in parts for grid in grids)
    contents = {
        "report.html": page(data, parts, pictures),
        "report.txt": text + "\n",
        "report.json": _json(data, parts),
    }
    written = []
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8")
        written.append(folder / name)
    if pdf:
        (folder / "report.pdf").write_bytes(to_pdf(contents["report.html"]))
        written.append(folder / "report.pdf")
    return written + write_exports(data, folder / "exports")


def sections(data: StudyData) -> list[Section]:
    """All tables by heading, in the order of the report."""
    first = data.first_modality
    sentences: list[str] = []
    mrmc: list[Grid] = []
    if data.ai and data.reads:
        grid, results = ai_grid(data, first)
        mrmc.append(grid)
        sentences += [result.sentence() for result in results[:1]]
    arms = compare_arms(data)
    if arms:
        mrmc.append(arms_grid(arms))
        sentences += [one.balanced.sentence() for one in arms[:1] if one.balanced is not None]
    marks = mark_study(data)
    found: list[Section] = [
        (f"The paper's tables ({first})", first_grids(data), []),
        ("Readers and cases random", mrmc, sentences),
        ("Readings made and missing", [missing_grid(data)], _missing_words(data)),
        ("Boxes", [froc_grid(marks)[0]] if marks is not None else [], []),
        ("Reliance on the model", reliance(data), []),
        ("Time and learning", [time_grid(data), learning_grid(data)], []),
        ("Agreement", [repeats_grid(data), agreement_grid(data)], []),
        ("Hard cases", [strata_grid(data), difficulty_grid(data)], []),
        ("Checklist", [checklist(data)], []),
    ]
    kept = [(title, [g for g in grids if g.rows], words) for title, grids, words in found]
    return [section for section in kept if section[1]]


def page(data: StudyData, parts: Sequence[Section], pictures: Sequence[tuple[str, str, str]]) -> str:
    """The report as one HTML page without outside parts."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("usnet.reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["cell"] = cell_text
    return environment.get_template("study.html.j2").render(
        data=data,
        sections=parts,
        pictures=[(name, Markup(picture), caption) for name, picture, caption in pictures],
        version=usnet.__version__,
        written=datetime.now(UTC).isoformat(timespec="minutes"),
        research_use=style.RESEARCH_USE,
    )


def _missing_words(data: StudyData) -> list[str]:
    words = [
        "Readers who did not read all cases are left out of analyses that need every reading (Obuchowski-Rockette, 1T-RRRC); "
        "scores and times are of the cases that were read."
    ]
    if data.excluded:
        words.append("Excluded: " + "; ".join(f"reader {n} ({why})" for n, why in data.excluded.items()) + ".")
    return words


def _json(data: StudyData, parts: Sequence[Section]) -> str:
    document = {
        "study": data.protocol.study.id,
        "protocol_sha256": data.protocol.sha256(),
        "version": usnet.__version__,
        "state": data.state,
        "sections": [{"title": t, "tables": g, "sentences": s} for t, g, s in parts],
    }
    return json.dumps(plain(document), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
