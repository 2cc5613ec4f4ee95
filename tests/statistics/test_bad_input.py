"""Bad input to every statistics command: a named error with file and row, or a dash and a reason; never a silent number."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from usnet.cli.app import app
from usnet.errors import UsnetError
from usnet.statistics.mrmc import RoeMetz, simulate_study, write_study

READINGS = ["reader,modality,case,truth,score"]
READINGS += [
    f"{r},{m},{c},{int(c < 4)},{(7 * c + 3 * r + m) % 11 + 5 * (c < 4)}"
    for r in range(3)
    for m in range(2)
    for c in range(8)
]
MARKS = ["modality,reader,case,lesion_hit,rating"]
MARKS += [
    f"{m},{r},{c},{int(c < 4)},{(c + 2 * r + (m == 'a')) % 5 + 1}" for m in "ab" for r in range(2) for c in range(8)
]
LESIONS = ["case,lesion", *(f"{c},1" for c in range(4))]
CASES = ["case,diseased", *(f"{c},{int(c < 4)}" for c in range(8))]
RATINGS = ["case,reader,rating", *(f"{c},{r},{(c + (r == 'b' and c == 2)) % 3}" for c in range(6) for r in "ab")]
LEVELS = ["level,score", *(f"{g},{v}" for g in "xy" for v in (1, 2, 4, 7))]
SCORES = ["truth,score,other,call,patient", *(f"{i % 2},0.{i + 1},0.{9 - i},{i % 2},{i // 2}" for i in range(8))]


def changed(lines: list[str], row: int, cell: int, value: str) -> list[str]:
    """The lines with one cell of file row ``row`` (the heading is row 1) replaced."""
    cells = lines[row - 1].split(",")
    cells[cell] = value
    return [*lines[: row - 1], ",".join(cells), *lines[row:]]


def without(lines: list[str], pattern: str) -> list[str]:
    return [line for line in lines if not re.search(pattern, line)]


FILES = {
    "readings": READINGS,
    "marks": MARKS,
    "lesions": LESIONS,
    "cases": CASES,
    "ratings": RATINGS,
    "levels": LEVELS,
    "scores": SCORES,
}
COMMANDS = {
    "roc": "roc scores",
    "compare": "compare scores --first score --second other",
    "rates": "rates scores",
    "paired": "paired scores --reading call --reading truth",
    "calibration": "calibration scores --bootstrap 20",
    "mrmc": "mrmc readings",
    "mrmc u": "mrmc readings --method u",
    "sample-size": "sample-size readings --effect 0.1 --readers 5",
    "froc": "froc marks --lesions lesions --cases cases",
    "agreement": "agreement ratings",
    "limits": "agreement ratings --limits",
    "groups": "groups levels",
}
UNKNOWN = changed(SCORES, 4, 0, "perhaps")
NAN = changed(SCORES, 4, 1, "nan")
ONE_CLASS = [SCORES[0], *(line for line in SCORES[1:] if line.startswith("1"))]
BAD = [
    # unknown truth values
    *(
        (name, {"scores": UNKNOWN}, r"row 4: unknown truth 'perhaps'")
        for name in ("roc", "compare", "rates", "calibration")
    ),
    *(
        (name, {"readings": changed(READINGS, 3, 3, "maybe")}, "row 3.*'maybe'")
        for name in ("mrmc", "mrmc u", "sample-size")
    ),
    ("mrmc", {"readings": changed(READINGS, 3, 3, "0")}, "truth"),  # case 1 is positive elsewhere
    ("froc", {"cases": changed(CASES, 3, 1, "maybe")}, "row 3.*'maybe'"),
    ("paired", {"scores": changed(SCORES, 4, 3, "2")}, "row 4: call '2'"),
    ("rates", {"scores": changed(SCORES, 4, 3, "yes!")}, "row 4: call 'yes!'"),
    # a reader who read one case twice
    *(
        (name, {"readings": [*READINGS, READINGS[1]]}, "row 50: reader '0' read case '0' twice")
        for name in ("mrmc", "mrmc u")
    ),
    ("agreement", {"ratings": [*RATINGS, RATINGS[1]]}, "row 14: reader 'a' rated case '0' twice"),
    ("limits", {"ratings": [*RATINGS, RATINGS[1]]}, "reader 'a' measured case '0' twice"),
    # scores that are not finite numbers
    *((name, {"scores": NAN}, r"row 4: score 'nan'") for name in ("roc", "compare", "calibration")),
    ("roc", {"scores": changed(SCORES, 4, 1, "inf")}, r"row 4: score 'inf'"),
    *(
        (name, {"readings": changed(READINGS, 5, 4, "nan")}, "row 5.*'nan'")
        for name in ("mrmc", "mrmc u", "sample-size")
    ),
    ("froc", {"marks": changed(MARKS, 5, 4, "nan")}, "row 5.*'nan'"),
    ("limits", {"ratings": changed(RATINGS, 5, 2, "nan")}, "row 5: rating 'nan'"),
    ("groups", {"levels": changed(LEVELS, 5, 1, "nan")}, "row 5: score 'nan'"),
    # a class with no cases
    *((name, {"scores": ONE_CLASS}, "all cases are positive") for name in ("roc", "compare", "rates", "calibration")),
    *(
        (name, {"readings": without(READINGS, r",0,\d+$")}, "condition|class")
        for name in ("mrmc", "mrmc u", "sample-size")
    ),
    # modalities with different cases
    ("mrmc", {"readings": without(READINGS, r"^\d,1,7,")}, "cases"),
    ("sample-size", {"readings": without(READINGS, r"^\d,1,7,")}, "cases"),
    # no such file, an empty file, a column that is not there
    *(
        (name, {name2: []}, "no rows|empty|no column")
        for name, name2 in (("roc", "scores"), ("mrmc", "readings"), ("froc", "marks"))
    ),
    ("froc", {"marks": [*MARKS, "a,0,99,0,3"]}, "99"),
    ("agreement", {"ratings": [line.replace("rating", "grade") for line in RATINGS]}, "no column 'rating'"),
    ("groups", {"levels": without(LEVELS, "^y")}, "one group"),
]


def run(folder: Path, command: str, files: dict[str, list[str]]) -> str:
    paths = {}
    for name, lines in (FILES | files).items():
        paths[name] = folder / f"{name}.csv"
        paths[name].write_text("\n".join(lines) + "\n")
    words = [str(paths.get(word, word)) for word in command.split()]
    result = CliRunner().invoke(app, ["stats", words[0], *words[1:]])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_the_good_files_run(name: str, tmp_path: Path) -> None:
    assert "Method:" in run(tmp_path, COMMANDS[name], {})


@pytest.mark.parametrize(("name", "files", "match"), BAD, ids=[f"{i}-{b[0]}" for i, b in enumerate(BAD)])
def test_bad_files_are_named(name: str, files: dict[str, list[str]], match: str, tmp_path: Path) -> None:
    with pytest.raises(UsnetError, match=match) as caught:
        run(tmp_path, COMMANDS[name], files)
    assert caught.value.exit_code == 3
    assert f"{next(iter(files))}.csv" in str(caught.value)


def test_u_statistics_take_modalities_with_different_cases(tmp_path: Path) -> None:
    printed = run(tmp_path, COMMANDS["mrmc u"], {"readings": without(READINGS, r"^\d,1,7,")})
    assert "3 readings missing" in printed


def test_a_negative_variance_is_not_estimable(tmp_path: Path) -> None:
    study = simulate_study(RoeMetz(), readers=3, positives=8, negatives=8, missing=0.4, seed=0)
    path = tmp_path / "gaps.csv"
    write_study(study, path)
    result = CliRunner().invoke(
        app, ["stats", "mrmc", str(path), "--method", "u", "--margin", "0.1", "--out", str(tmp_path)]
    )
    assert result.exit_code == 0
    assert "p and interval are not estimable" in result.output
    document = json.loads((tmp_path / "mrmc.json").read_text())
    rows = document["numbers"]["result"]
    negative = [one for one in (*rows["means"], *rows["differences"]) if one["variance"] < 0]
    assert negative
    assert all(one["bdg"]["interval"] is None and one["bdg"]["p"] is None for one in negative)


NOT_ESTIMABLE: dict[str, tuple[str, Callable[[int], str], str]] = {
    "perfect scores give a bound": ("roc", lambda i: f"{int(i > 3)},{i / 10},{i / 10},1,{i}", "perfect"),
    "constant scores give a bound": ("roc", lambda i: f"{i % 2},0.5,0.5,1,{i}", "constant"),
    "equal curves have no p": ("compare", lambda i: f"{i % 2},0.{i + 1},0.{i + 1},1,{i}", "not estimable"),
    "separated classes have no slope": ("calibration", lambda i: f"{int(i > 3)},{i / 10},0,1,{i}", "separate fully"),
    "equal readings have no p": ("paired", lambda i: f"{i % 2},0.5,0.5,{i % 2},{i}", "not estimable"),
}


@pytest.mark.parametrize("what", NOT_ESTIMABLE)
def test_what_cannot_be_estimated_says_so(what: str, tmp_path: Path) -> None:
    name, row, said = NOT_ESTIMABLE[what]
    printed = run(tmp_path, COMMANDS[name], {"scores": [SCORES[0], *map(row, range(8))]})
    assert said in printed
    assert "nan" not in printed
    assert "1.000 to 1.000" not in printed


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    for command in ("roc", "mrmc", "froc", "agreement", "groups", "calibration", "rates", "check-paper"):
        result = CliRunner().invoke(app, ["stats", command, str(tmp_path / "nothing.csv")])
        assert isinstance(result.exception, UsnetError), command
        assert "nothing.csv" in str(result.exception)
