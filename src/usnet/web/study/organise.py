"""The organiser's pages: progress by level, invitations, reminders, pause, extend, exclude, results with a note in the log."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse

from usnet.readers import letters, organiser
from usnet.readers.enrolment import Person, invite
from usnet.readers.place import frozen, study_row
from usnet.store.database import reading
from usnet.web.guard import require
from usnet.web.pages import render
from usnet.web.roles import User
from usnet.web.study.server import study_server
from usnet.web.study.words import ACTS, STATES

router = APIRouter(tags=["study"])
Organiser = Annotated[User, require("administrator")]
Text = Annotated[str, Form(max_length=500)]


@router.get("/studies")
def listing(request: Request, user: Organiser) -> Response:
    """All studies."""
    server = study_server(request.app)
    with reading(server.place.engine) as session:
        rows = [(r.id, r.title, r.state, r.started_at) for r in organiser.studies(session)]
    return render(request, user, "study/list.html", studies=rows, states=STATES)


@router.get("/studies/{study}")
def overview(request: Request, study: str, user: Organiser) -> Response:
    """One study as it stands: no answer and no score."""
    return _overview(request, study, user)


@router.get("/studies/{study}/progress")
def live(request: Request, study: str, user: Organiser) -> Response:
    """The table of progress alone, asked for again and again by the page."""
    server = study_server(request.app)
    with reading(server.place.engine) as session:
        rows = organiser.progress(session, study)
    return render(request, user, "study/progress.html", rows=rows)


@router.post("/studies/{study}/invite")
def inviting(
    request: Request,
    study: str,
    user: Organiser,
    count: Annotated[int, Form(ge=1, le=1000)],
    language: Annotated[str, Form(max_length=10)] = "en",
    panel: Annotated[str, Form(max_length=40)] = "",
) -> Response:
    """New codes, as a CSV for mail merge. They are shown this once."""
    server = study_server(request.app)
    people = [Person(language=language, panel=panel or None)] * count
    made = invite(server.place, study, people, user.id)
    rows = letters.invitations(made, frozen(server.place, study).study.title, _address(request))
    return _csv(rows, [*letters.COLUMNS, "code"], f"{study}-invitations.csv")


@router.get("/studies/{study}/reminders.csv")
def reminding(request: Request, study: str, user: Organiser, quiet_days: float = 3.0) -> Response:
    """Letters to readers who could read and have not for some days."""
    server = study_server(request.app)
    with reading(server.place.engine) as session:
        title = study_row(session, study).title
        readers = organiser.reader_progress(session, study)
    rows = letters.reminders(readers, title, _address(request), quiet_days=quiet_days)
    return _csv(rows, letters.COLUMNS, f"{study}-reminders.csv")


@router.post("/studies/{study}/state")
def change(request: Request, study: str, user: Organiser, act: Text, reason: Text = "") -> Response:
    """Pause, go on, or end."""
    server = study_server(request.app)
    acts = {"pause": organiser.pause, "resume": organiser.resume, "end": organiser.end}
    if act not in acts:
        raise HTTPException(422, f"Acts: {', '.join(acts)}.")
    acts[act](server.place, study, user.id, reason)
    return RedirectResponse(f"/studies/{study}", 303)


@router.post("/studies/{study}/extend")
def extending(request: Request, study: str, user: Organiser, closes: Text = "", reason: Text = "") -> Response:
    """Set the day (UTC) at whose end reading closes."""
    server = study_server(request.app)
    try:
        closes_at = datetime.fromisoformat(closes).replace(tzinfo=UTC).timestamp() + 86400 if closes else None
    except ValueError:
        raise HTTPException(422, "A day as 2026-12-31.") from None
    organiser.extend(server.place, study, user.id, closes_at, reason)
    return RedirectResponse(f"/studies/{study}", 303)


@router.post("/studies/{study}/readers/{number}")
def one_reader(request: Request, study: str, number: int, user: Organiser, act: Text, reason: Text = "") -> Response:
    """Exclude a reader, or open his next period early."""
    server = study_server(request.app)
    acts = {"exclude": organiser.exclude, "waive": organiser.waive_washout}
    if act not in acts:
        raise HTTPException(422, f"Acts: {', '.join(acts)}.")
    acts[act](server.place, study, number, user.id, reason)
    return RedirectResponse(f"/studies/{study}", 303)


@router.post("/studies/{study}/results")
def results(request: Request, study: str, user: Organiser, reason: Text = "") -> Response:
    """Tables 1 and 2. Before the protocol's end a reason is asked for, and the look is in the log."""
    from usnet.readers.analysis.tables import paper_tables
    from usnet.readers.readings import collect

    server = study_server(request.app)
    early = organiser.look(server.place, study, user.id, reason)
    text = paper_tables(collect(server.place, study))
    return render(request, user, "study/results.html", study=study, early=early, text=text)


def _overview(request: Request, study: str, user: User) -> Response:
    server = study_server(request.app)
    with reading(server.place.engine) as session:
        row = study_row(session, study)
        about = {"id": row.id, "title": row.title, "state": row.state, "closes_at": row.closes_at}
        about |= {"protocol_sha256": row.protocol_sha256, "started_at": row.started_at}
        over = organiser.over(row, session)
        rows, readers = organiser.progress(session, study), organiser.reader_progress(session, study)
    log = [e for e in organiser.history(server.place, study) if e.action not in ("enrol", "period finished")]
    panels = [panel.name for panel in server.protocol(study).panels]
    return render(
        request,
        user,
        "study/overview.html",
        about=about,
        over=over,
        rows=rows,
        readers=readers,
        log=log[-50:],
        panels=panels,
        states=STATES,
        acts=ACTS,
        now=time.time(),
    )


def _address(request: Request) -> str:
    return f"{request.url.scheme}://{request.headers.get('host', '')}/study"


def _csv(rows: Sequence[dict[str, str]], columns: Sequence[str], name: str) -> Response:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns)
    writer.writeheader()
    writer.writerows(rows)
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response("\ufeff" + out.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)
