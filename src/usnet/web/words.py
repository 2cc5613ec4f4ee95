"""The page's language: gettext catalogues in ``locale/``, English being what stands in the code."""

from __future__ import annotations

import gettext
from functools import cache
from importlib.resources import files
from pathlib import Path

from starlette.requests import Request

LANGUAGES = {"en": "English", "zh": "中文"}
COOKIE = "usnet_language"
DOMAIN = "usnet"


def language_of(request: Request) -> str:
    """The language that was chosen, else the first one the browser asks for that there is, else English."""
    chosen = request.cookies.get(COOKIE)
    if chosen in LANGUAGES:
        return chosen
    for wish in request.headers.get("accept-language", "").split(","):
        code = wish.partition(";")[0].strip().lower().partition("-")[0]
        if code in LANGUAGES:
            return code
    return "en"


@cache
def catalogue(language: str) -> gettext.NullTranslations:
    """The messages of a language; English ones are their own translation."""
    if language == "en":
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, str(Path(str(files("usnet.web"))) / "locale"), [language], fallback=True)


def translate(request: Request, message: str, **values: object) -> str:
    """A message in the language of a request, with ``%(name)s`` filled in. Mark messages of Python code with this name: the
    catalogue is made from calls of ``translate(request, "...")`` and ``N_("...")``, and from templates."""
    text = catalogue(language_of(request)).gettext(message)
    return text % values if values else text


def N_(message: str) -> str:
    """Mark a message for the catalogue where it is translated later."""
    return message
