"""What the reading page asks for: the present case, its image, drafts, answers. Only the reader's own, and only what is open.

These are plain Starlette routes, without the framework's dependency machinery: hundreds of readers save at once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from pydantic import ValidationError
from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from usnet.readers.answer import Answer
from usnet.readers.batch import Given
from usnet.readers.commit import Conflict, Receipt
from usnet.readers.place import StudyError
from usnet.readers.tables import CaseRow, DraftRow, ReaderRow, SlotRow
from usnet.readers.view import View, after_commit, feedback, shown_now, view
from usnet.store.tables import table_of
from usnet.web.guard import csrf
from usnet.web.study.cookie import NoReader, reader_of
from usnet.web.study.server import StudyServer, study_server

_MOST_DRAFT = 20_000
_R, _S, _C = (table_of(kind).c for kind in (ReaderRow, SlotRow, CaseRow))
_OPEN = select(_C.image).where(
    _R.study == bindparam("study"),
    _R.number == bindparam("number"),
    _R.period == bindparam("period"),
    _R.position == bindparam("position"),
    _R.state == "reading",
    _R.opened_at.is_not(None),
    _S.study == _R.study,
    _S.reader == _R.number,
    _S.period == _R.period,
    _S.position == _R.position,
    _C.study == _S.study,
    _C.name == _S.name,
)
"""Image of a slot, if it is the one that is open to its reader."""
Handler = Callable[[Request, StudyServer, str, int], Awaitable[Response]]


def _route(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """A handler behind the checks that every route has: CSRF, whose browser it is, errors as JSON."""

    @wraps(handler)
    async def run(request: Request) -> Response:
        server = study_server(request.app)
        study = request.path_params["study"]
        try:
            await csrf(request, request.app.state.workplace)
            number = reader_of(request, server.place, study)
            return await handler(request, server, study, number)
        except NoReader:
            return _json({"detail": "Come in with your code first."}, 401)
        except Conflict as error:
            return _json({"detail": str(error), "conflict": True}, 409)
        except StudyError as error:
            return _json({"detail": str(error)}, 409)
        except ValidationError as error:
            words = "; ".join(f"{'.'.join(map(str, p['loc']))}: {p['msg']}" for p in error.errors()[:5])
            return _json({"detail": words}, 422)
        except DBAPIError:
            return _json({"detail": "The database does not answer; the page tries again."}, 503)

    return run


@_route
async def state(_request: Request, server: StudyServer, study: str, number: int) -> Response:
    """The present case. Noting when a case was first shown is a write of its own."""
    protocol = server.protocol(study)

    def work(session: Session) -> View:
        shown_now(session, study, number)
        return view(session, server.place, protocol, number)

    return _json(_public(study, await asyncio.wrap_future(server.commits.submit(work))))


@_route
async def answer(request: Request, server: StudyServer, study: str, number: int) -> Response:
    """Commit an answer and give the next case. What is acknowledged here is on disk, once."""
    given = Answer.model_validate_json(await request.body())
    protocol = server.protocol(study)

    findings = await run_in_threadpool(server.findings, study) if protocol.ai is not None else {}

    def then(session: Session, receipt: Receipt) -> tuple[dict[str, Any], View]:
        said: dict[str, Any] = {"entry": receipt.entry, "again": receipt.again}
        if receipt.use == "training" and receipt.last_step and protocol.reading.feedback:
            said["feedback"] = feedback(session, study, receipt.case)
        return said, after_commit(session, server.place, protocol, number, receipt, findings)

    said, after = await asyncio.wrap_future(server.commits.answer(Given(protocol, number, given), then))
    return _json(said | {"state": _public(study, after)})


@_route
async def draft(request: Request, server: StudyServer, study: str, number: int) -> Response:
    """Keep what is filled in and not committed."""
    body = await request.body()
    given = json.loads(body) if len(body) <= _MOST_DRAFT else None
    if not isinstance(given, dict) or not all(isinstance(given.get(k), int) for k in ("period", "position", "step")):
        return _json({"detail": "A draft has period, position and step, and 20 000 bytes at most."}, 422)

    def work(session: Session) -> None:
        session.execute(delete(DraftRow).where(DraftRow.study == study, DraftRow.reader == number))
        place = {name: given.pop(name) for name in ("period", "position", "step")}
        session.execute(insert(DraftRow).values(study=study, reader=number, body=json.dumps(given), **place))

    await asyncio.wrap_future(server.commits.submit(work))
    return _json({"kept": True})


@_route
async def image(request: Request, server: StudyServer, study: str, number: int) -> Response:
    """The image of the open case, and of no other."""
    here = (request.path_params["period"], request.path_params["position"])
    sha256 = await run_in_threadpool(_open_image, server, study, number, here)
    if sha256 is None:
        return _json({"detail": "There is nothing here."}, 404)
    return Response(server.image(sha256), media_type="image/png", headers={"cache-control": "no-store"})


def _open_image(server: StudyServer, study: str, number: int, here: tuple[int, int]) -> str | None:
    with server.place.engine.connect() as connection:
        values = {"study": study, "number": number, "period": here[0], "position": here[1]}
        found: str | None = connection.execute(_OPEN, values).scalar()
        return found


def _public(study: str, now: View) -> dict[str, Any]:
    shown = now.public()
    if now.phase == "reading":
        shown["image"] = f"/api/study/{study}/image/{now.period}/{now.position}"
    return shown


def _json(content: dict[str, Any], status: int = 200) -> Response:
    text = json.dumps(content, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, media_type="application/json")


ROUTES = (
    Route("/api/study/{study}/state", state, methods=["GET"]),
    Route("/api/study/{study}/answer", answer, methods=["POST"]),
    Route("/api/study/{study}/draft", draft, methods=["PUT"]),
    Route("/api/study/{study}/image/{period:int}/{position:int}", image, methods=["GET"]),
)
