"""For those who keep the server running: is it well, and what has it done."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text

from usnet.store import jobs
from usnet.store.database import reading
from usnet.web.guard import Place, require
from usnet.web.roles import User

router = APIRouter(tags=["operation"])


@router.get("/healthz")
def healthz(place: Place) -> Response:
    """200 while the database answers. Open to everybody: it says nothing else."""
    try:
        with reading(place.engine) as session:
            session.execute(text("SELECT 1"))
    except Exception:
        return JSONResponse({"status": "the database does not answer"}, 503)
    return JSONResponse({"status": "ok"})


@router.get("/metrics")
def metrics(place: Place, _user: Annotated[User, require("administrator")]) -> Response:
    """Counters for Prometheus; for administrators, or an administrator's token of scope ``metrics``."""
    with reading(place.engine) as session:
        counts = jobs.counts(session)
    lines = ["# HELP usnet_jobs Jobs by state", "# TYPE usnet_jobs gauge"]
    lines += [f'usnet_jobs{{state="{state}"}} {count}' for state, count in counts.items()]
    body = generate_latest(place.metrics.registry) + ("\n".join(lines) + "\n").encode()
    return Response(body, media_type=CONTENT_TYPE_LATEST)
