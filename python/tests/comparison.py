"""PostgreSQL's own answer, and whether RailForge's is the same.

psycopg reads three types in another form, which is set aside here: uuid and JSON arrive as objects instead of
as the text that PostgreSQL prints, and `real` as its shortest decimal instead of as the number itself. Apart
from that a cell is the same only if value and Python type are.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import psycopg
import pyarrow as pa
from psycopg.adapt import Loader
from psycopg.types.string import TextLoader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Row = tuple[object, ...]

# What tells where a query has its own ORDER BY and LIMIT; literals, quoted names and comments match no group.
_CLAUSES = re.compile(
    r"""'[^']*'|"[^"]*"|--[^\n]*|(?P<open>\()|(?P<close>\))|(?P<order>\border\s+by\b)|(?P<end>\blimit\b|;)""",
    re.IGNORECASE,
)


class _RealLoader(Loader):
    """Reads a `real` as the number that its 32 bits stand for."""

    def load(self, data: bytes | bytearray | memoryview) -> float:
        number: float
        (number,) = struct.unpack("f", struct.pack("f", float(bytes(data))))
        return number


def connect_as_reference(url: str) -> psycopg.Connection:
    """A read-only connection whose values can be compared with those of a result."""
    options = "-c default_transaction_read_only=on -c timezone=UTC"
    connection = psycopg.connect(url, autocommit=True, options=options)
    for name in ("json", "jsonb", "uuid"):
        connection.adapters.register_loader(name, TextLoader)
    connection.adapters.register_loader("float4", _RealLoader)
    return connection


def reference_rows(connection: psycopg.Connection, sql: str, params: Sequence[object] = ()) -> list[Row]:
    """What PostgreSQL answers; parameters are written `$1` in the text, as in RailForge's."""
    cursor = psycopg.RawCursor(connection)
    return cursor.execute(sql.encode(), params).fetchall()


def rows(table: pa.Table) -> list[Row]:
    """An Arrow table's rows, as a database cursor gives them."""
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def in_total_order(connection: psycopg.Connection, sql: str) -> str:
    """The query with every column of its result at the end of its ORDER BY.

    Whatever the query orders by, its rows then have one order, and a LIMIT keeps the same ones on both sides.
    """
    ordered, depth, end = False, 0, len(sql)
    for token in _CLAUSES.finditer(sql):
        match token.lastgroup:
            case "open":
                depth += 1
            case "close":
                depth -= 1
            case "order" if depth == 0:
                ordered = True
            case "end" if depth == 0:
                end = token.start()
                break
    positions = ", ".join(str(1 + column) for column in range(_width(connection, sql)))
    return f"{sql[:end]}{',' if ordered else ' ORDER BY'} {positions} {sql[end:]}"


def _width(connection: psycopg.Connection, sql: str) -> int:
    prepared = connection.pgconn.prepare(b"", sql.encode())
    if prepared.status != psycopg.pq.ExecStatus.COMMAND_OK:
        raise psycopg.ProgrammingError(prepared.get_error_message())
    return connection.pgconn.describe_prepared(b"").nfields


def first_difference(
    got: Sequence[Row], wanted: Sequence[Row], form: Callable[[object], object] | None = None
) -> str | None:
    """The first cell that differs in value or type, in words; None when all are the same.

    Cells are the same whose forms are equal, by default `exact` ones.
    """
    form = form or exact
    if len(got) != len(wanted):
        return f"{len(got)} rows instead of {len(wanted)}"
    for number, (got_row, wanted_row) in enumerate(zip(got, wanted, strict=True)):
        if len(got_row) != len(wanted_row):
            return f"{len(got_row)} columns instead of {len(wanted_row)}"
        for position, (cell, reference) in enumerate(zip(got_row, wanted_row, strict=True)):
            if form(cell) != form(reference):
                return f"row {number}, column {position}: {cell!r} instead of {reference!r}"
    return None


def exact(cell: object) -> object:
    """A form of a cell that is equal only to that of the same value of the same type."""
    form: object = cell
    match cell:
        case list():
            form = [exact(element) for element in cell]
        case float():
            form = cell.hex()  # NaN is the same as NaN, and 0.0 is not the same as -0.0
        case Decimal():
            form = str(cell)  # with its scale
        case datetime() if cell.tzinfo is not None:
            form = ("aware", cell.astimezone(UTC))
        case pa.MonthDayNano() if cell.months == 0:
            return exact(timedelta(days=cell.days, microseconds=cell.nanoseconds / 1000))
    return (type(cell).__name__, form)


def by_value(cell: object) -> object:
    """As `exact`, but decimals are the same when their values are."""
    return ("Decimal", cell) if isinstance(cell, Decimal) else exact(cell)


def multiset(rows: Iterable[Row]) -> Counter[Row]:
    """Rows without their order; numbers are the same when their values are."""
    return Counter(rows)


def columns(connection: psycopg.Connection, table: str) -> list[tuple[str, str, bool, str | None]]:
    """Name, type as PostgreSQL prints it, nullability and comment of a table's columns."""
    return connection.execute(
        """SELECT attname::text, format_type(atttypid, atttypmod), NOT attnotnull,
                  col_description(attrelid, attnum)
           FROM pg_attribute
           WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
           ORDER BY attnum""",
        [table],
    ).fetchall()
