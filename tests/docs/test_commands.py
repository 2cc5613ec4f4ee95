"""The command blocks of README and docs do what they say: they are run, page by page, in order, each page in its own folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from doc_pages import MARKS, PAGES, ROOT, RUN, Block, blocks

from usnet.bundles import shipped

SECONDS = 900
PROSE_ONLY = ("BENCHMARKS.md", "MODEL_CARD.md", "CHANGELOG.md")
"""Pages whose commands measure on real data; their command lines are checked in ``test_pages.py`` all the same."""
LONG = ("tutorials/radiologist.md", "tutorials/researcher.md", "tutorials/organiser.md", "how-to/train.md")
"""Pages that train, or serve until somebody has read: slow."""


def _missing(module: str, extra: str) -> Callable[[], str | None]:
    return lambda: None if find_spec(module) else f"{module} is not installed (extra {extra})"


NEEDS: dict[str, Callable[[], str | None]] = {
    "model": lambda: None if shipped() else "no model is shipped with this installation yet",
    "dicom": _missing("highdicom", "dicom"),
    "evaluate": _missing("matplotlib", "evaluate"),
    "train": _missing("lightning", "train"),
}
"""What a block may need, and why the machine does not have it (``None``: it has)."""


def _runnable(page: Path) -> list[Block]:
    return [b for b in blocks(page) if b.language in RUN and "no-run" not in b.marks]


def _parameters() -> list[object]:
    found = []
    for page in PAGES:
        chosen = [] if page.name in PROSE_ONLY else _runnable(page)
        if chosen:
            marks = [pytest.mark.train] if any("train" in block.needs for block in chosen) else []
            marks += [pytest.mark.slow] if page.as_posix().endswith(LONG) else []
            found.append(pytest.param(page, id=str(page), marks=marks))
    return found


@pytest.mark.parametrize("page", _parameters())
def test_blocks_of_a_page_run(page: Path, tmp_path: Path) -> None:
    (tmp_path / "configs").symlink_to(ROOT / "configs")  # readers sit in the repository
    left_out = []
    for block in _runnable(page):
        reasons = [reason for need in block.needs if (reason := NEEDS[need]())]
        if reasons:
            left_out.append(f"{block}: {', '.join(reasons)}")
        else:
            _run(block, tmp_path)
    if left_out:
        done = len(_runnable(page)) - len(left_out)
        pytest.skip(f"{done} blocks ran; not these: {'; '.join(left_out)}")


def _run(block: Block, folder: Path) -> None:
    commands = list(block.commands())
    for number, (command, expected) in enumerate(commands, 1):
        done = subprocess.run(
            [sys.executable, "-c", command]
            if block.language == "python"
            else ["bash", "-euo", "pipefail", "-c", command],
            cwd=folder,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        code = int(block.marks.get("exit", "0")) if number == len(commands) else 0
        told = f"{block}\n{command}\n{done.stdout}{done.stderr}"
        assert done.returncode == code, f"exit code {done.returncode} instead of {code} in {told}"
        missing = _first_missing(expected, (done.stdout + done.stderr).splitlines())
        assert missing is None, f"the page shows {missing!r}, which does not come there in {told}"


def _environment() -> dict[str, str]:
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    return os.environ | {"PATH": path, "COLUMNS": "120", "NO_COLOR": "1", "TERM": "dumb"}


def _first_missing(expected: list[str], output: list[str]) -> str | None:
    """The first expected line that does not follow on the one before it.

    A line ``...`` lets any lines pass, and a line that ends in `` ...`` may end in anything.
    """
    rest = [line.rstrip() for line in output]
    skipping = False
    for line in (line.rstrip() for line in expected):
        if line == "...":
            skipping = True
            continue
        start = line.removesuffix("...")
        fits = (i for i, got in enumerate(rest) if got == line or (start != line and got.startswith(start)))
        place = next(fits, None)
        if place is None or (place and not skipping):
            return line
        rest, skipping = rest[place + 1 :], False
    return None


def test_expected_output_is_compared_line_by_line() -> None:
    assert _first_missing(["a", "...", "c"], ["a", "b", "c", "d"]) is None
    assert _first_missing(["a", "c"], ["a", "b", "c"]) == "c"
    assert _first_missing(["b", "...", "a"], ["a", "b"]) == "b"
    assert _first_missing(["..."], []) is None
    assert _first_missing(["one ..."], ["one two"]) is None
    assert _first_missing(["two ..."], ["one two"]) == "two ..."


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_marks_are_known_and_give_reasons(page: Path) -> None:
    for block in blocks(page):
        assert set(block.marks) <= set(MARKS), f"{block}: unknown mark in {block.marks}"
        assert set(block.needs) <= set(NEEDS), f"{block}: unknown need in {block.needs}"
        if "no-run" in block.marks:
            assert len(block.marks["no-run"].split()) >= 3, f"{block}: say why it is not run"


def test_most_command_blocks_run() -> None:
    """A guard against marking everything: pages are worth something because they are tried."""
    everything = [b for page in PAGES if page.name not in PROSE_ONLY for b in blocks(page) if b.language in RUN]
    run = [b for b in everything if "no-run" not in b.marks]
    assert len(run) >= len(everything) / 2, [str(b) for b in everything if "no-run" in b.marks]
