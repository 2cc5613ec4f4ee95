"""The key of a de-identification: every new identifier is a keyed hash of the old one, so no table of pairs has to be kept.

With the same key the same patient, study or image gets the same new identifier in every run; without the key nobody can go back,
not even by trying all identifiers of a hospital.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from usnet.errors import ConfigError

KEY_BYTES = 32
LONGEST_SHIFT = 3_652
"""Days: dates move back by one day to ten years."""


@dataclass(frozen=True, slots=True)
class Secret:
    """Keyed hashes (HMAC-SHA256, RFC 2104) for all kinds of identifiers."""

    key: bytes = field(repr=False)

    @classmethod
    def fresh(cls) -> Self:
        """A key that nobody keeps: a later run gives other identifiers."""
        return cls(secrets.token_bytes(KEY_BYTES))

    @classmethod
    def load_or_create(cls, path: Path) -> Self:
        """The key in a file of 64 hexadecimal digits; a missing file is made, readable by its owner only.

        Raises
        ------
        ConfigError
            The file holds something else, or cannot be read or written.
        """
        try:
            if not path.exists():
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(handle, "w", encoding="ascii") as stream:
                    stream.write(secrets.token_hex(KEY_BYTES) + "\n")
            text = path.read_text(encoding="ascii", errors="replace").strip()
        except OSError as error:
            raise ConfigError(f"the key cannot be read or made ({error.strerror})", source=path) from error
        try:
            key = bytes.fromhex(text)
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise ConfigError(
                "this is no key", source=path, expected="64 hexadecimal digits", hint="Name a new file to make one"
            )
        return cls(key)

    def digest(self, purpose: str, text: str) -> bytes:
        """32 bytes for ``text``; different purposes give unrelated bytes."""
        return hmac.digest(self.key, f"{purpose}\0{text}".encode("utf-8", "surrogateescape"), hashlib.sha256)

    def uid(self, old: str) -> str:
        """The new UID of an old one, under 2.25 (PS3.5 B.2)."""
        return f"2.25.{int.from_bytes(self.digest('uid', old)[:16], 'big') | 1 << 127}"

    def pseudonym(self, patient: str) -> str:
        """``P`` and 12 hexadecimal digits for a patient key."""
        return "P" + self.digest("patient", patient).hex()[:12].upper()

    def shift_days(self, patient: str) -> int:
        """Days that all dates of a patient move, from -1 to -:data:`LONGEST_SHIFT`."""
        return -1 - int.from_bytes(self.digest("dates", patient)[:8], "big") % LONGEST_SHIFT

    def name(self, purpose: str, text: str, digits: int = 16) -> str:
        """A file or folder name."""
        return self.digest(f"name {purpose}", text).hex()[:digits]
