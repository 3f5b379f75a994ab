"""Tables that together have a column of every type, and what PostgreSQL prints for their cells.

Each table has a column `id`, its primary key, and one column for each type, whose values go down its rows;
the last row is NULL but for its id.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import sql
from type_catalogue import literal, without_modifiers
from type_values import FURTHER_COLUMNS, UNREPRESENTABLE

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import psycopg
    from type_catalogue import TypeCatalogue

# All types in one table would make rows that are longer than a page.
FURTHER = "further"
TABLES = ("scalars", "arrays", "composites", "composite_arrays", FURTHER)

HARD_SCHEMA = "hard"
# The keys of the bad rows; no other number in an error is like them.
FIRST_HARD_ID = 47110
KEYED_TABLES = {
    "last_key": "bad date, id integer PRIMARY KEY",
    "two_keys": "number bigint, bad date, shop smallint, PRIMARY KEY (shop, number)",
    "no_key": "id integer, bad date",
}


@dataclass(frozen=True)
class Column:
    """A column and all its cells as PostgreSQL prints them, by id."""

    name: str
    printed: str
    texts: Sequence[str | None]


def create_tables(connection: psycopg.Connection, types: TypeCatalogue, members: Collection[str]) -> None:
    """Create `TABLES`, with columns of these types."""
    for table in TABLES:
        if table == FURTHER:
            columns = [
                (printed, [literal(value, printed) for value in values])
                for printed, values in FURTHER_COLUMNS
            ]
        else:
            columns = [
                (printed, types.samples(printed)) for printed in members if _table_of(types, printed) == table
            ]
        _create_table(connection, table, columns)


def create_hard_tables(connection: psycopg.Connection, version: int) -> None:
    """Create a table for each case of values that Arrow cannot hold, in a schema of their own."""
    connection.execute(f"CREATE SCHEMA {HARD_SCHEMA}".encode())
    for name, case in UNREPRESENTABLE.items():
        if version >= case.since:
            table = f"{HARD_SCHEMA}.{name}"
            _execute(connection, f"CREATE TABLE {table} (id integer PRIMARY KEY, bad {case.printed})")
            for number, value in enumerate(case.values, FIRST_HARD_ID):
                _execute(connection, f"INSERT INTO {table} VALUES ({number}, {literal(value, case.printed)})")
    for name, definition in KEYED_TABLES.items():
        _execute(connection, f"CREATE TABLE {HARD_SCHEMA}.{name} ({definition})")
    _execute(connection, f"INSERT INTO {HARD_SCHEMA}.last_key VALUES ('infinity', 47110), ('today', 1)")
    _execute(
        connection, f"INSERT INTO {HARD_SCHEMA}.two_keys VALUES (47110, 'infinity', 815), (1, 'today', 1)"
    )
    _execute(connection, f"INSERT INTO {HARD_SCHEMA}.no_key VALUES (1, 'today'), (2, '-infinity')")


def read_columns(connection: psycopg.Connection, types: TypeCatalogue, table: str) -> list[Column]:
    """The columns of a table but its id, with their cells."""
    named = connection.execute(
        """SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute
           WHERE attrelid = %s::regclass AND attname <> 'id' AND attnum > 0 ORDER BY attnum""",
        [table],
    ).fetchall()
    expressions = ", ".join(_text(name, types.base(printed)) for name, printed in named)
    rows = connection.execute(f"SELECT {expressions} FROM {table} ORDER BY id".encode()).fetchall()
    texts = zip(*rows, strict=True)
    return [Column(name, printed, cells) for (name, printed), cells in zip(named, texts, strict=True)]


def _table_of(types: TypeCatalogue, printed: str) -> str:
    known = types.types[printed]
    ending = "composites" if types.types[known.made_of if known.is_array else printed].kind == "c" else ""
    if known.is_array:
        return "composite_arrays" if ending else "arrays"
    return ending or "scalars"


def _create_table(
    connection: psycopg.Connection, table: str, columns: Sequence[tuple[str, Sequence[str]]]
) -> None:
    definitions = ", ".join(f"c{number} {printed}" for number, (printed, _) in enumerate(columns))
    _execute(connection, f"CREATE TABLE {table} (id integer PRIMARY KEY, {definitions})")
    for row in range(max(len(values) for _, values in columns) + 1):
        cells = [values[row] if row < len(values) else "NULL" for _, values in columns]
        _execute(connection, f"INSERT INTO {table} VALUES ({row}, {', '.join(cells)})")


def _text(name: str, base: str) -> str:
    """The SQL expression of a column's text."""
    quoted = sql.Identifier(name).as_string()
    # The cast of character(n) drops blanks at the end, of which the column's own output is made; that of inet
    # adds the bits of its network.
    output = {"bpchar": "bpcharout", "inet": "inet_out"}.get(without_modifiers(base))
    return f"textin({output}({quoted}))" if output else f"{quoted}::text"


def _execute(connection: psycopg.Connection, statement: str) -> None:
    connection.execute(statement.encode())
