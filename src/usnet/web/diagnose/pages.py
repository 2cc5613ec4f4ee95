"""The first page: drop images here."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from usnet.web.guard import CurrentUser, Place
from usnet.web.pages import NavItem, render
from usnet.web.words import N_

router = APIRouter(tags=["pages"])
NAV = (NavItem("/", N_("Diagnose")),)


@router.get("/")
def home(request: Request, place: Place, user: CurrentUser) -> Response:
    """Drop zone and one's own exams."""
    return render(request, user, "diagnose/home.html", limit=place.settings.max_upload)
