"""The reader's cookie: which reader of which study this browser is, signed; it says nothing else."""

from __future__ import annotations

import hmac
import time

from starlette.requests import Request
from starlette.responses import Response

from usnet.readers.place import Place

COOKIE = "usnet_reader"
_SECONDS = 12 * 3600


class NoReader(Exception):
    """This browser has not come in with a code for this study."""


def set_reader(response: Response, place: Place, study: str, number: int, *, secure: bool) -> None:
    """Let a browser read as reader ``number`` for twelve hours."""
    body = f"{study}.{number}.{int(time.time()) + _SECONDS}"
    response.set_cookie(
        COOKIE,
        f"{body}.{place.keyed('reader', body)}",
        max_age=_SECONDS,
        httponly=True,
        samesite="strict",
        secure=secure,
        path="/",
    )


def reader_of(request: Request, place: Place, study: str) -> int:
    """The reader's number in ``study``.

    Raises
    ------
    NoReader
        No cookie, one of another study, an old one, or not one of ours.
    """
    body, _, mark = request.cookies.get(COOKIE, "").rpartition(".")
    if not body or not hmac.compare_digest(place.keyed("reader", body).encode(), mark.encode()):
        raise NoReader
    name, number, ends = body.rsplit(".", 2)
    if name != study or int(ends) < time.time():
        raise NoReader
    return int(number)
