"""What an engine answers to a statement, in a form in which two answers can be compared.

An answer is columns and cells as PostgreSQL prints them, or a refusal. Three things are set aside. Decimals
are compared by value: Arrow has one scale for a column, and PostgreSQL one for each value that it computes. A
column's name is not compared. PostgreSQL's types for texts (`text`, `character varying`, `name`, `unknown`)
and those that have no type in Arrow all come as strings.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import psycopg
import pyarrow as pa

import rail_forge
from rail_forge_testbed.postgres_text import texts

if TYPE_CHECKING:
    from collections.abc import Sequence

Cell = str | Decimal | None
Row = tuple[Cell, ...]

# PostgreSQL's types that have one of their own in Arrow, and how that one is called here.
POSTGRES_TYPES = {
    "bool": "boolean",
    "bytea": "bytea",
    "int8": "bigint",
    "int2": "smallint",
    "int4": "integer",
    "oid": "oid",
    "float4": "real",
    "float8": "double precision",
    "date": "date",
    "time": "time",
    "timestamp": "timestamp",
    "timestamptz": "timestamptz",
    "interval": "interval",
    "numeric": "numeric",
}
ARROW_TYPES = {
    pa.bool_(): "boolean",
    pa.binary(): "bytea",
    pa.int64(): "bigint",
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.uint32(): "oid",
    pa.float32(): "real",
    pa.float64(): "double precision",
    pa.date32(): "date",
    pa.time64("us"): "time",
    pa.timestamp("us"): "timestamp",
    pa.timestamp("us", "UTC"): "timestamptz",
    pa.month_day_nano_interval(): "interval",
    pa.string(): "text",
}
# What comes from PostgreSQL as one of these can be printed.
PRINTABLE = {f"{name}{array}" for name in (*ARROW_TYPES.values(), "numeric") for array in ("", "[]")}


@dataclass(frozen=True)
class Rows:
    """An answer."""

    types: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Refusal:
    """An error; PostgreSQL's have a code."""

    message: str
    sqlstate: str | None = None
    # Whether there was no answer in time.
    is_late: bool = False


Answer = Rows | Refusal


def answer_of_postgres(connection: psycopg.Connection, sql: str) -> Answer:
    """Ask PostgreSQL."""
    try:
        cursor = psycopg.RawCursor(connection)
        cursor.execute(sql.encode())
    except psycopg.Error as error:
        return Refusal(str(error), error.sqlstate)
    result = cursor.pgresult
    assert result is not None
    types = tuple(_type_of_oid(result.ftype(column)) for column in range(result.nfields))
    rows = (
        tuple(_cell(result.get_value(row, column), kind) for column, kind in enumerate(types))
        for row in range(result.ntuples)
    )
    return Rows(types, tuple(rows))


def answer_of_rail_forge(client: rail_forge.Client, sql: str) -> Answer:
    """Ask RailForge."""
    try:
        table = client.sql(sql).arrow()
    except rail_forge.Error as error:
        return Refusal(str(error), is_late=isinstance(error, rail_forge.QueryTimeout))
    types = tuple(_type_of_arrow(field.type) for field in table.schema)
    columns = [
        [
            _comparable(text, kind)
            for text in (texts(column) if kind in PRINTABLE else map(str, column.to_pylist()))
        ]
        for column, kind in zip(table.columns, types, strict=True)
    ]
    return Rows(types, tuple(zip(*columns, strict=True)) if columns else ((),) * table.num_rows)


def difference(got: Rows, wanted: Rows, *, in_order: bool) -> str | None:
    """The first difference in words; None when there is none."""
    if got.types != wanted.types:
        return f"types {', '.join(got.types)} instead of {', '.join(wanted.types)}"
    if not in_order:
        got_rows, wanted_rows = Counter(got.rows), Counter(wanted.rows)
        if got_rows == wanted_rows:
            return None
        return f"{_few(got_rows - wanted_rows)} instead of {_few(wanted_rows - got_rows)}"
    for number, (one, other) in enumerate(zip(got.rows, wanted.rows, strict=False)):
        if one != other:
            return f"row {number}: {_printed(one)} instead of {_printed(other)}"
    if len(got.rows) != len(wanted.rows):
        return f"{len(got.rows)} rows instead of {len(wanted.rows)}"
    return None


def _few(rows: Counter[Row]) -> str:
    return "; ".join(_printed(row) for row in list(rows.elements())[:3]) or "nothing"


def _printed(row: Sequence[Cell]) -> str:
    return ", ".join("NULL" if cell is None else repr(str(cell)) for cell in row)


def _type_of_oid(oid: int) -> str:
    info = psycopg.adapters.types.get(oid)
    if info is None:
        return "text"
    return POSTGRES_TYPES.get(info.name, "text") + ("[]" if oid == info.array_oid else "")


def _cell(value: bytes | None, kind: str) -> Cell:
    if value is None:
        return None
    text = value.decode()
    return _comparable({"t": "true", "f": "false"}[text] if kind == "boolean" else text, kind)


def _comparable(text: str | None, kind: str) -> Cell:
    return Decimal(text).normalize() if text is not None and kind == "numeric" else text


def _type_of_arrow(data_type: pa.DataType) -> str:
    if pa.types.is_list(data_type):
        return f"{_type_of_arrow(data_type.value_type)}[]"
    if pa.types.is_decimal(data_type):
        return "numeric"
    return ARROW_TYPES.get(data_type, str(data_type))
