"""Readings in other programs' formats, and a codebook for the long table."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from usnet.errors import DataError
from usnet.readers.analysis.study import mrmc_study
from usnet.readers.readings import Read, StudyData
from usnet.statistics.mrmc import Study, write_study

CODEBOOK: dict[str, str] = {
    "study": "id of the study",
    "reader": "number of the reader (R001 ...), or AI",
    "kind": "reader, or ai: entered by the system at the stored operating point",
    "level": "level of experience, from the years told",
    "years": "years of experience in breast ultrasound as told",
    "sex": "female, male, other, as told",
    "age_band": "age in years, as told",
    "panel": "expert panel, empty for none",
    "sequence": "order of arms of this reader: digits are places in the protocol's list of arms",
    "modality": "arm; 'sequential, alone' and 'sequential, with AI' are its two steps",
    "period": "1 for the first part of a crossover",
    "position": "place among the cases that count in the period, from 1",
    "case": "name of the case within the study",
    "stratum": "stratum of the protocol",
    "label": "truth of the case: benign, malignant, normal",
    "truth": "1 for malignant, 0 otherwise",
    "use": "test, or repeat: a case shown a second time, not in MRMC analyses",
    "decision": "benign or malignant",
    "correct": "1 where decision and truth agree",
    "probability": "probability of malignancy in per cent, empty where not asked",
    "birads": "BI-RADS category, empty where not asked",
    "marks": "boxes as JSON: [x, y, width, height, confidence] in image pixels",
    "active_s": "seconds of reading, as the page measured them",
    "idle_s": "seconds without a key or movement",
    "away_s": "seconds with another tab or window in front",
    "open_s": "seconds between showing and committing, as the server measured them",
    "hints": "contradictions between the answers, which the reader saw and kept",
    "comment": "free text",
    "time": "time of commit, UTC",
}
"""Columns of ``readings.csv`` and what they mean."""


def write_exports(data: StudyData, folder: Path) -> list[Path]:
    """Write long CSV and JSON, codebook, and the study as ``.imrmc``, RJafroc xlsx and MRMCaov CSV; paths written.

    The last three hold the probabilities (decisions where none were asked) of the cases that count, without repeats; missing
    readings have no row. The model is in them as a reader of its own file, ``ai.csv``, because it has no arm.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = [
        _codebook(folder / "codebook.csv"),
        _long(data, folder / "readings.csv"),
        _json(data, folder / "readings.json"),
    ]
    if data.ai:
        written.append(_ai(data, folder / "ai.csv"))
    try:
        study = _renamed(mrmc_study(data, [m for m in data.modalities if any(True for _ in data.of(m))]))
    except DataError:
        return written  # nobody read, or only one class: there is no study to write
    for layout, name in (("imrmc", "study.imrmc"), ("rjafroc", "study-rjafroc.xlsx"), ("mrmcaov", "study-mrmcaov.csv")):
        write_study(study, folder / name, layout)
        written.append(folder / name)
    return written


def rows(data: StudyData) -> Iterator[dict[str, Any]]:
    """Rows of the long table, keys as :data:`CODEBOOK`; the model's last."""
    for read in data.reads:
        yield _row(data, read)
    for name, opinion in sorted(data.ai.items()):
        case = data.cases[name]
        if case.use == "test":
            row: dict[str, Any] = dict.fromkeys(CODEBOOK, "")
            row |= {"study": data.protocol.study.id, "reader": "AI", "kind": "ai", "modality": "AI", "case": name}
            row |= {"stratum": case.stratum, "label": case.label, "truth": int(case.malignant), "use": "test"}
            row |= {"decision": "malignant" if opinion.malignant else "benign"}
            row |= {"correct": int(opinion.malignant == case.malignant), "probability": 100 * opinion.probability}
            yield row | {"marks": json.dumps(opinion.boxes)}


def _row(data: StudyData, read: Read) -> dict[str, Any]:
    person, case = data.readers[read.reader], data.cases[read.case]
    row: dict[str, Any] = {"study": data.protocol.study.id, "reader": f"R{read.reader:03d}", "kind": "reader"}
    row |= {k: getattr(person, k) for k in ("level", "years", "sex", "age_band", "sequence")}
    row |= {"panel": person.panel or "", "modality": read.modality, "period": read.period + 1}
    row |= {"position": read.order + 1, "case": read.case, "stratum": case.stratum, "label": case.label}
    row |= {"truth": int(case.malignant), "use": read.use, "decision": read.decision}
    row |= {"correct": int(read.malignant == case.malignant), "marks": json.dumps(read.marks)}
    row |= {k: "" if getattr(read, k) is None else getattr(read, k) for k in ("probability", "birads", "open_s")}
    row |= {k: getattr(read, k) for k in ("active_s", "idle_s", "away_s", "comment", "time")}
    return row | {"hints": "; ".join(read.hints)}


def _long(data: StudyData, path: Path) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(CODEBOOK))
        writer.writeheader()
        writer.writerows(rows(data))
    return path


def _json(data: StudyData, path: Path) -> Path:
    document = {
        "protocol": data.protocol.model_dump(mode="json"),
        "protocol_sha256": data.protocol.sha256(),
        "state": data.state,
        "model": data.model,
        "excluded": {str(k): v for k, v in data.excluded.items()},
        "codebook": CODEBOOK,
        "readings": list(rows(data)),
    }
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return path


def _codebook(path: Path) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("column", "meaning"))
        writer.writerows(CODEBOOK.items())
    return path


def _ai(data: StudyData, path: Path) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("case", "truth", "score", "decision"))
        for name, opinion in sorted(data.ai.items()):
            if data.cases[name].use == "test":
                truth = int(data.cases[name].malignant)
                writer.writerow(
                    (name, truth, repr(opinion.probability), "malignant" if opinion.malignant else "benign")
                )
    return path


def _renamed(study: Study) -> Study:
    """Modalities without commas and spaces, which ``.imrmc`` and R would have to quote."""
    names = tuple(m.replace(", ", "-").replace(" ", "-") for m in study.modalities)
    return Study(study.readers, names, study.cases, study.truth, study.scores, study.source)
