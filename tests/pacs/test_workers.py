"""Several worker processes on one job table in PostgreSQL: each study is worked off once, also when one of them is killed."""

from __future__ import annotations

import os
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from more_servers import Postgres
from phantom_studies import studies
from servers import Node, Orthanc, running, wait_for
from siege import tree
from sqlalchemy import select

from usnet.pacs import records
from usnet.store import jobs
from usnet.store.database import connect, reading
from usnet.store.tables import JobRow

pytestmark = [pytest.mark.pacs, pytest.mark.postgres, pytest.mark.slow]


def workers_of(node: Node) -> list[int]:
    """Process ids of a node's workers."""
    found = []
    for process in tree(node.pid):
        with suppress(OSError):
            if b"usnet.pacs.worker" in Path(f"/proc/{process}/cmdline").read_bytes():
                found.append(process)
    return found


def test_two_processes_and_a_helping_machine_share_the_work(tmp_path: Path) -> None:
    if Postgres.missing():
        pytest.skip(Postgres.missing())
    with Postgres(tmp_path) as server:
        url = server.fresh()
        archive = Orthanc(tmp_path / "archive")
        peer = {"kind": "dicom", "ae_title": "ORTHANC", "host": "127.0.0.1", "port": archive.dicom_port}
        spool = str(tmp_path / "shared-spool")
        node = Node(tmp_path / "node", peer, work={"workers": 1}, spool={"database": url, "folder": spool})
        helper = Node(tmp_path / "helper", peer, work={"workers": 1}, spool={"database": url, "folder": spool})
        archive.tell({"usnet": ["USNET", "127.0.0.1", node.port]})
        files = [file for study in studies(tmp_path / "studies", 12, images=2) for file in study]
        with running(archive, node):
            helper.start("--no-listen")
            try:
                for file in files:
                    archive.send(file)
                archive.post("/modalities/usnet/store", [one["ID"] for one in archive.instances("US")])
                engine = connect(url)
                wait_for(lambda: records.counts(engine)["jobs running"] == 2, what="two studies at once")
                (victim,) = workers_of(helper)
                os.kill(victim, signal.SIGKILL)
                wait_for(lambda: records.counts(engine)["objects answered"] == len(files), what="all answers")
                with reading(engine) as session:
                    done = [job.state for job in jobs.find(session, records.STUDY_JOB)]
                    by_whom = Counter(session.scalars(select(JobRow.worker)))
                engine.dispose()
            finally:
                helper.stop()
        assert done == ["done"] * 12
        assert len(by_whom) >= 2, "both machines took studies"
        with running(archive):
            found = archive.series()
        assert len(found) == 12
        assert all(
            {name: len(uids) for name, uids in study.items()} == {"US": 2, "SR": 2, "OT": 2} for study in found.values()
        )
