"""Files from strangers cost an answer or a process, never the node."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile import BOMBS, SOUND, examples
from servers import PATIENCE, wait_for
from test_node_config import written

from usnet.errors import BundleError
from usnet.pacs.config import load
from usnet.pacs.isolation import Crashed, Sandbox, head, make, settings_of

MEMORY_MIB = 1024


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder = tmp_path_factory.mktemp("sandbox")
    (folder / "spool").mkdir()
    config = load(written(folder, work={"memory_mib": MEMORY_MIB}))
    with Sandbox(settings_of(config), 600.0) as sandbox:
        yield sandbox


def peak_mib(process: int) -> float:
    """Largest resident size of a process so far."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


@pytest.mark.parametrize("name", examples())
def test_real_files_are_answered(sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(examples()[name])
    found = head(sandbox, path)
    if "failed" in found:  # this file has no study, so no result could refer to it
        assert "StudyInstanceUID" in found["failed"] or "UID" in found["failed"]
        return
    made = make(sandbox, path, found["sop"], 0.0)
    if "failed" in made:  # colour lies over the frame: the gate gives a reason, not an opinion
        assert made["failed"].startswith("colour: ")
        return
    assert [one["kind"] for one in made["objects"]] == ["sr", "sc"]
    again = make(sandbox, path, found["sop"], 0.0)
    assert [o["sop_instance_uid"] for o in again["objects"]] == [o["sop_instance_uid"] for o in made["objects"]]


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_get_an_answer_within_the_memory(sandbox: Sandbox, tmp_path: Path, name: str) -> None:
    path = tmp_path / "bomb.dcm"
    path.write_bytes(BOMBS[name]())
    found = head(sandbox, path)
    made = found if "failed" in found else make(sandbox, path, "bomb", 0.0)
    if name in SOUND:
        assert made.get("failed", "blank").startswith("blank"), "its picture is read, and is blank"
    else:
        assert made["failed"]
        assert "\n" not in made["failed"]
    if sandbox.pid is not None and Path("/proc").is_dir():
        assert peak_mib(sandbox.pid) < MEMORY_MIB


def test_a_process_that_dies_is_replaced(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "one.dcm"
    path.write_bytes(examples()["examples_rgb_color.dcm"])
    head(sandbox, path)
    before = sandbox.pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: not _alive(before), what="its end")
    assert "failed" not in head(sandbox, path)
    assert sandbox.pid != before


def _alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


def test_a_crash_in_the_middle_fails_the_object_only(tmp_path: Path) -> None:
    """Whatever ends the process twice is the object's fault."""
    fifo = tmp_path / "hangs"
    os.mkfifo(fifo)
    (tmp_path / "spool").mkdir()
    with Sandbox(settings_of(load(written(tmp_path))), 2 * PATIENCE) as sandbox:
        killer = threading.Thread(target=_kill_readers, args=(sandbox, fifo, 2))
        killer.start()
        answer = head(sandbox, fifo)  # waits for somebody to write into it
        killer.join()
        assert "crashed" in answer["failed"]


def _kill_readers(sandbox: Sandbox, fifo: Path, count: int) -> None:
    for _ in range(count):
        writer = wait_for(lambda: _opened(fifo), what="a process that reads")
        process = sandbox.pid
        assert process is not None
        os.kill(process, signal.SIGKILL)
        wait_for(lambda: not _alive(process), what="its end")  # noqa: B023
        os.close(writer)


def _opened(fifo: Path) -> int | None:
    """The other end of a pipe that somebody reads, else ``None``. The number is never 0: that is standard input."""
    try:
        return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return None


def test_a_process_that_dies_before_it_is_asked_is_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pipe is broken then, which is no error of the caller's."""
    monkeypatch.setattr("usnet.pacs.isolation.sys.executable", shutil.which("true"))
    (tmp_path / "spool").mkdir()
    with Sandbox(settings_of(load(written(tmp_path))), PATIENCE) as sandbox:
        for _ in range(5):
            assert "crashed" in head(sandbox, tmp_path / "any")["failed"]


def test_time_is_bounded(tmp_path: Path) -> None:
    fifo = tmp_path / "hangs"
    os.mkfifo(fifo)
    with (
        Sandbox(settings_of(load(written(tmp_path))), 0.5) as sandbox,
        pytest.raises(Crashed, match=r"more than 0.5 s"),
    ):
        sandbox.ask({"do": "head", "path": str(fifo)})


def test_no_model_is_no_fault_of_the_object(tmp_path: Path) -> None:
    config = load(written(tmp_path, model={"bundle": "no-such-model"}))
    with Sandbox(settings_of(config), PATIENCE) as sandbox, pytest.raises(BundleError):
        sandbox.ask({"do": "hello"})
