"""The Chinese catalogue is whole, compiled, and keeps the holes of its messages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from usnet.web.words import catalogue

LOCALE = Path(__file__).resolve().parents[2] / "src" / "usnet" / "web" / "locale"
_HOLES = re.compile(r"%\(\w+\)s|\{\w+\}")


def test_every_message_has_its_chinese() -> None:
    pofile = pytest.importorskip("babel.messages.pofile", reason="babel is not installed")
    with (LOCALE / "zh" / "LC_MESSAGES" / "usnet.po").open("rb") as stream:
        messages = [m for m in pofile.read_po(stream, locale="zh") if m.id]
    known, empty, holes = catalogue("zh"), [], []
    for message in messages:
        single = message.id[0] if isinstance(message.id, tuple) else message.id
        said = message.string[0] if isinstance(message.string, tuple) else message.string
        if not said:
            empty.append(single)
        elif sorted(set(_HOLES.findall(single))) != sorted(set(_HOLES.findall(said))):
            holes.append(single)
        elif not isinstance(message.id, tuple):
            assert known.gettext(single) == said, "the compiled catalogue is old: run scripts/web-words"
    assert len(messages) > 300
    assert (empty, holes) == ([], [])
