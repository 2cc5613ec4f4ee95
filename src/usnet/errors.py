"""Every error that usnet raises on purpose.

An error names the source (file, and row where there is one), what was found, what was expected and what to do next.
The command line turns each kind into one line and one exit code; see :mod:`usnet.cli`.
"""

from __future__ import annotations

from pathlib import Path


class UsnetError(Exception):
    """Base of all usnet errors.

    Parameters
    ----------
    message
        What was found.
    source
        File or other input that the error is about.
    row
        1-based row (or line) within ``source``.
    expected
        What would have been right.
    hint
        What the user can do about it.
    """

    exit_code = 2

    def __init__(
        self,
        message: str,
        *,
        source: str | Path | None = None,
        row: int | None = None,
        expected: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.message = message
        self.source = None if source is None else str(source)
        self.row = row
        self.expected = expected
        self.hint = hint
        super().__init__(self._text())

    def _text(self) -> str:
        place = self.source or ""
        if self.row is not None:
            place += f", row {self.row}" if place else f"row {self.row}"
        text = f"{place}: {self.message}" if place else self.message
        if self.expected:
            text += f"; expected {self.expected}"
        if self.hint:
            text += f". {self.hint}"
        return text


class UnreadableImage(UsnetError):
    """An image file cannot be decoded, or is larger than the limits allow."""

    exit_code = 3


class DataError(UsnetError):
    """A dataset, its table or its annotations are not as their format says."""

    exit_code = 3


class ConfigError(UsnetError):
    """A configuration has an unknown key, a wrong type or values that exclude each other."""

    exit_code = 2


class BundleError(UsnetError):
    """A model bundle is missing, damaged or of another version."""

    exit_code = 4


class MissingExtra(UsnetError):
    """A feature needs an optional dependency that is not installed."""

    exit_code = 2


class PacsError(UsnetError):
    """An archive, or the way to it, does not do what was asked: not reachable, refused, or not what it answered."""

    exit_code = 6
