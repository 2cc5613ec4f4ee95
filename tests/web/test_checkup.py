"""``usnet doctor`` and ``usnet audit`` on a server's folder: what is unsafe is said, and every edit of the log is found."""

from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from helpers.web_client import account, signed_in, workplace
from usnet.cli.app import app


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folder of a server on which an administrator signed in twice."""
    place = workplace(tmp_path / "data")
    account(place, "chief", "administrator")
    for _ in range(2):
        signed_in(place, "chief")
    place.engine.dispose()
    return tmp_path / "data"


def run(*arguments: Any, code: int = 0) -> str:
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exit_code == code, done.output
    return done.output


def edit(data: Path, statement: str) -> None:
    with sqlite3.connect(data / "usnet.sqlite") as connection:
        assert connection.execute(statement).rowcount > 0


def test_a_whole_log_is_whole_and_can_be_read(data: Path) -> None:
    assert re.search(r"^\d+ rows in 1 logs, all as they were signed", run("audit", "verify", "--data", data))
    rows = [json.loads(line) for line in run("audit", "show", "--data", data).splitlines()]
    assert [row["position"] for row in rows] == list(range(len(rows)))
    assert len(rows) >= 2
    assert "chief" not in json.dumps(rows), "the log holds ids, no names"
    assert len(run("audit", "show", "--data", data, "--start", len(rows) - 1).splitlines()) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "update chain set action = 'signed out' where position = 1",
        "update chain set body = '{\"exam\": 1}' where position = 1",
        "update chain set time = '2020-01-01T00:00:00.000+00:00' where position = 1",
        "delete from chain where position = 0",
        "update chain set position = 77 where position = 1",
    ],
)
def test_an_edit_is_found(data: Path, statement: str) -> None:
    edit(data, statement)
    assert "the log is not what was written" in run("audit", "verify", "--data", data, code=1)
    assert "tampered with" in run("doctor", "--data", data, code=1)


def test_a_log_that_was_cut_is_found_by_a_head_that_was_kept(data: Path) -> None:
    head = run("audit", "head", "--data", data).strip()
    run("audit", "verify", "--data", data, "--kept", head)
    position = int(head.split(":")[1])
    edit(data, f"delete from chain where position = {position}")
    edit(data, f"update chain_head set position = {position - 1}") if _has_heads(data) else None
    run("audit", "verify", "--data", data, "--kept", head, code=1)


def _has_heads(data: Path) -> bool:
    with sqlite3.connect(data / "usnet.sqlite") as connection:
        return bool(connection.execute("select 1 from sqlite_master where name = 'chain_head'").fetchall())


def test_a_folder_without_a_server_and_a_line_that_is_no_head(data: Path, tmp_path: Path) -> None:
    from usnet.errors import ConfigError

    for arguments in (["--data", tmp_path / "empty"], ["--data", data, "--kept", "web:one:two"]):
        done = CliRunner().invoke(app, ["audit", "verify", *map(str, arguments)])
        assert isinstance(done.exception, ConfigError)


def test_doctor_on_a_sound_server(data: Path) -> None:
    said = run("doctor", "--data", data)
    for sentence in ("only its owner may open it", "1 accounts, with an administrator", "the audit log is whole"):
        assert sentence in said
    assert said.rstrip().endswith("Nothing unsafe was found.")


def test_doctor_says_what_is_unsafe(data: Path) -> None:
    data.chmod(0o755)
    (data / "audit.key").chmod(0o644)
    said = run("doctor", "--data", data, code=1)
    assert f"chmod 700 {data}" in said.replace("\n", "")
    assert "others may read the signing key" in said
    assert "2 unsafe or broken." in said


def test_doctor_misses_the_key_and_an_administrator(data: Path, tmp_path: Path) -> None:
    (data / "audit.key").unlink()
    assert "the audit log's key is gone" in run("doctor", "--data", data, code=1)
    bare = workplace(tmp_path / "bare")
    bare.engine.dispose()
    assert "no administrator: the server can be opened on this machine only" in run(
        "doctor", "--data", bare.settings.data
    )
    assert "no server has been started" in run("doctor", "--data", tmp_path / "nothing")


def test_doctor_finds_a_damaged_model(data: Path, tmp_path: Path) -> None:
    from usnet.bundles import load

    copy = tmp_path / "model"
    copy.mkdir()
    shipped = load()
    for name in ("bundle.json", *shipped.manifest.files):
        (copy / name).write_bytes((shipped.path / name).read_bytes())
    weights = copy / "model.onnx"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")
    assert "UNSAFE" in run("doctor", "--data", data, "--bundle", copy, code=1)
