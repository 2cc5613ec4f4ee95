"""PostgreSQL connections that ask the server once for each statement.

The driver asks three times (parse, describe, execute), each time waiting for the answer. With hundreds of people saving at once the
waits are what a save costs, so the messages are sent together here, as the extended query protocol allows.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from pg8000 import core  # type: ignore[import-untyped]
from pg8000.converters import make_params  # type: ignore[import-untyped]
from pg8000.dbapi import Connection, IntegrityError  # type: ignore[import-untyped]

_INTEGRITY = "23"
"""Class of the SQLSTATE codes of rows that a constraint forbids (PostgreSQL's documentation, appendix A)."""


class Direct(Connection):  # type: ignore[misc]
    """A connection of the driver whose :meth:`execute_unnamed` takes one round trip in place of three."""

    def execute_unnamed(self, statement: str, vals: Any = (), oids: Any = (), stream: Any = None) -> Any:
        """Parse, bind, describe and execute a statement; the context holds its rows.

        Raises
        ------
        pg8000.exceptions.DatabaseError
            What the server refused.
        pg8000.exceptions.InterfaceError
            The connection is lost.
        """
        if stream is not None:  # COPY: a conversation
            return super().execute_unnamed(statement, vals=vals, oids=oids, stream=stream)
        if self._sock is None:
            raise core.InterfaceError("connection is closed")
        context = core.Context(statement)
        params = make_params(self.py_types, vals)
        self.send_PARSE(core.NULL_BYTE, statement, oids)
        self.send_BIND(core.NULL_BYTE, params)
        self._send_message(core.DESCRIBE, core.PORTAL + core.NULL_BYTE)
        self.send_EXECUTE()
        core._write(self._sock, core.SYNC_MSG)
        core._flush(self._sock)
        self.handle_messages(context)
        return context

    def handle_messages(self, context: Any) -> None:
        """Read the server's answers.

        Raises
        ------
        pg8000.dbapi.IntegrityError
            A constraint forbids the row; the driver itself tells it from no other refusal.
        pg8000.exceptions.InterfaceError
            The connection is lost; said in the words by which the pool knows that it has to make a new one.
        """
        try:
            super().handle_messages(context)
        except core.DatabaseError as error:
            said = error.args[0] if error.args else None
            if isinstance(said, dict) and str(said.get("C", "")).startswith(_INTEGRITY):
                raise IntegrityError(said) from error
            raise
        except OSError as error:
            raise core.InterfaceError("network error") from error

    def close(self) -> None:
        """Close the connection; one that the server broke off is closed already, which is no error."""
        with suppress(core.InterfaceError):
            super().close()
