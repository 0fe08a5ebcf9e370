"""Insert-or-leave and insert-or-replace, each one statement: two runs of one workspace may write the same row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

_INSERTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def insert_or_ignore(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert a row unless its primary key is there; return whether it was new."""
    statement = _insert(connection, table, row).on_conflict_do_nothing(index_elements=list(table.primary_key))
    return bool(connection.execute(statement).rowcount > 0)


def insert_or_replace(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Insert a row in place of the one with the same primary key."""
    keys = {column.name for column in table.primary_key}
    values = {name: value for name, value in row.items() if name not in keys}
    statement = _insert(connection, table, row)
    connection.execute(statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=values))


def _insert(connection: Connection, table: Table, row: Mapping[str, Any]) -> Any:
    return _INSERTS[connection.dialect.name](table).values(**row)
