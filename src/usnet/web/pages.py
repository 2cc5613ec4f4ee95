"""Templates to answers."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from usnet.reports import style
from usnet.web.browser import csrf_token
from usnet.web.roles import Role, User
from usnet.web.words import LANGUAGES, catalogue, language_of
from usnet.web.workplace import workplace_of

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "usnet_theme"


@dataclass(frozen=True, slots=True)
class NavItem:
    """A link of the head of every page, shown to those who have one of ``roles``. ``label`` is English; mark it with ``N_``."""

    path: str
    label: str
    roles: tuple[Role, ...] = ("viewer",)


def render(
    request: Request,
    user: User | None,
    template: str,
    *,
    status: int = 200,
    headers: dict[str, str] | None = None,
    **values: Any,
) -> HTMLResponse:
    """A page from ``templates/``, in the reader's language and theme. Every text is escaped.

    Templates extend ``base.html`` and see: ``user``, ``request``, ``_`` and ``ngettext``, ``csrf`` (the token; forms include
    ``{{ csrf_field }}``), ``static(name)``, and the ``values`` given here.
    """
    place = workplace_of(request)
    language = language_of(request)
    theme = request.cookies.get(THEME_COOKIE)
    token = csrf_token(request, place)
    environment = _environment(language)
    text = environment.get_template(template).render(
        request=request,
        user=user,
        nav=[item for item in request.app.state.nav if user is not None and user.has(*item.roles)],
        here=request.url.path,
        language=language,
        languages=LANGUAGES,
        theme=theme if theme in THEMES else "auto",
        themes=THEMES,
        csrf=token,
        csrf_field=Markup('<input type="hidden" name="csrf" value="{}">').format(token),
        needs_login=place.settings.needs_login,
        research_use=style.RESEARCH_USE,
        **values,
    )
    return HTMLResponse(text, status, headers)


def static(name: str) -> str:
    """Address of a file in ``static/``; it changes with the content, so that browsers may keep it for ever."""
    return f"/static/{name}?v={_digest(name)}"


@cache
def _digest(name: str) -> str:
    return hashlib.sha256((files("usnet.web") / "static" / name).read_bytes()).hexdigest()[:12]


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("usnet.web"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.install_gettext_translations(catalogue(language), newstyle=True)  # type: ignore[attr-defined]
    environment.globals |= {"static": static}
    environment.filters |= {"percent": style.percent, "when": when, "script_json": script_json}
    return environment


def when(seconds: float) -> str:
    """A time in UTC, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(seconds))


def script_json(value: Any) -> Markup:
    """JSON for a ``<script type="application/json">`` element: nothing in it can end the element."""
    text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))
