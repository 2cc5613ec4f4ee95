"""The pages: what there is, a dataset, a run. For administrators: they show the truth of every image."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, RedirectResponse

from usnet.store.database import reading, writing
from usnet.training.curves import PANELS, read_metrics
from usnet.web.annotate.shapes import Id
from usnet.web.browse.charts import Chart, chart
from usnet.web.browse.places import Kind, Spot, roots, spot_of, spots
from usnet.web.browse.results import result, start
from usnet.web.browse.work import CHECK, FAILURES, files_of
from usnet.web.guard import Place, audit, require
from usnet.web.pages import NavItem, render
from usnet.web.roles import User
from usnet.web.words import N_
from usnet.web.workplace import Workplace

router = APIRouter(tags=["pages"])
NAV = (NavItem("/browse", N_("Data and runs"), ("administrator",)),)
Administrator = Annotated[User, require("administrator")]
Sort = Literal["loss", "error", "missed", "extra"]
Figure = Literal["roc", "precision_recall", "froc", "reliability", "confusion"]
FIGURES = ("roc", "precision_recall", "froc", "reliability", "confusion")
PAGE = 60
WORK = {"dataset": CHECK, "evaluation": FAILURES}


def _spot(place: Workplace, spot: str, *kinds: Kind) -> Spot:
    found = spot_of(place, spot, *kinds)
    if found is None:
        raise HTTPException(404, "There is nothing here.")
    return found


@router.get("/browse")
def home(request: Request, place: Place, user: Administrator) -> Response:
    """Datasets and runs under the folders that were opened."""
    found = {kind: list(some) for kind, some in groupby(spots(place), lambda spot: spot.kind)}
    return render(request, user, "browse/home.html", found=found, rooted=bool(roots(place)))


@router.get("/browse/{spot}")
def one(
    request: Request,
    place: Place,
    user: Administrator,
    spot: Id,
    sort: Annotated[Sort, Query()] = "loss",
    page: Annotated[int, Query(ge=1, le=1000)] = 1,
) -> Response:
    """A dataset's check report, an evaluation's figures and failures, or a training run's curves."""
    found = _spot(place, spot)
    if found.kind == "dataset":
        return _dataset(request, place, user, found)
    if found.kind == "evaluation":
        return _evaluation(request, place, user, found, sort, page)
    return render(
        request, user, "browse/training.html", spot=found, charts=_charts(found.folder), kept=_settings(found.folder)
    )


@router.get("/browse/{spot}/progress")
def progress(request: Request, place: Place, user: Administrator, spot: Id) -> Response:
    """The part of the page that changes while a worker looks at the folder."""
    found = _spot(place, spot, "dataset", "evaluation")
    with reading(place.engine) as session:
        state = result(session, place, found, WORK[found.kind])
    headers = {"hx-refresh": "true"} if state.state in ("done", "dead") else None
    return render(request, user, "browse/progress.html", headers=headers, spot=found, state=state)


@router.post("/browse/{spot}/look")
def look(place: Place, user: Administrator, spot: Id) -> Response:
    """Let a worker check a dataset, or rank the failures of an evaluation."""
    found = _spot(place, spot, "dataset", "evaluation")
    with writing(place.engine) as session:
        start(session, place, found, WORK[found.kind])
        audit(session, place, user, "folder looked at", spot=spot, kind=found.kind)
    return RedirectResponse(f"/browse/{spot}", 303)


@router.get("/browse/pictures/{name}", response_class=FileResponse)
def picture(place: Place, user: Administrator, name: str) -> Response:
    """A small picture that a worker made; ``name`` is its sha256."""
    files = files_of(place)
    if len(name) != 64 or not set(name) <= set("0123456789abcdef") or name not in files:
        raise HTTPException(404, "There is nothing here.")
    return FileResponse(files.path(name), media_type="image/jpeg", headers={"cache-control": "private, max-age=3600"})


@router.get("/browse/{spot}/figures/{figure}", response_class=FileResponse)
def figure(place: Place, user: Administrator, spot: Id, figure: Figure) -> Response:
    """A figure of an evaluation."""
    path = _figure(_spot(place, spot, "evaluation"), figure)
    if path is None:
        raise HTTPException(404, "There is no such figure.")
    return FileResponse(path, media_type="image/png")


def _figure(spot: Spot, name: str) -> Path | None:
    path = spot.folder / "figures" / f"{name}.png"
    return path if path.is_file() and spot.folder in path.resolve().parents else None


def _dataset(request: Request, place: Workplace, user: User, spot: Spot) -> Response:
    with reading(place.engine) as session:
        state = result(session, place, spot, CHECK)
    found = state.found or {}
    problems = found.get("report", {}).get("problems", [])
    kinds = [(kind, list(some)) for kind, some in groupby(problems, lambda p: p["kind"])]
    return render(request, user, "browse/dataset.html", spot=spot, state=state, found=found, kinds=kinds)


def _evaluation(request: Request, place: Workplace, user: User, spot: Spot, sort: Sort, page: int) -> Response:
    with reading(place.engine) as session:
        state = result(session, place, spot, FAILURES)
    rows = sorted((state.found or {}).get("rows", []), key=lambda row: (-row[sort], -row["loss"], row["name"]))
    return render(
        request,
        user,
        "browse/evaluation.html",
        spot=spot,
        state=state,
        metrics=_metrics(spot.folder),
        figures=[name for name in FIGURES if _figure(spot, name)],
        rows=rows[PAGE * (page - 1) : PAGE * page],
        total=len(rows),
        sort=sort,
        page=page,
        pages=max(1, -(-len(rows) // PAGE)),
    )


def _metrics(folder: Path) -> list[dict[str, Any]]:
    """The numbers of the whole that an evaluation wrote; none where its file cannot be read."""
    try:
        rows = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["metrics"]
        return [row for row in rows if row["subgroup"] == "all" and row["averaging"] == "raw"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []


def _charts(folder: Path) -> list[Chart]:
    try:
        columns = read_metrics(folder)
    except (OSError, ValueError, KeyError):
        return []
    drawn = (chart(title, {n: columns[n] for n in names if n in columns}) for title, names in PANELS.items())
    return [found for found in drawn if found is not None]


def _settings(folder: Path) -> dict[str, str]:
    """The small text files of a run, as they are."""
    found = {}
    for name in ("config.toml", "data.json", "environment.json"):
        path = folder / name
        if path.is_file() and path.stat().st_size < 1 << 18 and folder in path.resolve().parents:
            found[name] = path.read_text(encoding="utf-8", errors="replace")
    return found
