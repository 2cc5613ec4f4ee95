"""Mutual TLS, version 1.2 or later (PS3.15 B.12, BCP 195 profile)."""

from __future__ import annotations

import ssl

from usnet.errors import ConfigError
from usnet.pacs.config import TlsFiles


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """For the side that listens: every client must show a certificate.

    Raises
    ------
    ConfigError
        A file is not PEM, or key and certificate do not belong together.
    """
    return _context(files, ssl.Purpose.CLIENT_AUTH)


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """For the side that calls: the certificate must be that of the host that was called."""
    return _context(files, ssl.Purpose.SERVER_AUTH)


def _context(files: TlsFiles, purpose: ssl.Purpose) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(purpose, cafile=str(files.authorities))
        context.load_cert_chain(str(files.certificate), str(files.key))
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(
            f"TLS files cannot be used ({error})",
            source=files.certificate,
            expected="PEM files of a certificate, its key, and the authorities",
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    return context
