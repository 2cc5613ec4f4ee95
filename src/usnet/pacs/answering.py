"""One study: diagnose its objects, send the results, ask the archive whether it has them. Safe to do twice."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from usnet.errors import PacsError
from usnet.pacs import records
from usnet.pacs.archive import Place
from usnet.pacs.config import NodeConfig
from usnet.pacs.isolation import Sandbox, make
from usnet.pacs.links import open_link
from usnet.pacs.spool import Spool
from usnet.pacs.tables import InstanceRow, ResultRow
from usnet.store.jobs import Job
from usnet.store.worker import Refused

logger = logging.getLogger(__name__)


class Answering:
    """Handler of study jobs; see :func:`usnet.store.worker.work`."""

    def __init__(self, config: NodeConfig, engine: Engine, spool: Spool, sandbox: Sandbox) -> None:
        self._config, self._engine, self._spool, self._sandbox = config, engine, spool, sandbox

    def __call__(self, job: Job) -> dict[str, Any]:
        """Work off one study.

        Raises
        ------
        Refused
            None of its objects can be diagnosed: no further attempt would help.
        PacsError
            The archive is away, refuses, or does not have what it acknowledged: to be tried again.
        """
        started = time.perf_counter()
        study, number = str(job.payload["study"]), int(job.payload["round"])
        instances = records.in_round(self._engine, study, number)
        waiting = [one for one in instances if one.state == "sorted"]
        results = self._made(waiting)
        sent = self._deliver(study, results, waiting) if results else 0
        failed = {
            one.sop_instance_uid: one.reason
            for one in records.in_round(self._engine, study, number)
            if one.state == "failed"
        }
        if failed and len(failed) == len(instances):
            reasons = sorted(set(map(str, failed.values())))
            raise Refused(f"none of its {len(instances)} objects could be diagnosed: {'; '.join(reasons)[:1500]}")
        seconds = round(time.perf_counter() - started, 3)
        logger.info(
            "job %d: %d objects, %d results, %d sent, %d failed, %.2f s",
            *(job.id, len(instances), len(results), sent, len(failed), seconds),
        )
        return {"objects": len(instances), "results": len(results), "sent": sent, "failed": failed, "seconds": seconds}

    def _made(self, instances: list[InstanceRow]) -> list[ResultRow]:
        """Results of the objects: those from an attempt before, or new ones."""
        known: dict[int, list[ResultRow]] = {}
        for row in records.results_of(self._engine, [one.id for one in instances]):
            known.setdefault(row.instance_id, []).append(row)
        results: list[ResultRow] = []
        for one in instances:
            before = known.get(one.id, [])
            usable = before and all(row.stored and row.sha256 in self._spool.blobs for row in before)
            results += before if usable else self._make(one)
        return results

    def _make(self, one: InstanceRow) -> list[ResultRow]:
        path = self._spool.blobs.path(one.sha256)
        if not path.is_file():
            records.fail_instance(self._engine, one.id, "its bytes are not in the spool any more; send it again")
            return []
        answer = make(self._sandbox, path, one.sop_instance_uid, one.received_at)
        if "failed" in answer:
            logger.warning("object %d not diagnosed: %s", one.id, answer["failed"])
            records.fail_instance(self._engine, one.id, str(answer["failed"]))
            return []
        if answer["note"]:
            logger.warning("object %d was read in part only: %s", one.id, answer["note"])
        rows = [ResultRow(instance_id=one.id, verified_at=None, stored=True, **made) for made in answer["objects"]]
        records.save_results(self._engine, one.id, rows)
        return records.results_of(self._engine, [one.id])

    def _deliver(self, study: str, results: list[ResultRow], instances: list[InstanceRow]) -> int:
        """Send what the archive does not have, then ask it again; returns how many were sent."""
        places = {row.sop_instance_uid: Place(study, row.series_uid, row.sop_instance_uid) for row in results}
        paths: dict[str, Path] = {row.sop_instance_uid: self._spool.blobs.path(row.sha256) for row in results}
        with open_link(self._config, None, paths.values()) as link:
            missing = set(places) - link.has(places.values())
            for uid in sorted(missing):
                link.store(paths[uid])
            if missing:
                lost = missing - link.has(places[uid] for uid in missing)
                if lost:
                    raise PacsError(
                        f"{len(lost)} of {len(missing)} results were acknowledged but are not found",
                        source=self._config.results.to,
                        hint="Look whether the archive moves or filters them, and whether it lets this node query",
                    )
        made_for = {row.instance_id for row in results}
        records.verified(self._engine, list(places), [one.id for one in instances if one.id in made_for])
        return len(missing)
