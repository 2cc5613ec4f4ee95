"""What pages say about commands, settings, files and each other is true, without running anything long."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import typer.main
from doc_pages import PAGES, ROOT, blocks, invocations, links, mentions, prose
from pydantic import BaseModel

from usnet import errors
from usnet.bundles.manifest import Manifest
from usnet.cli.app import app
from usnet.datasets.records import ImageRecord
from usnet.reports.csv_table import COLUMNS, GROUP_COLUMNS
from usnet.reports.evaluation_files import COLUMNS as METRIC_COLUMNS
from usnet.training.config import RunConfig
from usnet.values import Diagnosis, Finding, Nodule

COMMAND = typer.main.get_command(app)
GENERATED = ("BENCHMARKS.md", "MODEL_CARD.md")


def _leaf(words: list[str]) -> tuple[Any, list[str]]:
    """The command that ``words`` name, and the words left for it."""
    command: Any = COMMAND
    rest = list(words)
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]
    return command, rest


def _paths(command: Any = COMMAND, path: tuple[str, ...] = ("usnet",)) -> Iterator[str]:
    children = getattr(command, "commands", {})
    if not children:
        yield " ".join(path)
    for name, child in children.items():
        yield from _paths(child, (*path, name))


def _options(command: Any) -> set[str]:
    return {text for p in command.params for text in (*p.opts, *p.secondary_opts)} | {"--help", "-h"}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_command_lines_parse(page: Path) -> None:
    for line, words in invocations(page):
        problem = _problem(words)
        assert problem is None, f"{page}:{line}: usnet {' '.join(words)}: {problem}"


def _problem(words: list[str]) -> str | None:
    """Why the command line ``usnet words`` would be refused, without running it."""
    command, rest = _leaf(words)
    asks = {"--help", "-h", "--version"} & set(rest)
    if asks:
        return None if asks <= _options(command) else f"no option {asks}"
    if hasattr(command, "commands"):
        return f"no command {rest[0]!r}" if rest else None
    try:
        command.make_context("usnet", list(rest))
    except Exception as error:  # usage errors of the click that typer brings along
        return str(getattr(error, "message", error)) or repr(error)
    return None


def test_a_wrong_command_line_is_seen() -> None:
    assert _problem(["data", "check", "x"]) is None
    assert _problem(["data", "check", "x", "--no-such-option"])
    assert _problem(["data", "check"])
    assert _problem(["data", "chek", "x"])
    assert _problem(["phantom", "out", "--count", "many"])


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_commands_named_in_prose_exist(page: Path) -> None:
    for text in mentions(page):
        words = text.split()[1:]
        command, rest = _leaf(words)
        unknown = [w for w in rest if w.startswith("-") and w.partition("=")[0] not in _options(command)]
        assert not unknown, f"{page}: `{text}` has no option {unknown}"
        if hasattr(command, "commands") and rest and not rest[0].startswith("-"):
            pytest.fail(f"{page}: `{text}`: no such command")


def test_every_command_is_in_the_docs() -> None:
    text = "\n".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
    text = re.sub(r"\s+", " ", text)
    missing = [path for path in _paths() if not re.search(rf"{re.escape(path)}(?![\w-])", text)]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_links_lead_somewhere(page: Path) -> None:
    for target in links(page):
        assert (ROOT / page.parent / target).exists(), f"{page} links to {target}, which is not there"


def _settings(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Any, str | None]]:
    """(dotted name, default, description) of every setting."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _settings(kind, f"{prefix}{name}.")
        elif dataclasses.is_dataclass(kind):
            for part in dataclasses.fields(kind):
                yield f"{prefix}{name}.{part.name}", part.default, None
        else:
            yield prefix + name, field.get_default(call_default_factory=True), field.description


def _rows(page: Path) -> dict[str, list[str]]:
    """Cells of table rows by the code in their first cell."""
    rows = {}
    for line in prose(page).splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
        if line.lstrip().startswith("|") and (name := re.fullmatch(r"`([^`]+)`", cells[0])):
            rows[name[1]] = cells[1:]
    return rows


def _written(value: Any) -> str:
    """A default as TOML writes it; fractions as they are thought of."""
    known = {1 / 9: "1/9", 2 ** (1 / 3): "2^(1/3)", 2 ** (2 / 3): "2^(2/3)"}
    if isinstance(value, tuple):
        return "[" + ", ".join(_written(v) for v in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    return known.get(value) or f"{value:g}"


def test_configuration_page_has_every_setting() -> None:
    rows = _rows(Path("docs/reference/configuration.md"))
    expected = list(_settings(RunConfig))
    assert sorted(rows) == sorted(name for name, _, _ in expected)
    for name, default, description in expected:
        shown, meaning = rows[name]
        assert shown == f"`{_written(default)}`", f"{name}: default is {_written(default)}, the page says {shown}"
        if description:
            plain = re.sub(r"[`\s]+", " ", meaning).replace("\\|", "|")
            assert re.sub(r"[`\s]+", " ", description) in plain, f"{name}: the page does not say {description!r}"


FIELDS = {
    "dataset.json": {f.name for f in dataclasses.fields(ImageRecord)} - {"image_id", "nodules"}
    | {f.name for f in dataclasses.fields(Nodule)} - {"box"},
    "diagnoses.csv": set(COLUMNS),
    "groups.csv": set(GROUP_COLUMNS),
    "json/": {f.name for f in dataclasses.fields(Diagnosis)} | {f.name for f in dataclasses.fields(Finding)},
    "bundle.json": set(Manifest.model_fields),
    "metrics.csv": set(METRIC_COLUMNS),
}


@pytest.mark.parametrize("name", FIELDS)
def test_formats_page_names_every_field(name: str) -> None:
    text = (ROOT / "docs/reference/formats.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", text, flags=re.MULTILINE)
    own = [s for s in sections if name in s.splitlines()[0]]
    assert own, f"no section about {name}"
    missing = sorted(f for f in FIELDS[name] if not re.search(rf"`{f}`", own[0]))
    assert not missing


def test_exit_codes_page_has_every_error() -> None:
    rows = _rows(Path("docs/reference/exit-codes.md"))
    kinds = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, errors.UsnetError)]
    for kind in kinds[1:]:
        assert rows[kind.__name__][0] == str(kind.exit_code)


def test_published_pages_name_no_place_of_one_machine() -> None:
    for page in PAGES:
        if page.name not in GENERATED:
            found = re.findall(r"(?<![\w.])/(?:work|tmp|root|home)/\S*", (ROOT / page).read_text(encoding="utf-8"))
            assert not found, f"{page}: {found}"


def test_blocks_have_a_language() -> None:
    bare = [str(block) for page in PAGES for block in blocks(page) if not block.language]
    assert not bare


@pytest.mark.skipif(find_spec("mkdocs") is None, reason="mkdocs is not installed (dependency group docs)")
def test_site_builds_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "site" / "reference" / "commands.html").read_text(encoding="utf-8")
    missing = [path for path in _paths() if f">{path}<" not in page]
    assert not missing
    assert "usnet.values.Box" in (tmp_path / "site" / "reference" / "rooms" / "values.html").read_text(encoding="utf-8")
