"""The application: middleware outside, then the routers of every page."""

from __future__ import annotations

from pathlib import Path

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.staticfiles import StaticFiles

import usnet
from usnet.errors import UsnetError
from usnet.web import account_pages, health, login_pages, preferences
from usnet.web.accounts import TooManyTries
from usnet.web.annotate import adjudicate as annotate_decisions
from usnet.web.annotate import api as annotate_api
from usnet.web.annotate import pages as annotate_pages
from usnet.web.browse import pages as browse_pages
from usnet.web.browser import BrowserCookie
from usnet.web.diagnose import api as diagnose_api
from usnet.web.diagnose import api_views as diagnose_views
from usnet.web.diagnose import pages as diagnose_pages
from usnet.web.diagnose.model import facts
from usnet.web.guard import NotSignedIn, csrf, current_user
from usnet.web.limits import Gate
from usnet.web.measuring import Measured
from usnet.web.oidc import pages as oidc_pages
from usnet.web.oidc.provider import open_provider
from usnet.web.pages import render
from usnet.web.queueing import QueueFull
from usnet.web.roles import User
from usnet.web.settings import Settings
from usnet.web.study import pages as study_pages
from usnet.web.workplace import Workplace, open_workplace

PAGES = (diagnose_pages, annotate_pages, study_pages, browse_pages, account_pages)
"""Modules with a ``router`` and a tuple ``NAV`` of :class:`~usnet.web.pages.NavItem`. Another room's pages: one line here."""


def create_app(settings: Settings, place: Workplace | None = None) -> FastAPI:
    """The application of one server, with its database at this version's tables. Jobs run in workers of their own: see
    :mod:`usnet.web.supervisor`."""
    place = place or open_workplace(settings)
    app = FastAPI(
        title="usnet",
        version=usnet.__version__,
        description="Breast ultrasound: upload, diagnose, annotate. Research use only, not a medical device.",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        dependencies=[Depends(csrf)],
    )
    app.state.workplace = place
    app.state.oidc = open_provider(settings)
    app.state.facts = facts(settings.bundle)
    app.state.nav = [item for page in PAGES for item in page.NAV]
    for module in (
        health,
        login_pages,
        oidc_pages,
        preferences,
        diagnose_api,
        diagnose_views,
        annotate_api,
        annotate_decisions,
        *PAGES,
    ):
        app.include_router(module.router)
    app.mount("/static", _Static(directory=Path(__file__).parent / "static"), name="static")
    _add_error_pages(app)
    app.add_middleware(Measured, place=place)
    app.add_middleware(BrowserCookie, place=place)
    app.add_middleware(Gate, place=place)
    return app


class _Static(StaticFiles):
    """Files whose address carries their hash may be kept for ever."""

    def file_response(self, *args: object, **options: object) -> Response:
        response = super().file_response(*args, **options)  # type: ignore[arg-type]
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def _add_error_pages(app: FastAPI) -> None:
    @app.exception_handler(NotSignedIn)
    def sign_in(request: Request, _error: Exception) -> Response:
        if _wants_page(request) and request.method == "GET":
            return RedirectResponse(f"/login?next={request.url.path}", 303)
        return _said(request, 401, "Sign in, or send a token that holds.", {"www-authenticate": "Bearer"})

    @app.exception_handler(StarletteHTTPException)
    def refused(request: Request, error: HTTPException) -> Response:
        return _said(request, error.status_code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    def invalid(request: Request, error: RequestValidationError) -> Response:
        problems = [f"{'.'.join(map(str, p['loc'][1:]))}: {p['msg']}" for p in error.errors()[:10]]
        return _said(request, 422, "; ".join(problems))

    @app.exception_handler(QueueFull)
    def full(request: Request, error: QueueFull) -> Response:
        return _said(request, 429, str(error), {"retry-after": str(error.retry_after)})

    @app.exception_handler(TooManyTries)
    def tries(request: Request, error: TooManyTries) -> Response:
        return _said(request, 429, str(error), {"retry-after": str(error.seconds)})

    @app.exception_handler(UsnetError)
    def wrong(request: Request, error: UsnetError) -> Response:
        return _said(request, 400, str(error))


def _wants_page(request: Request) -> bool:
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


def _said(request: Request, status: int, words: str, headers: dict[str, str] | None = None) -> Response:
    """An error as JSON for programs and as a page for people."""
    if not _wants_page(request) or request.headers.get("hx-request"):
        return JSONResponse({"detail": words}, status, headers)
    return render(request, _user(request), "error.html", status=status, headers=headers, words=words)


def _user(request: Request) -> User | None:
    try:
        return current_user(request, request.app.state.workplace)
    except Exception:  # the error page must come in any case
        return None
