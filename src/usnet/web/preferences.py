"""Language and theme: two cookies that say nothing else."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Response
from fastapi.responses import RedirectResponse

from usnet.web.login_pages import local_path
from usnet.web.pages import THEME_COOKIE, THEMES
from usnet.web.words import COOKIE, LANGUAGES

router = APIRouter(tags=["pages"])
_YEAR = 365 * 86400


@router.post("/preferences")
def choose(
    back: Annotated[str, Form(max_length=500)] = "/",
    language: Annotated[str | None, Form(max_length=10)] = None,
    theme: Annotated[str | None, Form(max_length=10)] = None,
) -> Response:
    """Remember a language or a theme in this browser."""
    if (language is not None and language not in LANGUAGES) or (theme is not None and theme not in THEMES):
        raise HTTPException(400, f"Languages: {', '.join(LANGUAGES)}. Themes: {', '.join(THEMES)}.")
    response = RedirectResponse(local_path(back), 303)
    for name, value in ((COOKIE, language), (THEME_COOKIE, theme)):
        if value is not None:
            response.set_cookie(name, value, max_age=_YEAR, httponly=True, samesite="lax", path="/")
    return response
