"""The paper's Table 1: readers by level with age, sex, experience and score, and tests that are named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from usnet.readers.analysis.scores import Score, by_level
from usnet.readers.readings import Person, StudyData
from usnet.reports.statistics import Cell, Grid, p_text
from usnet.statistics.groups import (
    Description,
    TestResult,
    describe,
    kruskal_wallis,
    mann_whitney,
    one_against_group,
    welch_anova,
)
from usnet.statistics.groups_trend import jonckheere

HEADINGS = (
    "Examiners",
    "Readers",
    "Age, y (SE)",
    "Female/male",
    "Experience, y (SE)",
    "Score",
    "SE",
    "SD",
    "Range",
    "95 % CI of the mean",
)


def table1(data: StudyData, scores: Mapping[int, Score], panels: Sequence[Score], ai: Score | None) -> Grid:
    """Readers by level, panels as one row of group scores, and the model. Ages are the middles of the bands that readers told."""
    rows: list[tuple[Cell, ...]] = []
    for level, own in by_level(data, scores).items():
        people = [data.readers[int(s.name)] for s in own]
        rows.append((_called(data, level), len(own), *_people(people), *_described([s.points for s in own])))
    if panels:
        members = [p for p in data.readers.values() if p.panel is not None]
        rows.append(
            (
                f"Expert groups (n = {len(panels)})",
                len(members),
                *_people(members),
                *_described([s.points for s in panels]),
            )
        )
    if ai is not None:
        rows.append(("AI", None, None, None, None, ai.points, None, None, None, None))
    return Grid("Table 1. Scores by level of experience", HEADINGS, tuple(rows), 2)


def score_tests(data: StudyData, scores: Mapping[int, Score], panels: Sequence[Score], ai: Score | None) -> Grid:
    """Every comparison of scores with its test named. The cases are taken as fixed; for readers and cases random see MRMC."""
    levels = {level: [s.points for s in own] for level, own in by_level(data, scores).items()}
    found: list[tuple[str, TestResult]] = []
    if len(levels) > 1:
        groups = list(levels.values())
        question = f"do the {len(levels)} levels differ ({', '.join(levels)})"
        found += [(question, kruskal_wallis(groups)), (question, welch_anova(groups))]
        found.append(("do scores rise with the level", jonckheere(groups)))
    everybody = [s.points for s in scores.values()]
    if panels and everybody:
        alone = [s.points for n, s in scores.items() if data.readers[n].panel is None]
        if alone:
            found.append(("readers outside panels v expert groups", mann_whitney(alone, [s.points for s in panels])))
    if ai is not None and len(everybody) > 1:
        member, mean = one_against_group(ai.points, everybody)
        found += [("could the AI be one more reader", member), ("is the readers' mean the AI's score", mean)]
        for level, values in levels.items():
            if len(values) > 1:
                found.append((f"could the AI be one more {level}", one_against_group(ai.points, values)[0]))
        if len(panels) > 1:
            found.append(
                ("could the AI be one more expert group", one_against_group(ai.points, [p.points for p in panels])[0])
            )
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (question, t.test, _statistic(t), p_text(t.p), t.note or "") for question, t in found
    )
    return Grid("Tests of the scores", ("Question", "Test", "Statistic", "p", "Note"), rows)


def by_sex(data: StudyData, scores: Mapping[int, Score]) -> Grid:
    """Female against male readers, in each level and in all."""
    rows: list[tuple[Cell, ...]] = []
    groups = {**by_level(data, scores), "all": list(scores.values())}
    for level, own in groups.items():
        women, men = ([s.points for s in own if s.sex == sex] for sex in ("female", "male"))
        if not women or not men:
            continue
        test = mann_whitney(women, men)
        means = (sum(women) / len(women), sum(men) / len(men))
        rows.append((level, len(women), means[0], len(men), means[1], test.test, p_text(test.p)))
    return Grid(
        "Scores of female and male readers",
        ("Level", "female, n", "mean", "male, n", "mean ", "Test", "p"),
        tuple(rows),
        2,
    )


def age_of(band: str) -> float | None:
    """Middle of an age band in years; ``None`` for the open ones."""
    low, dash, high = band.partition("-")
    return (float(low) + float(high) + 1) / 2 if dash else None


def _called(data: StudyData, level: str) -> str:
    return next(f"{one.name} {one.text()}" for one in data.protocol.levels if one.name == level)


def _people(people: Sequence[Person]) -> tuple[Cell, ...]:
    ages = [a for p in people if (a := age_of(p.age_band)) is not None]
    years = [p.years for p in people]
    sexes = [sum(p.sex == sex for p in people) for sex in ("female", "male")]
    return _mean_se(ages), f"{sexes[0]}/{sexes[1]}", _mean_se(years)


def _mean_se(values: Sequence[float]) -> Cell:
    if not values:
        return None
    d = describe(values)
    return f"{d.mean:.1f}" if d.se is None else f"{d.mean:.1f} ± {d.se:.2f}"


def _described(points: Sequence[float]) -> tuple[Cell, ...]:
    d: Description = describe(points)
    return d.mean, d.se, d.sd, f"{d.low:g}-{d.high:g}", _within(d)


def _statistic(test: TestResult) -> Cell:
    if test.statistic is None:
        return None
    df = f"({', '.join(f'{v:.4g}' for v in test.df)})" if test.df else ""
    return f"{test.statistic_name}{df} = {test.statistic:.4g}"


def _within(d: Description) -> Cell:
    """The interval within what a score can be."""
    return None if d.interval is None else f"{max(d.interval.low, 0):.1f} to {min(d.interval.high, 100):.1f}"
