"""Many readers' answers in one transaction and a handful of statements, whoever of them could be committed alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from usnet.errors import UsnetError
from usnet.readers.answer import Answer, check
from usnet.readers.commit import Receipt, answer_body, answer_row, commit, refuse
from usnet.readers.place import Place, stream_of
from usnet.readers.protocol import Protocol
from usnet.readers.tables import AnswerRow, CaseRow, ReaderRow, SlotRow, StudyRow
from usnet.store import chain
from usnet.store.bulk import add_rows
from usnet.store.tables import table_of

_R, _S, _C, _T = (table_of(kind).c for kind in (ReaderRow, SlotRow, CaseRow, StudyRow))
_OPEN = (
    select(
        _R.number,
        _R.state,
        _R.period,
        _R.position.label("place"),
        _R.step,
        _R.opens_at,
        _R.opened_at,
        _T.state.label("study_state"),
        _T.closes_at,
        _S.position,
        _S.name,
        _S.use,
        _S.arm,
        _C.image,
        _C.width,
        _C.height,
    )
    .where(
        _R.study == bindparam("study"),
        _R.number.in_(bindparam("numbers", expanding=True)),
        _T.id == _R.study,
        _S.study == _R.study,
        _S.reader == _R.number,
        _S.period == _R.period,
        _S.position.between(_R.position, _R.position + 1),
        _C.study == _S.study,
        _C.name == _S.name,
    )
    .order_by(_R.number, _S.position)
    .with_for_update(of=table_of(ReaderRow))
)
_ADVANCE = (
    update(table_of(ReaderRow))
    .where(_R.study == bindparam("of"), _R.number.in_(bindparam("numbers", expanding=True)))
    .values(position=_R.position + 1, step=0, opened_at=bindparam("now"), last_at=bindparam("now"))
)


@dataclass(frozen=True, slots=True)
class Given:
    """An answer of a reader that waits to be committed."""

    protocol: Protocol
    number: int
    answer: Answer


def commit_batch(session: Session, place: Place, given: Sequence[Given]) -> list[Receipt | UsnetError]:
    """Commit answers as :func:`~usnet.readers.commit.commit` would one by one; a receipt or the refusal of each, in order.

    The plain ones (the case that is open, not the last of a period, one step) share their statements; the others follow alone.
    """
    outcomes: list[Receipt | UsnetError | None] = [None] * len(given)
    studies: dict[str, dict[int, int]] = {}
    for place_in, one in enumerate(
        given
    ):  # the first answer of each reader; a second one must see what the first has done
        studies.setdefault(one.protocol.study.id, {}).setdefault(one.number, place_in)
    for study, numbers in studies.items():
        for place_in, outcome in _plain(session, place, study, {n: (i, given[i]) for n, i in numbers.items()}):
            outcomes[place_in] = outcome
    for place_in, one in enumerate(given):
        if outcomes[place_in] is None:
            try:
                outcomes[place_in] = commit(session, place, one.protocol, one.number, one.answer)
            except UsnetError as error:
                outcomes[place_in] = error
    return [outcome for outcome in outcomes if outcome is not None]


def _plain(
    session: Session, place: Place, study: str, waiting: dict[int, tuple[int, Given]]
) -> list[tuple[int, Receipt | UsnetError]]:
    connection = session.connection()
    rows: dict[int, list[Any]] = {}
    for row in connection.execute(_OPEN, {"study": study, "numbers": sorted(waiting)}):
        rows.setdefault(row.number, []).append(row)
    outcomes: list[tuple[int, Receipt | UsnetError]] = []
    kept: list[tuple[int, Given, Any, Any]] = []
    links: list[tuple[str, str, str, dict[str, Any]]] = []
    for number, (place_in, one) in waiting.items():
        slots = rows.get(number, [])
        if not _is_plain(slots, one.answer):
            continue
        slot, after = slots
        try:
            refuse(slot, (slot.period, slot.place, slot.step), False)
            hints = check(one.answer, one.protocol.questions, slot.width, slot.height)
        except UsnetError as error:
            outcomes.append((place_in, error))
            continue
        kept.append((place_in, one, slot, after))
        body = answer_body(one.answer, slot, 0, hints, slot.opened_at)
        links.append((stream_of(study, number), f"reader {number}", "answer", body))
    if not kept:
        return outcomes
    entries = chain.append_many(session, place.key, links)
    rows_kept = [answer_row(study, k[1].number, k[1].answer, 0, e.position) for k, e in zip(kept, entries, strict=True)]
    add_rows(connection, table_of(AnswerRow), rows_kept)
    connection.execute(_ADVANCE, {"of": study, "numbers": [k[1].number for k in kept], "now": time.time()})
    for (place_in, one, slot, after), entry in zip(kept, entries, strict=True):
        receipt = Receipt(entry.position, False, slot.use, slot.name, one.answer.period, 0, slot.arm, after)
        outcomes.append((place_in, receipt))
    return outcomes


def _is_plain(slots: Sequence[Any], answer: Answer) -> bool:
    """Two slots (the open one and the one after it), the answer to the first, and one step."""
    if len(slots) != 2:
        return False
    slot = slots[0]
    here = (answer.period, answer.position, answer.step)
    return here == (slot.period, slot.place, slot.step) and slot.state == "reading" and slot.arm != "sequential"
