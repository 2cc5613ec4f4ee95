"""Start of a study: protocol frozen, cases encoded, the model's readings entered, everything hashed into the first log entry."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from usnet.datasets.records import Dataset
from usnet.readers.allocation import SAMPLE
from usnet.readers.cases import CaseError, Chosen, load_cases
from usnet.readers.draws import GENERATOR, Draws
from usnet.readers.findings import AiReader, read_with
from usnet.readers.images import prepare
from usnet.readers.order import VERSION, Item, period_order
from usnet.readers.place import SYSTEM, Place, StudyError, protocol_of, stream_of
from usnet.readers.protocol import Protocol
from usnet.readers.tables import CaseRow, FindingRow, StudyRow, TruthRow
from usnet.store import chain
from usnet.store.database import reading, writing

Progress = Callable[[int, int], None]


def start(place: Place, protocol: Protocol, folder: Path, progress: Progress | None = None) -> StudyRow:
    """Start a study on the cases in ``folder``; from then on protocol and cases cannot change.

    Starting a study a second time with the same protocol and cases changes nothing and returns it.

    Raises
    ------
    StudyError
        A study of this id has started with another protocol or other cases.
    CaseError
        Cases lack truth, do not fit the protocol, or name their label in their metadata; all in one message.
    ConfigError
        The cases cannot be ordered as the protocol says.
    """
    refuse_change(place, protocol)
    dataset, chosen = load_cases(folder, protocol)
    names = _named(chosen, protocol)
    rows = _encode(place, protocol, dataset, names, progress)
    ai = None
    if protocol.ai is not None:
        ai = read_with(protocol.ai, {name: dataset.path(one.record) for name, one in names.items()})
        protocol = protocol.model_copy(
            update={
                "ai": protocol.ai.model_copy(
                    update={"sha256": ai.sha256, "operating_point": ai.operating_point["name"]}
                )
            }
        )
    findings = _findings(protocol.study.id, ai)
    _try_order(protocol, rows["cases"])
    digest = digest_of(rows["cases"], rows["truths"], findings)
    with writing(place.engine) as session:
        known = session.get(StudyRow, protocol.study.id)
        if known is not None:
            return _same(known, protocol, digest)
        return _write(session, place, protocol, rows, findings, ai, digest)


def refuse_change(place: Place, protocol: Protocol) -> None:
    """Raise :class:`StudyError` where a study of this id runs under another protocol."""
    with reading(place.engine) as session:
        known = session.get(StudyRow, protocol.study.id)
        frozen = None if known is None else protocol_of(known)
    if frozen is None:
        return
    asked = protocol
    if frozen.ai is not None and asked.ai is not None:  # what the start fills in is no change
        filled = {
            k: v for k in ("sha256", "operating_point") if getattr(asked.ai, k) is None and (v := getattr(frozen.ai, k))
        }
        asked = asked.model_copy(update={"ai": asked.ai.model_copy(update=filled)})
    if asked.sha256() != frozen.sha256():
        changed = [k for k in frozen.model_dump() if getattr(frozen, k) != getattr(asked, k)]
        raise StudyError(
            f"study {protocol.study.id!r} started with another protocol (now different: {', '.join(changed)})",
            expected=f"sha256 {frozen.sha256()[:12]}...",
            hint="A protocol cannot change after the start; give the new study another id",
        )


def digest_of(
    cases: Sequence[dict[str, Any]], truths: Sequence[dict[str, Any]], findings: Sequence[dict[str, Any]]
) -> str:
    """sha256 over cases, truth and the model's readings, by name."""
    parts = [sorted(rows, key=lambda row: str(row["name"])) for rows in (cases, truths, findings)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def items_of(cases: Sequence[dict[str, Any]], use: str) -> list[Item]:
    """Cases of one use as the order takes them, by name."""
    found = [Item(c["name"], c["stratum"], c["nodule"]) for c in cases if c["use"] == use]
    return sorted(found, key=lambda item: item.case)


def rows_of(session: Session, table: type, study: str) -> list[dict[str, Any]]:
    """All rows of a table of cases as plain values."""
    columns = [c.name for c in table.__table__.columns]  # type: ignore[attr-defined]
    query = select(table.__table__).where(table.__table__.c.study == study)  # type: ignore[attr-defined]
    return [dict(zip(columns, row, strict=True)) for row in session.execute(query)]


def _named(chosen: Sequence[Chosen], protocol: Protocol) -> dict[str, Chosen]:
    """Names in random order, so that a number tells neither class nor source."""
    mixed = Draws(protocol.study.seed, SAMPLE, 1).shuffled(sorted(chosen, key=lambda c: c.record.file_name))
    test = [c for c in mixed if c.use == "test"]
    training = [c for c in mixed if c.use == "training"]
    return {f"C{n:04d}": c for n, c in enumerate(test, 1)} | {f"T{n:04d}": c for n, c in enumerate(training, 1)}


def _encode(
    place: Place, protocol: Protocol, dataset: Dataset, names: dict[str, Chosen], progress: Progress | None
) -> dict[str, list[dict[str, Any]]]:
    cases, truths, problems = list[dict[str, Any]](), list[dict[str, Any]](), list[str]()
    for done, (name, one) in enumerate(names.items(), 1):
        path = dataset.path(one.record)
        try:
            image = prepare(path)
        except CaseError as error:
            problems.append(str(error))
            continue
        study = protocol.study.id
        sha256 = place.blobs.put([image.png])
        shown = {"image": sha256, "width": image.width, "height": image.height}
        cases.append(
            {"study": study, "name": name, "use": one.use, "stratum": one.stratum, "nodule": one.nodule} | shown
        )
        boxes = json.dumps([[n.box.as_list(), n.pathology] for n in one.record.nodules])
        truth = {"study": study, "name": name, "label": one.record.label, "boxes": boxes}
        truths.append(truth | {"source": one.record.file_name[-400:], "source_sha256": image.sha256})
        if progress is not None:
            progress(done, len(names))
    if problems:
        raise CaseError("; ".join(problems[:20]), source=dataset.root)
    return {"cases": cases, "truths": truths}


def _findings(study: str, ai: AiReader | None) -> list[dict[str, Any]]:
    return [
        {
            "study": study,
            "name": name,
            "label": one.label,
            "probability": one.probability,
            "boxes": json.dumps(one.boxes),
        }
        for name, one in (ai.readings.items() if ai is not None else ())
    ]


def _try_order(protocol: Protocol, cases: Sequence[dict[str, Any]]) -> None:
    period_order(items_of(cases, "test"), items_of(cases, "training"), protocol.cases, Draws(protocol.study.seed))


def _same(known: StudyRow, protocol: Protocol, digest: str) -> StudyRow:
    if known.cases_sha256 != digest or known.protocol_sha256 != protocol.sha256():
        raise StudyError(
            f"study {known.id!r} started with other cases or another model",
            hint="Cases cannot change after the start; give the new study another id",
        )
    return known


def _write(
    session: Session,
    place: Place,
    protocol: Protocol,
    rows: dict[str, list[dict[str, Any]]],
    findings: list[dict[str, Any]],
    ai: AiReader | None,
    digest: str,
) -> StudyRow:
    study = StudyRow(
        id=protocol.study.id,
        title=protocol.study.title,
        protocol=protocol.canonical(),
        protocol_sha256=protocol.sha256(),
        cases_sha256=digest,
        order_version=VERSION,
        state="running",
        started_at=time.time(),
        closes_at=None,
    )
    session.add(study)
    session.flush()
    session.execute(insert(CaseRow), rows["cases"])
    session.execute(insert(TruthRow), rows["truths"])
    if findings:
        session.execute(insert(FindingRow), findings)
    body = {
        "protocol_sha256": study.protocol_sha256,
        "cases_sha256": digest,
        "cases": len(rows["cases"]),
        "order": VERSION,
        "generator": GENERATOR,
        "model": None if ai is None else {"name": ai.name, "sha256": ai.sha256, "point": ai.operating_point},
    }
    chain.append(session, place.key, stream_of(study.id), SYSTEM, "start", body)
    return study
