"""An HTML document as PDF: the one place that opens WeasyPrint."""

from __future__ import annotations

from typing import Any

from usnet.errors import MissingExtra
from usnet.extras import need
from usnet.images.limits import refuse_truncated


def pdf(html: str) -> bytes:
    """The document as PDF. It draws on nothing but its own text and pictures: every address but ``data:`` is refused.

    Raises
    ------
    MissingExtra
        WeasyPrint, or the Pango library that it draws with, is not installed.
    """
    document, fetcher = _weasyprint()
    try:
        made: bytes = document(string=html, url_fetcher=fetcher(allowed_protocols=("data",))).write_pdf()
    finally:
        refuse_truncated()  # WeasyPrint lets Pillow fill up truncated images, in the whole process
    return made


def _weasyprint() -> tuple[Any, Any]:
    """Its document and its fetcher of addresses."""
    need("weasyprint", extra="pdf", feature="A PDF")
    try:
        from weasyprint import HTML  # type: ignore[import-untyped]
        from weasyprint.urls import URLFetcher  # type: ignore[import-untyped]
    except OSError as error:
        raise MissingExtra(
            f"A PDF needs the Pango library, which is not installed ({error})",
            hint="On Debian: apt-get install libpango-1.0-0 libpangoft2-1.0-0",
        ) from error
    return HTML, URLFetcher
