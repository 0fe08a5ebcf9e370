"""Insert-or-leave and insert-or-replace, in the words that SQLite and PostgreSQL share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, delete, select


def insert_once(connection: Connection, table: Table, row: Mapping[str, Any]) -> bool:
    """Insert a row unless its primary key is there; return whether it was new."""
    if connection.execute(select(*table.primary_key).where(*_same_key(table, row))).first():
        return False
    connection.execute(table.insert().values(**row))
    return True


def replace(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Insert a row in place of the one with the same primary key."""
    connection.execute(delete(table).where(*_same_key(table, row)))
    connection.execute(table.insert().values(**row))


def _same_key(table: Table, row: Mapping[str, Any]) -> list[Any]:
    return [column == row[column.name] for column in table.primary_key]
