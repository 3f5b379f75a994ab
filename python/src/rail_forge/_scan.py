"""A table as a Polars LazyFrame, of which the server sends the columns and rows that a query needs.

Polars hands over the columns, a predicate and a limit. What of the predicate means the same in PostgreSQL
becomes a condition of the query; Polars then filters what has come by the whole of it, so that it is enough
to send no row too few. What it does not know, such as arithmetic, functions and casts, is not sent.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ._values import type_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from ._catalogue import Table
    from ._client import Client

_COMPARISONS = {"Eq": "=", "NotEq": "<>", "Lt": "<", "LtEq": "<=", "Gt": ">", "GtEq": ">="}
_LOGICAL = {"And": "AND", "LogicalAnd": "AND", "Or": "OR", "LogicalOr": "OR"}
# Types whose values Polars compares as PostgreSQL does by bytes.
_TEXTS = frozenset({"text", "character varying"})
_BETWEEN = {"Both": (">=", "<="), "Left": (">=", "<"), "Right": (">", "<="), "None": (">", "<")}


class _Unknown(Exception):
    """What has no counterpart that is known to mean the same."""


@dataclass
class _Condition:
    """A condition of SQL, with the values of its parameters."""

    columns: pa.Schema
    parameters: list[Any] = field(default_factory=list)
    is_exact: bool = True

    def of(self, predicate: dict[str, Any]) -> str | None:
        """Return a condition that no row fails which the predicate is true for; None for all rows."""
        match predicate:
            case {"BinaryExpr": {"left": left, "op": "And" | "LogicalAnd", "right": right}}:
                parts = [part for part in (self.of(left), self.of(right)) if part is not None]
                return " AND ".join(parts) or None
        before = len(self.parameters)
        try:
            return self._exactly(predicate)
        except _Unknown:
            del self.parameters[before:]
            self.is_exact = False
            return None

    def _exactly(self, predicate: Any) -> str:
        match predicate:
            case {"BinaryExpr": {"left": left, "op": op, "right": right}} if op in _LOGICAL:
                return f"({self._exactly(left)} {_LOGICAL[op]} {self._exactly(right)})"
            case {"BinaryExpr": {"left": {"Column": name}, "op": op, "right": {"Literal": _} as value}} if (
                op in _COMPARISONS
            ):
                return f"{self._column(name)} {_COMPARISONS[op]} {self._value(name, value)}"
            case {"Column": name} if pa.types.is_boolean(self._type(name)):
                return quoted(name)
            case {"Function": {"input": arguments, "function": {"Boolean": function}}}:
                return self._boolean(function, arguments)
            case {"Function": {"input": [{"Column": name}, value], "function": {"StringExpr": function}}}:
                return self._like(function, name, value)
        raise _Unknown

    def _boolean(self, function: Any, arguments: list[Any]) -> str:
        match (function, arguments):
            case ("IsNull", [{"Column": name}]):
                return f"{quoted(name)} IS NULL"
            case ("IsNotNull", [{"Column": name}]):
                return f"{quoted(name)} IS NOT NULL"
            case ("Not", [inner]):
                return f"NOT ({self._exactly(inner)})"
            case ({"IsIn": {"nulls_equal": False}}, [{"Column": name}, values]):
                listed = [self._parameter(name, value) for value in evaluated(values)]
                return f"{self._column(name)} IN ({', '.join(listed)})" if listed else "false"
            case ({"IsBetween": {"closed": closed}}, [{"Column": name}, low, high]):
                above, below = _BETWEEN[closed]
                first, last = (self._value(name, value) for value in (low, high))
                return f"({self._column(name)} {above} {first} AND {self._column(name)} {below} {last})"
        raise _Unknown

    def _like(self, function: Any, name: str, value: Any) -> str:
        text = evaluated(value)
        if not self._is_text(name) or not isinstance(text, str):
            raise _Unknown
        escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        match function:
            case "StartsWith":
                pattern = f"{escaped}%"
            case "EndsWith":
                pattern = f"%{escaped}"
            case {"Contains": {"literal": True}}:
                pattern = f"%{escaped}%"
            case _:
                raise _Unknown
        self.parameters.append(pattern)
        return f"{self._column(name)} LIKE ${len(self.parameters)}"

    def _value(self, name: str, literal: Any) -> str:
        return self._parameter(name, evaluated(literal))

    def _parameter(self, name: str, value: Any) -> str:
        """Add a parameter whose comparison with a column is the same in Polars and in PostgreSQL."""
        is_alike = self._is_text(name) if isinstance(value, str) else _is_of(self._type(name), value)
        if not is_alike:
            raise _Unknown
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    def _column(self, name: str) -> str:
        """Return a column as it is compared: texts byte by byte, as Polars does, whatever their collation."""
        return f'{quoted(name)} COLLATE "C"' if self._is_text(name) else quoted(name)

    def _is_text(self, name: str) -> bool:
        return type_name(self._field(name)) in _TEXTS

    def _type(self, name: str) -> pa.DataType:
        return self._field(name).type

    def _field(self, name: str) -> pa.Field:
        index = self.columns.get_field_index(name)
        if index < 0:
            raise _Unknown
        return self.columns.field(index)


def _is_of(column: pa.DataType, value: Any) -> bool:
    """Whether a value and those of a column are of one kind, and compare as in PostgreSQL."""
    is_type = pa.types
    is_alike = False
    match value:
        case bool():
            is_alike = is_type.is_boolean(column)
        case int():
            is_alike = is_type.is_integer(column) or is_type.is_decimal(column)
        case float():
            is_alike = is_type.is_float64(column)
        case Decimal():
            is_alike = is_type.is_decimal(column)
        case datetime():
            is_alike = is_type.is_timestamp(column) and (value.tzinfo is None) == (column.tz is None)
        case date():
            is_alike = is_type.is_date32(column)
    return bool(is_alike)


def tree(expression: pl.Expr) -> Any:
    """Return an expression as the nodes that Polars writes, whose form nobody promises."""
    return json.loads(expression.meta.serialize(format="json"))


def evaluated(literal: Any) -> Any:
    """Return the value of a literal of Polars, a list for a series; raises _Unknown for other nodes."""
    import polars as pl  # noqa: PLC0415 - an optional dependency

    if not (isinstance(literal, dict) and set(literal) == {"Literal"}):
        raise _Unknown
    series = pl.select(pl.Expr.deserialize(io.StringIO(json.dumps(literal)), format="json")).to_series()
    value = series[0] if len(series) == 1 else series
    return value.to_list() if isinstance(value, pl.Series) else value


def quoted(name: str) -> str:
    """Return a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def scan(client: Client, table: Table) -> pl.LazyFrame:
    """Return a LazyFrame of a table."""
    import polars as pl  # noqa: PLC0415 - an optional dependency
    from polars.io.plugins import register_io_source  # noqa: PLC0415 - the same

    empty = table.columns.empty_table()
    schema = pl.DataFrame(pl.from_arrow(empty)).schema
    name = ".".join(quoted(part) for part in (table.catalog, table.schema, table.name))

    def source(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _batch_rows: int | None
    ) -> Iterator[pl.DataFrame]:
        shown = table.columns.names if columns is None else columns
        condition = _Condition(table.columns)
        where = (
            None if predicate is None else condition.of(json.loads(predicate.meta.serialize(format="json")))
        )
        sql = f"SELECT {', '.join(map(quoted, shown))} FROM {name}"
        if where is not None:
            sql += f" WHERE {where}"
        if rows is not None and condition.is_exact:
            sql += f" LIMIT {rows}"
        left = rows
        for batch in client.sql(sql, condition.parameters).batches():
            frame = pl.DataFrame(pl.from_arrow(batch), schema={column: schema[column] for column in shown})
            if predicate is not None:
                frame = frame.filter(predicate)
            if left is not None:
                frame = frame.head(left)
                left -= frame.height
            yield frame
            if left == 0:
                return

    return register_io_source(
        source, schema=schema, is_pure=False, explain_name="RAILFORGE SCAN", explain_detail=f"table: {name}"
    )
