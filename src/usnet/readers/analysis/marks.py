"""Free-response analysis of the boxes that readers drew."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from usnet.readers.analysis.study import missing
from usnet.readers.readings import Read, StudyData
from usnet.reports.statistics import Cell, Grid, interval_text, p_text
from usnet.statistics.afroc import FigureOfMerit, Marks
from usnet.statistics.detection import match_image
from usnet.statistics.marks_files import MarkStudy
from usnet.statistics.mrmc import MrmcResult, analyse_jackknife

ACCEPTED = 0.3
"""A mark hits a nodule from this intersection over union on: a hand-drawn box is looser than a detector's."""
MERIT: FigureOfMerit = "wAFROC1"
"""Takes false marks of all cases, so that it is defined without normal cases too."""


def mark_study(data: StudyData) -> MarkStudy | None:
    """Marks of the readers who read all cases in every modality; ``None`` where no boxes were asked for or no such reader is."""
    if not data.protocol.questions.boxes:
        return None
    modalities = data.modalities
    readers = sorted(set.intersection(*(set(missing(data, m).complete) for m in modalities)))
    cases = sorted(name for name, c in data.cases.items() if c.use == "test")
    if not readers or not any(data.cases[name].boxes for name in cases):
        return None
    marks: dict[tuple[str, str], Marks] = {}
    for modality in modalities:
        own: dict[int, dict[str, Read]] = defaultdict(dict)
        for read in data.of(modality):
            own[read.reader][read.case] = read
        for number in readers:
            marks[modality, f"R{number:03d}"] = _marks(data, cases, own[number])
    return MarkStudy(modalities, tuple(f"R{n:03d}" for n in readers), tuple(cases), marks)


def froc_grid(study: MarkStudy) -> tuple[Grid, MrmcResult | None]:
    """Mean figure of merit by modality, and modalities compared where there are two and two readers."""
    values = study.values(MERIT)
    result = None
    if len(study.readers) > 1:
        diseased = int(study.first.diseased.sum())
        result = analyse_jackknife(
            values,
            study.without(MERIT),
            reader_names=study.readers,
            modality_names=study.modalities,
            merit=MERIT,
            positives=diseased,
            negatives=len(study.cases) - diseased,
        )
    rows: list[tuple[Cell, ...]] = []
    if result is None:
        rows = [(m, float(v.mean()), "-", "-") for m, v in zip(study.modalities, values, strict=True)]
    else:
        rows = [(e.label, e.value, interval_text(e.interval), "-") for e in result.means]
        rows += [(d.label, d.value, interval_text(d.interval), p_text(d.p)) for d in result.differences]
    found = [np.mean(np.isfinite(m.lesion_rating)) for m in study.marks.values()]
    title = f"Boxes: {MERIT}, {len(study.readers)} readers, nodules marked {100 * float(np.mean(found)):.0f} % (IoU >= {ACCEPTED})"
    return Grid(title, ("", MERIT, "95 % CI", "p"), tuple(rows)), result


def _marks(data: StudyData, cases: list[str], reads: dict[str, Read]) -> Marks:
    lesions = np.array([len(data.cases[c].boxes) for c in cases], dtype=np.intp)
    lesion_case = np.repeat(np.arange(len(cases)), lesions)
    rating = np.full(int(lesions.sum()), -np.inf)
    false_case, false_rating = list[int](), list[float]()
    start = 0
    for place, name in enumerate(cases):
        truth = np.array([[x, y, x + w, y + h] for x, y, w, h in data.cases[name].boxes]).reshape(-1, 4)
        drawn = reads[name].marks
        boxes = np.array([[x, y, x + w, y + h] for x, y, w, h, _ in drawn]).reshape(-1, 4)
        scores = np.array([c for *_, c in drawn], dtype=np.float64)
        for hit, score in zip(match_image(boxes, scores, truth, ACCEPTED), scores, strict=True):
            if hit >= 0:
                rating[start + hit] = score
            else:
                false_case.append(place)
                false_rating.append(float(score))
        start += len(truth)
    weight = np.repeat(1 / np.maximum(lesions, 1), lesions)
    return Marks(lesions, lesion_case, weight, rating, np.array(false_case, dtype=np.intp), np.array(false_rating))
