"""Many rows of one table in one statement, whatever their number."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Table, insert, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection
from sqlalchemy.sql import Executable


def add_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, replace: bool = False) -> None:
    """Insert rows that all name the same columns (texts and numbers); ``replace``: a row of the same primary key is overwritten.

    PostgreSQL gets the rows as one JSON parameter: its driver would otherwise ask the server three times for every row, or spend
    its time on numbering thousands of parameters.
    """
    if not rows:
        return
    columns = tuple(rows[0])
    if connection.dialect.name == "postgresql":
        connection.execute(_postgresql(table, columns, replace), {"rows": json.dumps([dict(row) for row in rows])})
    else:
        connection.execute(_sqlite(table, replace), [dict(row) for row in rows])


@lru_cache(maxsize=32)
def _sqlite(table: Table, replace: bool) -> Executable:
    if not replace:
        return insert(table)
    made = sqlite.insert(table)
    keys = [column.name for column in table.primary_key]
    changed = {c.name: made.excluded[c.name] for c in table.columns if c.name not in keys}
    return made.on_conflict_do_update(index_elements=keys, set_=changed)


@lru_cache(maxsize=32)
def _postgresql(table: Table, columns: tuple[str, ...], replace: bool) -> Executable:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    quoted = {name: dialect.identifier_preparer.quote(name) for name in columns}
    names = ", ".join(quoted.values())
    typed = ", ".join(f"{quoted[name]} {table.columns[name].type.compile(dialect)}" for name in columns)
    words = (
        f"INSERT INTO {dialect.identifier_preparer.format_table(table)} ({names}) "
        f"SELECT {names} FROM json_to_recordset(CAST(:rows AS json)) AS given ({typed})"
    )
    if replace:
        keys = [column.name for column in table.primary_key]
        moved = ", ".join(f"{quoted[n]} = excluded.{quoted[n]}" for n in columns if n not in keys)
        words += f" ON CONFLICT ({', '.join(quoted[key] for key in keys)}) DO UPDATE SET {moved}"
    return text(words)
