"""The project's pages as tests see them: fenced blocks with their marks, ``usnet`` command lines, links.

A mark is an HTML comment right before a block:

- ``<!-- no-run: reason -->``: the block is never run here (real data, hours, a network), and says why;
- ``<!-- needs: model -->``: runs where the machine has what it needs, see :data:`NEEDS` in ``test_commands.py``;
- ``<!-- exit: 1 -->``: the exit code that the block ends with, 0 by default.

``bash`` blocks are scripts. In ``console`` blocks a line that starts with ``$`` is a command and the others are lines of output,
in order; ``...`` stands for any lines. ``python`` blocks are programs.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = tuple(
    sorted(path.relative_to(ROOT) for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")) if path.is_file())
)
RUN = ("bash", "console", "python")
MARKS = ("no-run", "needs", "exit")

_FENCE = re.compile(r"^(?P<indent>\s*)(?P<ticks>`{3,})(?P<language>[\w-]*)")
_MARK = re.compile(r"^\s*<!--\s*(?P<name>[\w-]+):\s*(?P<value>.*?)\s*-->\s*$")
_LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^)\s]+)\)")
_INLINE = re.compile(r"`(usnet(?: [^`]+)?)`")
_HERE = re.compile(r"<<'?(\w+)'?(.*?)\n.*?^\1$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block. ``line`` is that of its fence, 1-based."""

    page: Path
    line: int
    language: str
    text: str
    marks: dict[str, str]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def needs(self) -> tuple[str, ...]:
        """What must be there to run it."""
        return tuple(filter(None, re.split(r"[,\s]+", self.marks.get("needs", ""))))

    def commands(self) -> Iterator[tuple[str, list[str]]]:
        """(command, expected output lines) of a console block; a bash or python block is one command without output."""
        if self.language != "console":
            yield self.text, []
            return
        command: str | None = None
        output: list[str] = []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                if command is not None:
                    yield command, output
                command, output = line[2:], []
            elif command is not None and command.endswith("\\"):
                command += "\n" + line
            else:
                output.append(line)
        if command is not None:
            yield command, output


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page (relative to the repository), in order."""
    found: list[Block] = []
    marks: dict[str, str] = {}
    lines = iter(enumerate((ROOT / page).read_text(encoding="utf-8").splitlines(), 1))
    for number, line in lines:
        fence, mark = _FENCE.match(line), _MARK.match(line)
        if fence:
            text = _body(lines, fence)
            found.append(Block(page, number, fence["language"], text, marks))
        if mark:
            marks = {**marks, mark["name"]: mark["value"]}
        elif line.strip():
            marks = {}
    return found


def _body(lines: Iterator[tuple[int, str]], fence: re.Match[str]) -> str:
    body = []
    for _, line in lines:
        if line.strip() == fence["ticks"]:
            break
        body.append(line.removeprefix(fence["indent"]))
    return "\n".join(body) + "\n"


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.sub(r"^(\s*)(`{3,}).*?^\1\2\s*$", "", text, flags=re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[str]:
    """Targets of the links and pictures of a page that lead to files of the repository, without their anchors."""
    targets = [target.partition("#")[0] for target in _LINK.findall(prose(page))]
    return [target for target in targets if target and "://" not in target and not target.startswith("mailto:")]


def invocations(page: Path) -> Iterator[tuple[int, list[str]]]:
    """(line, arguments after ``usnet``) of every whole command line in the blocks of a page."""
    for block in blocks(page):
        if block.language not in ("bash", "console"):
            continue
        for command, _ in block.commands():
            for words in _simple_commands(command):
                if arguments := _after_usnet(words):
                    yield block.line, arguments[1:]


def mentions(page: Path) -> set[str]:
    """Commands named in prose, as `` `usnet data check` `` or with options."""
    return set(_INLINE.findall(prose(page)))


def _simple_commands(script: str) -> Iterator[list[str]]:
    """Words of each command of a shell script, cut at ``;``, ``|``, ``&&`` and line ends, without here-documents."""
    for line in _HERE.sub(r"\2", script.replace("\\\n", " ")).splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set("();|&"):
                yield words
                words = []
            else:
                words.append(word)


def _after_usnet(words: list[str]) -> list[str]:
    """``usnet`` and what follows it up to a redirection, without variables; also behind ``torchrun -m``."""
    words = words[next((i for i, w in enumerate(words) if not re.match(r"\w+=", w)), len(words)) :]
    for place, word in enumerate(words):
        if word.rpartition("/")[2] == "usnet" and (place == 0 or words[place - 1] == "-m"):
            cut = next((i for i, w in enumerate(words) if w and set(w) <= set("<>")), len(words))
            return [w for w in words[place:cut] if not w.startswith("$")]
    return []
