"""The files of a statistical command: the same outcome as JSON, LaTeX, text, page and figures."""

from __future__ import annotations

from pathlib import Path

from usnet.extras import need
from usnet.reports.statistics import Outcome, as_json, latex, text
from usnet.reports.statistics_page import page


def write_outcome(outcome: Outcome, folder: Path) -> dict[str, Path]:
    """Write ``COMMAND.json``, ``.tex``, ``.txt``, ``.html`` and ``figures/`` into ``folder``; the paths by name.

    Raises
    ------
    MissingExtra
        There are figures and matplotlib (extra ``evaluate``) is not installed; the rest is written before that.
    """
    folder.mkdir(parents=True, exist_ok=True)
    contents = {"json": as_json(outcome), "tex": latex(outcome), "txt": text(outcome) + "\n", "html": page(outcome)}
    written = {}
    for ending, content in contents.items():
        path = folder / f"{outcome.command}.{ending}"
        path.write_text(content, encoding="utf-8")
        written[path.name] = path
    if outcome.figures:
        from usnet.evaluation.figures import save, svg

        need("matplotlib", extra="evaluate", feature="figures")
        figures = {name: draw() for name, draw in outcome.figures.items()}
        for name, figure in figures.items():
            written[f"{name}.svg"] = save(figure, folder / "figures", name)[0]
        pictures = [(name, svg(figure, f"{outcome.command}-{name}")) for name, figure in figures.items()]
        (folder / f"{outcome.command}.html").write_text(page(outcome, pictures), encoding="utf-8")
    return written
