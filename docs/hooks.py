"""MkDocs hooks: the project's own pages (data card, changes ...) and the command reference become part of the site.

Pages are written to be read in the repository too, where links to other files work as they are; here they are turned into links
between pages, or into plain text where the site has no such page.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterator
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

PROJECT = ("BENCHMARKS.md", "MODEL_CARD.md", "DATA_CARD.md", "CHANGELOG.md", "CONTRIBUTING.md")
"""Pages of the repository's root, shown below ``project/``."""
COMMANDS = "<!-- commands -->"
_LINK = re.compile(r"(?P<bang>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^)\s#]+)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the root's pages that exist."""
    root = os.path.dirname(config.config_file_path)
    for name in PROJECT:
        path = os.path.join(root, name)
        if os.path.isfile(path):
            files.append(File.generated(config, f"project/{name}", abs_src_path=path))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links for the site, and fill in the commands."""
    uri = page.file.src_uri
    home = "" if uri.startswith("project/") else posixpath.join("docs", posixpath.dirname(uri))
    root = os.path.dirname(config.config_file_path)

    def turned(link: re.Match[str]) -> str:
        target = link["target"]
        if "://" in target or target.startswith("mailto:"):
            return link[0]
        place = posixpath.normpath(posixpath.join(home, target))
        inside = place.removeprefix("docs/") if place.startswith("docs/") else f"project/{place}"
        if files.get_file_from_path(inside):
            relative = posixpath.relpath(inside, posixpath.dirname(uri))
            return f"{link['bang']}[{link['text']}]({relative}{link['anchor'] or ''})"
        return link["text"] if os.path.exists(os.path.join(root, place)) else link[0]

    text = outside_fences(markdown, lambda part: _LINK.sub(turned, part))
    return text.replace(COMMANDS, commands()) if COMMANDS in text else text


def outside_fences(markdown: str, change: Callable[[str], str]) -> str:
    """``change`` applied to every line that is not in a fenced block."""
    lines, fenced = [], False
    for line in markdown.split("\n"):
        mark = line.lstrip().startswith("```")
        lines.append(line if fenced or mark else change(line))
        fenced ^= mark
    return "\n".join(lines)


def commands() -> str:
    """Every command with its arguments and options, from the command tree itself."""
    import typer.main

    from usnet.cli.app import app

    return "\n".join(_describe(typer.main.get_command(app), ("usnet",)))


def _describe(command: Any, path: tuple[str, ...]) -> Iterator[str]:
    children = getattr(command, "commands", {})
    if not children:
        yield from _leaf(command, path)
    for name, child in children.items():
        yield from _describe(child, (*path, name))


def _leaf(command: Any, path: tuple[str, ...]) -> Iterator[str]:
    name = " ".join(path)
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    yield f"\n## {name}\n"
    yield f"{_paragraphs(command.help)}\n"
    shown = " ".join(_metavar(p) if p.required else f"[{_metavar(p).strip('[]')}]" for p in arguments)
    yield f"```text\n{name}{' [OPTIONS]' if options else ''} {shown}".rstrip() + "\n```\n"
    rows = [(_metavar(p), p.help, "") for p in arguments]
    rows += [(", ".join((*p.opts, *p.secondary_opts)), p.help, _default(p)) for p in options]
    if rows:
        yield "| | meaning | default |\n|---|---|---|"
        yield from (f"| `{name}` | {_cell(meaning)} | {_cell(default)} |" for name, meaning, default in rows)


def _paragraphs(text: str | None) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (text or "").split("\n\n"))


def _metavar(parameter: Any) -> str:
    return str(getattr(parameter, "metavar", None) or parameter.name.upper())


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    value = parameter.default
    if value is None or value is False or value == []:
        return ""
    if value is True:
        return "yes"
    return f"`{getattr(value, 'value', value)}`"


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|").replace("<", "&lt;")
