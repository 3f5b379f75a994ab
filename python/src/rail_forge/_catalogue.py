"""What a server serves: its tables, their columns and keys, by Flight SQL's commands of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from . import _flight_sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ._connection import Connection


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns of a table, and the columns of another that they refer to, in the same order."""

    name: str | None
    columns: tuple[str, ...]
    schema: str
    table: str
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is served.

    `columns` is the schema of its rows, whose fields have PostgreSQL's type and the comment in their
    metadata.
    """

    catalog: str
    schema: str
    name: str
    columns: pa.Schema
    primary_key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...]


def read_tables(connection: Connection, catalog: str, schema: str | None, table: str | None) -> list[Table]:
    """Return a catalogue's tables, all of them or those of a schema and a name, in order of their names."""
    asked = _flight_sql.get_tables(catalog, _pattern(schema), _pattern(table))
    return [
        Table(
            catalog,
            found["db_schema_name"],
            found["table_name"],
            pa.ipc.read_schema(pa.py_buffer(found["table_schema"])),
            _primary_key(connection, found),
            _foreign_keys(connection, found),
        )
        for found in _rows(connection, asked)
    ]


def read_default_catalog(connection: Connection) -> str:
    """Return the catalogue in which SQL looks up names without one, empty if the caller may read none."""
    # Not the first of CommandGetCatalogs, which come in the order of their names.
    [row] = _rows(connection, b"SELECT current_database() AS catalog")
    return str(row["catalog"])


def _primary_key(connection: Connection, table: Mapping[str, Any]) -> tuple[str, ...]:
    rows = _rows(connection, _flight_sql.get_keys("CommandGetPrimaryKeys", *_name(table)))
    return tuple(row["column_name"] for row in sorted(rows, key=lambda row: int(row["key_sequence"])))


def _foreign_keys(connection: Connection, table: Mapping[str, Any]) -> tuple[ForeignKey, ...]:
    rows = _rows(connection, _flight_sql.get_keys("CommandGetImportedKeys", *_name(table)))
    by_name: dict[tuple[object, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        by_name.setdefault((row["fk_key_name"], row["pk_db_schema_name"], row["pk_table_name"]), []).append(
            row
        )
    return tuple(_foreign_key(columns) for columns in by_name.values())


def _foreign_key(rows: Iterable[Mapping[str, Any]]) -> ForeignKey:
    ordered = sorted(rows, key=lambda row: int(row["key_sequence"]))
    first = ordered[0]
    return ForeignKey(
        first["fk_key_name"],
        tuple(row["fk_column_name"] for row in ordered),
        first["pk_db_schema_name"],
        first["pk_table_name"],
        tuple(row["pk_column_name"] for row in ordered),
    )


def _name(table: Mapping[str, Any]) -> tuple[str, str, str]:
    return table["catalog_name"], table["db_schema_name"], table["table_name"]


def _rows(connection: Connection, command: bytes) -> list[dict[str, Any]]:
    info = connection.flight_info(command)
    batches = connection.read(info.endpoints).read_all()
    rows: list[dict[str, Any]] = pa.Table.from_batches(batches, schema=info.schema).to_pylist()
    return rows


def _pattern(name: str | None) -> str | None:
    """Return a pattern of LIKE that only a name itself matches."""
    if name is None:
        return None
    return name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
