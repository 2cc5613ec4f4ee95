"""HTML to PDF: nothing is fetched, and Pillow is left as it was found."""

from __future__ import annotations

import base64
import io
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from PIL import Image, ImageFile

pytest.importorskip("weasyprint", reason="the extra pdf is not installed")

from usnet.reports.pdf import pdf


def test_a_document_with_a_picture_becomes_a_pdf_and_pillow_stays_strict() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, "PNG")
    picture = base64.b64encode(buffer.getvalue()).decode()
    made = pdf(f"<p>Text</p><img src='data:image/png;base64,{picture}'>")
    assert made.startswith(b"%PDF-")
    assert b"/Image" in made
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_no_address_is_opened(tmp_path: Path) -> None:
    asked: list[str] = []

    class Listening(BaseHTTPRequestHandler):
        """Notes who asks."""

        def do_GET(self) -> None:
            """Answer nothing of use."""
            asked.append(self.path)
            self.send_error(404)

    server = HTTPServer(("127.0.0.1", 0), Listening)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    secret = tmp_path / "secret.png"
    Image.new("RGB", (8, 8), "red").save(secret)
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        made = pdf(
            f"<link rel=stylesheet href='{address}/a.css'><img src='{address}/b.png'><img src='{secret.as_uri()}'>"
        )
    finally:
        server.shutdown()
        server.server_close()
    assert asked == []
    assert b"/Image" not in made
