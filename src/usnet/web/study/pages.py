"""The reader's way: code, consent, a few words about oneself, reading, end."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import select

from usnet.readers.enrolment import AGE_BANDS, consent, enrol, find_reader
from usnet.readers.place import StudyError
from usnet.readers.tables import ReaderRow, StudyRow
from usnet.readers.view import View, view
from usnet.store.database import reading
from usnet.web.guard import CurrentUser
from usnet.web.pages import NavItem, render
from usnet.web.study import api, organise
from usnet.web.study.cookie import COOKIE, NoReader, reader_of, set_reader
from usnet.web.study.server import StudyServer, study_server
from usnet.web.words import N_, language_of, translate

router = APIRouter(tags=["study"])
NAV = (
    NavItem("/study", N_("Reader study"), ("reader",)),
    NavItem("/studies", N_("Studies"), ("administrator",)),
)
SEXES = {"female": N_("female"), "male": N_("male"), "other": N_("other, or not said")}


@router.get("/study")
def door(request: Request, code: str = "") -> Response:
    """Where a code is typed in. Open to everybody: it shows nothing of any study."""
    return render(request, None, "study/door.html", problem=None, code=code[:40])


@router.post("/study")
def enter(request: Request, code: Annotated[str, Form(max_length=60)]) -> Response:
    """Come in with a code of 80 random bits."""
    server = study_server(request.app)
    with reading(server.place.engine) as session:
        row = find_reader(session, server.place, code)
        found = None if row is None else (row.study, row.number)
    if found is None:
        problem = translate(request, "This is not a code of this server. Check it letter by letter.")
        return render(request, None, "study/door.html", status=404, problem=problem, code="")
    response = RedirectResponse(f"/study/{found[0]}/read", 303)
    set_reader(response, server.place, *found, secure=request.url.scheme == "https")
    return response


@router.get("/study/mine")
def mine(request: Request, user: CurrentUser) -> Response:
    """Studies that an account was invited to."""
    server = study_server(request.app)
    with reading(server.place.engine) as session:
        query = select(StudyRow.id, StudyRow.title).join(ReaderRow, ReaderRow.study == StudyRow.id)
        rows = session.execute(query.where(ReaderRow.account.in_((user.id, user.name)))).all()
    return render(request, user, "study/mine.html", studies=rows)


@router.post("/study/{study}/join")
def join(request: Request, study: str, user: CurrentUser) -> Response:
    """Come in with an account in place of a code."""
    server = study_server(request.app)
    with reading(server.place.engine) as session:
        number = session.scalar(
            select(ReaderRow.number).where(ReaderRow.study == study, ReaderRow.account.in_((user.id, user.name)))
        )
    if number is None:
        raise HTTPException(404, "There is nothing here.")
    response = RedirectResponse(f"/study/{study}/read", 303)
    set_reader(response, server.place, study, number, secure=request.url.scheme == "https")
    return response


@router.get("/study/{study}/read")
def read(request: Request, study: str) -> Response:
    """The page of the reader's present phase; without a valid cookie the door."""
    server = study_server(request.app)
    try:
        number = reader_of(request, server.place, study)
    except NoReader:
        return RedirectResponse("/study", 303)
    protocol = server.protocol(study)
    with reading(server.place.engine) as session:
        now = view(session, server.place, protocol, number)
    return render(
        request,
        None,
        f"study/{_template(now)}.html",
        protocol=protocol,
        study=study,
        number=number,
        now=now,
        sexes=SEXES,
        age_bands=AGE_BANDS,
        questions=protocol.questions.model_dump(mode="json"),
        rules=protocol.reading.model_dump(mode="json"),
    )


@router.post("/study/{study}/consent")
def agree(request: Request, study: str, agree: Annotated[str, Form(max_length=5)] = "") -> Response:
    """Note the consent."""
    server, number = _reader(request, study)
    if agree == "yes":
        consent(server.place, study, number, language_of(request))
    return RedirectResponse(f"/study/{study}/read", 303)


@router.post("/study/{study}/profile")
def profile(
    request: Request,
    study: str,
    years: Annotated[float, Form(ge=0, le=70)],
    sex: Annotated[str, Form(max_length=10)],
    age_band: Annotated[str, Form(max_length=10)],
) -> Response:
    """Take the reader's own words; they give the level and the order."""
    server, number = _reader(request, study)
    if sex not in SEXES or age_band not in AGE_BANDS:
        raise HTTPException(422, "Choose from the lists.")
    enrol(server.place, study, number, years=years, sex=sex, age_band=age_band)  # type: ignore[arg-type]
    return RedirectResponse(f"/study/{study}/read", 303)


@router.post("/study/leave")
def leave() -> Response:
    """Forget in this browser who read."""
    response = RedirectResponse("/study", 303)
    response.delete_cookie(COOKIE, path="/")
    return response


def _reader(request: Request, study: str) -> tuple[StudyServer, int]:
    server = study_server(request.app)
    try:
        return server, reader_of(request, server.place, study)
    except NoReader:
        raise StudyError("this browser has not come in with a code for this study") from None


def _template(now: View) -> str:
    return now.phase if now.phase in ("consent", "profile", "reading") else "waiting"


router.routes.extend(api.ROUTES)
router.include_router(organise.router)
