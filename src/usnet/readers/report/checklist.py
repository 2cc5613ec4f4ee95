"""What reporting guidelines ask of such a study, answered from the study itself, in our own words.

Topics follow STARD-AI (2025), CLAIM (2024 update) and the habits of MRMC reporting (FDA guidance on CADe, 2022). Items that only
the organiser can answer say so: nothing is claimed that the study does not hold.
"""

from __future__ import annotations

from usnet.readers.analysis.study import missing
from usnet.readers.order import VERSION
from usnet.readers.readings import StudyData
from usnet.reports.statistics import Grid

OPEN = "To be written by the authors."


def checklist(data: StudyData) -> Grid:
    """One row an item: guideline, what is asked, what the study says."""
    rows = [*_design(data), *_readers(data), *_model(data), *_analysis(data)]
    return Grid("Checklist: STARD-AI, CLAIM, MRMC", ("Guideline", "Item", "From this study"), tuple(rows))


def _design(data: StudyData) -> list[tuple[str, str, str]]:
    p, c = data.protocol, data.protocol.cases
    strata = ", ".join(f"{s.count} {s.name} ({s.label})" for s in c.strata)
    positives = sum(s.count for s in c.strata if s.label == "malignant")
    wash = f", {p.design.washout_days} days between parts" if p.periods > 1 else ""
    return [
        ("STARD-AI, CLAIM", "Aim and hypotheses stated before the study", OPEN),
        (
            "STARD-AI",
            "Ethics vote, registration",
            f"Vote: {p.study.ethics or OPEN} Register: {p.study.registration or OPEN}",
        ),
        ("STARD-AI", "Protocol fixed beforehand", f"Frozen at the start on {data.started}, sha256 {p.sha256()}."),
        ("STARD-AI, CLAIM", "Cases: source, dates, setting, devices", OPEN),
        ("STARD-AI, CLAIM", "Cases: selection", f"{strata}; drawn by stratum with seed {p.study.seed}."),
        ("STARD-AI", "Reference standard", f"Stored with the cases before the start. How it was obtained: {OPEN}"),
        (
            "MRMC",
            "Prevalence in the study",
            f"{positives} of {c.total} cases ({100 * positives / c.total:.0f} %); readers' rates of a clinic may differ.",
        ),
        ("MRMC", "Design", f"{p.design.kind}, arms {', '.join(p.design.arms)}{wash}."),
        (
            "MRMC",
            "Order of reading",
            f"Own order for each reader and part, {VERSION}, stored row by row; "
            f"views of one nodule more than {c.nodule_gap} cases apart.",
        ),
        (
            "MRMC",
            "Training on the task and scale",
            f"{c.training} cases with{'' if p.reading.feedback else 'out'} feedback, not counted.",
        ),
        (
            "STARD-AI, MRMC",
            "Blinding",
            "Until an answer was locked, the server sent no truth, no file name, no metadata and, outside aided reading, "
            "nothing of the model.",
        ),
    ]


def _readers(data: StudyData) -> list[tuple[str, str, str]]:
    levels = [
        f"{sum(r.level == one.name for r in data.readers.values())} {one.name} ({one.text()})"
        for one in data.protocol.levels
    ]
    excluded = "; ".join(f"reader {n}: {why}" for n, why in data.excluded.items()) or "none"
    first = missing(data, data.first_modality)
    questions = ["decision"] + [k for k, v in data.protocol.questions.model_dump().items() if v]
    return [
        (
            "MRMC, CLAIM",
            "Readers: number and experience",
            f"{len(data.readers)} enrolled of {data.invited} invited: {', '.join(levels)}.",
        ),
        ("MRMC", "Readers excluded", f"{excluded}."),
        (
            "MRMC",
            "Questions and scales",
            f"{', '.join(questions)}; the probability (0 to 100) has no starting position.",
        ),
        (
            "STARD-AI, MRMC",
            "Missing and indeterminate readings",
            f"{first.due - first.made} of {first.due} readings missing ({first.modality}); an answer cannot be indeterminate.",
        ),
        ("MRMC", "Reading time", "Active, idle and away time apart; see the table of times."),
    ]


def _model(data: StudyData) -> list[tuple[str, str, str]]:
    if data.model is None:
        return [("STARD-AI, CLAIM", "Model", "No model took part.")]
    point = data.model["point"]
    return [
        ("STARD-AI, CLAIM", "Model and version", f"{data.model['name']}, sha256 {data.model['sha256']}."),
        (
            "STARD-AI, CLAIM",
            "Threshold fixed beforehand",
            f"Operating point {point['name']}: detection {point['detection']:.4g}, malignancy {point['malignancy']:.4g}. "
            f"{point['origin']}",
        ),
        ("CLAIM", "Training data of the model, overlap with the cases", f"In the bundle's card. Overlap: {OPEN}"),
        ("STARD-AI", "Entry of the model's readings", "By the system, before the first reader; signed with the cases."),
    ]


def _analysis(data: StudyData) -> list[tuple[str, str, str]]:
    return [
        ("STARD-AI", "Accuracy with intervals", "Counts with every rate; Wilson intervals; Tables 1 and 2."),
        (
            "MRMC",
            "Readers and cases as random",
            "Obuchowski-Rockette with Hillis' degrees of freedom; AI against readers by 1T-RRRC; U-statistics where readings "
            "are missing.",
        ),
        ("MRMC", "Spread between readers", "SD and range by level; curves and points of all readers in the figure."),
        (
            "STARD-AI",
            "Subgroups",
            "By level and by sex of the reader; cases by stratum.",
        ),
        (
            "STARD-AI",
            "Harm of automation: over-reliance",
            "Right and wrong changes by whether the model is right, where there is an aided arm.",
        ),
        ("STARD-AI, CLAIM", "Data and code", "Long table, codebook and formats of R packages are beside this report."),
        (
            "STARD-AI",
            "Interim looks",
            "Every look at results before the end is a row of the signed log: see 'usnet study verify'.",
        ),
        ("STARD-AI, CLAIM", "Limits and use in a clinic", OPEN),
    ]
