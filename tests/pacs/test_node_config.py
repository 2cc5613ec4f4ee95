"""The administrator's file: what it must say, and what its errors say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from servers import toml

from usnet.errors import ConfigError
from usnet.pacs.config import (
    DicomPeer,
    ListenSettings,
    ModelSettings,
    PullSettings,
    ResultSettings,
    SpoolSettings,
    StowSettings,
    TlsFiles,
    WebPeer,
    WorkSettings,
    load,
)

GOOD: dict[str, Any] = {
    "node": {"callers": ["ARCHIVE"]},
    "peers": {"archive": {"kind": "dicom", "ae_title": "ARCHIVE", "host": "pacs.example", "port": 104}},
    "results": {"to": "archive"},
}


def written(folder: Path, **changes: Any) -> Path:
    document = {key: dict(value) for key, value in GOOD.items()}
    for name, values in changes.items():
        document[name] = document.get(name, {}) | values
    path = folder / "node.toml"
    path.write_text(toml(document))
    return path


def test_the_smallest_file(tmp_path: Path) -> None:
    config = load(written(tmp_path))
    peer = config.peer()
    assert isinstance(peer, DicomPeer)
    assert (peer.ae_title, config.node.host, config.results.kinds) == ("ARCHIVE", "127.0.0.1", ("sr", "sc"))
    assert config.spool.folder == tmp_path / "spool"
    assert config.database == f"sqlite:///{tmp_path / 'spool' / 'node.db'}"


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    (tmp_path / "secret").write_text("x")
    path = written(
        tmp_path, peers={"web": {"kind": "dicomweb", "url": "https://pacs.example/web/", "token_file": "secret"}}
    )
    web: Any = load(path).peer("web")
    assert web.token_file == tmp_path / "secret"
    assert web.url == "https://pacs.example/web"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"node": {"callers": []}}, "at least one AE title"),
        ({"node": {"caller": ["A"]}}, "node.caller"),
        ({"node": {"ae_title": "MORE-THAN-SIXTEEN-LETTERS"}}, "node.ae_title"),
        ({"node": {"ae_title": "BACK\\SLASH"}}, "node.ae_title"),
        ({"node": {"networks": ["10.0.0.0/99"]}}, "node.networks"),
        ({"results": {"to": "elsewhere"}}, "no peer 'elsewhere'"),
        ({"results": {"kinds": ["fhir"]}}, "sr, sc"),
        ({"peers": {"web": {"kind": "dicomweb", "url": "file:///etc/passwd"}}}, "http"),
        ({"peers": {"web": {"kind": "dicomweb", "url": "https://user:word@pacs.example"}}}, "without user"),
        (
            {"peers": {"web": {"kind": "dicomweb", "url": "https://pacs.example", "token_file": "missing"}}},
            "no such file",
        ),
        ({"stow": {"host": "0.0.0.0"}}, "token_file is needed"),
        ({"work": {"memory_mib": 1}}, "work.memory_mib"),
    ],
)
def test_errors_name_the_place(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(written(tmp_path, **changes))
    assert words in str(error.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load(tmp_path / "node.toml")


PAGE = Path(__file__).parents[2] / "docs" / "reference" / "node.md"
SECTIONS: tuple[type[BaseModel], ...] = (
    ListenSettings,
    SpoolSettings,
    WorkSettings,
    ModelSettings,
    ResultSettings,
    DicomPeer,
    WebPeer,
    PullSettings,
    StowSettings,
    TlsFiles,
)


@pytest.mark.parametrize(
    ("number", "section"), list(enumerate(SECTIONS)), ids=lambda value: getattr(value, "__name__", "")
)
def test_the_page_names_every_setting_with_its_default(number: int, section: type[BaseModel]) -> None:
    part = PAGE.read_text(encoding="utf-8").split("\n## ")[number + 1]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*)\|$", part, flags=re.MULTILINE))
    assert list(rows) == list(section.model_fields)
    for name, field in section.model_fields.items():
        default, _, meaning = rows[name].partition(" | ")
        assert meaning.strip() == " ".join((field.description or "").split()), name
        value = field.get_default(call_default_factory=True)
        if field.is_required():
            assert default == "required", name
        elif isinstance(value, bool | int | float | str) and value != "":
            shown = f'"{value}"' if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
            assert default.strip("`") == (shown.lower() if isinstance(value, bool) else shown), name
