"""``report.html``: one page for an exam, with pictures, for any browser and for paper. It needs no network and no script."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath
from urllib.parse import quote

from usnet.diagnosis.fuse import GroupOpinion
from usnet.diagnosis.loops import LoopOpinion
from usnet.reports import style
from usnet.values import Diagnosis, Failure, Finding, Label, ModelIdentity, OperatingPoint

EMBED_LIMIT = 200
"""Reports on more images link their pictures instead of holding them, so that the page and the memory stay small."""

EMBEDDED_WIDTH = 900

_GROUP_RULES = {
    "mean-log-odds": "Views of one nodule: the mean of their log-odds; on malignancy only views with a finding vote. "
    "Every view is in the table below.",
    "worst-view": "Images of one patient: the worst one speaks for the patient. Every image is in the table below.",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One image of the report. ``json`` and ``overlay`` are files below the report's folder; ``None`` for no picture."""

    diagnosis: Diagnosis
    json: Path
    overlay: Path | None
    folder: Path

    @property
    def json_link(self) -> str:
        """Relative address of the JSON file."""
        return _link(self.json, self.folder)

    @property
    def overlay_link(self) -> str:
        """Relative address of the picture, empty without one."""
        return "" if self.overlay is None else _link(self.overlay, self.folder)


@dataclass(frozen=True, slots=True)
class Summary:
    """What the head of the report says. ``counts`` are images by label, ``finished`` a UTC time in ISO 8601."""

    version: str
    finished: str
    model: ModelIdentity
    operating_point: OperatingPoint
    calibration: str
    engine: str
    counts: dict[Label, int]


def write_report(
    path: str | Path,
    summary: Summary,
    entries: Iterable[Entry],
    failures: Sequence[Failure] = (),
    groups: Sequence[GroupOpinion] = (),
    loops: Sequence[LoopOpinion] = (),
    *,
    title: str = "Breast ultrasound report",
) -> Path:
    """Write the report and return its path.

    ``entries`` is iterated twice and may read each entry from disk: nothing of an image is kept while the page is written. Every
    text is escaped, because file names and headers come from outside.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    path = Path(path)
    environment = Environment(
        loader=PackageLoader("usnet.reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=False
    )
    embed = sum(summary.counts.values()) <= EMBED_LIMIT
    environment.filters |= {
        "percent": style.percent,
        "size": style.size_text,
        "file_name": lambda source: PurePath(source).name,
        "counted": style.counted,
        "largest": largest_text,
        "codes": warning_codes,
        "alt": alt_text,
        "alerts": alerts,
        "picture": partial(picture, embed=embed),
    }
    page = environment.get_template("report.html.j2").generate(
        title=title,
        summary=summary,
        entries=entries,
        failures=failures,
        groups=groups,
        loops=loops,
        group_rule=_GROUP_RULES[groups[0].rule] if groups else "",
        research_use=style.RESEARCH_USE,
    )
    with path.open("w", encoding="utf-8", errors="backslashreplace") as stream:
        stream.writelines(page)
    return path


def picture(entry: Entry, *, embed: bool) -> str:
    """Address of an entry's picture: its data as JPEG, or a relative link; empty where there is none."""
    if entry.overlay is None or not embed:
        return entry.overlay_link
    from PIL import Image

    from usnet.reports.overlay import without_text

    with Image.open(entry.overlay) as image:
        shown = without_text(image).convert("RGB")
    shown.thumbnail((EMBEDDED_WIDTH, 4 * EMBEDDED_WIDTH))
    buffer = io.BytesIO()
    shown.save(buffer, format="JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def alt_text(diagnosis: Diagnosis) -> str:
    """What the picture shows, for those who do not see it."""
    said = f"Ultrasound image {diagnosis.image_id}, called {diagnosis.label}, {style.counted(diagnosis)}"
    marks = [
        f"box {number} at {_place(finding, diagnosis)}, {style.size_text(finding)}, {finding.label}, "
        f"probability of malignancy {style.percent(finding.probability)}"
        for number, finding in enumerate(diagnosis.findings, 1)
    ]
    return "; ".join([said, *marks])


def largest_text(diagnosis: Diagnosis) -> str:
    """Size of the finding with the largest box; empty without findings. The warnings say where it is uncalibrated."""
    if not diagnosis.findings:
        return ""
    largest = max(diagnosis.findings, key=lambda finding: finding.box.area)
    return style.size_text(largest).removesuffix(style.UNCALIBRATED)


def warning_codes(diagnosis: Diagnosis) -> str:
    """The words before the colons of the warnings."""
    return ", ".join(warning.partition(":")[0] for warning in diagnosis.warnings)


def alerts(diagnosis: Diagnosis) -> list[str]:
    """Warnings to shout. A missing pixel spacing is not among them: every PNG lacks it, and each size says so."""
    return [warning for warning in diagnosis.warnings if not warning.startswith("uncalibrated:")]


def _place(finding: Finding, diagnosis: Diagnosis) -> str:
    """Third of the frame in which the middle of a box lies, in words."""
    x = (finding.box.x + finding.box.width / 2) / diagnosis.width
    y = (finding.box.y + finding.box.height / 2) / diagnosis.height
    row = ("upper", "middle", "lower")[min(2, int(3 * y))]
    column = ("left", "centre", "right")[min(2, int(3 * x))]
    return f"{row} {column}"


def _link(path: Path, folder: Path) -> str:
    return quote(path.relative_to(folder).as_posix(), errors="surrogateescape")
