"""Reading and writing rows; each function is one transaction, and processes may write the same row at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from sqlalchemy import Engine, Executable, Table

_DIALECTS = {"sqlite": "sqlalchemy.dialects.sqlite", "postgresql": "sqlalchemy.dialects.postgresql"}
"""Database -> the module with its `insert`; only the one in use is loaded."""


def fetch_rows(engine: Engine, query: Executable) -> Sequence[Any]:
    """Return all rows of a query."""
    with engine.connect() as connection:
        return connection.execute(query).fetchall()


def fetch_value(engine: Engine, query: Executable) -> Any | None:
    """Return the first column of a query's first row; None without a row."""
    with engine.connect() as connection:
        return connection.execute(query).scalar()


def fetch_dicts(engine: Engine, query: Executable) -> list[dict[str, Any]]:
    """Return all rows of a query as dicts by column name."""
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def execute(engine: Engine, statement: Executable) -> None:
    """Execute one statement that writes."""
    with engine.begin() as connection:
        connection.execute(statement)


def insert_or_ignore(engine: Engine, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert the rows whose primary key is not in the table yet."""
    statement = _insert(engine, table)
    _execute_many(engine, statement.on_conflict_do_nothing(index_elements=list(table.primary_key)), rows)


def insert_or_replace(engine: Engine, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows, replacing those with the same primary key."""
    statement = _insert(engine, table)
    keys = list(table.primary_key)
    values = {column.name: statement.excluded[column.name] for column in table.columns if column not in keys}
    _execute_many(engine, statement.on_conflict_do_update(index_elements=keys, set_=values), rows)


def _insert(engine: Engine, table: Table) -> Any:
    return import_module(_DIALECTS[engine.dialect.name]).insert(table)


def _execute_many(engine: Engine, statement: Executable, rows: Iterable[Mapping[str, Any]]) -> None:
    if given := [dict(row) for row in rows]:
        with engine.begin() as connection:
            connection.execute(statement, given)
