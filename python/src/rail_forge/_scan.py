"""A table as a Polars LazyFrame, of which the server sends the columns and rows that a query needs.

Polars hands over the columns, a predicate and a limit. What of the predicate means the same in PostgreSQL
becomes a condition of the query; what has come is then filtered by the whole of it, so that it is enough to
have no row too few. What is not known to mean the same, such as arithmetic, functions and casts, is not sent.
"""

from __future__ import annotations

import io
import json
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ._errors import QueryError
from ._parameters import parameter_batch
from ._polars import as_polars
from ._values import type_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from ._catalogue import Table
    from ._client import Client

_COMPARISONS = {"Eq": "=", "NotEq": "<>", "Lt": "<", "LtEq": "<=", "Gt": ">", "GtEq": ">="}
_LOGICAL = {"And": "AND", "LogicalAnd": "AND", "Or": "OR", "LogicalOr": "OR"}
_TEXTS = frozenset({"text", "character varying"})
_BETWEEN = {"Both": (">=", "<="), "Left": (">=", "<"), "Right": (">", "<="), "None": (">", "<")}
# Up to so many values are a list of IN, by which the server can skip data and which it hands on to PostgreSQL
# for live tables; more are one parameter, since one for each takes the server long to plan.
_MOST_IN_LIST = 10_000
# The server takes 4 MiB, in messages that have a little more to them.
_MOST_PARAMETER_BYTES = 4_000_000


class _Unknown(Exception):
    """What has no counterpart that is known to mean the same."""


@dataclass
class _Condition:
    """A condition of SQL, with the values of its parameters."""

    columns: pa.Schema
    parameters: list[Any] = field(default_factory=list)
    # What they take: those of each part as if they were sent alone, which is a little more.
    bytes_of_parameters: int = 0

    def of(self, predicate: dict[str, Any]) -> str | None:
        """Return a condition that no row fails which the predicate is true for; None for all rows."""
        match predicate:
            case {"BinaryExpr": {"left": left, "op": "And" | "LogicalAnd", "right": right}}:
                parts = [part for part in (self.of(left), self.of(right)) if part is not None]
                return " AND ".join(parts) or None
        before = len(self.parameters)
        with suppress(_Unknown):
            condition = self._exactly(predicate)
            size = self.bytes_of_parameters + _bytes_of(self.parameters[before:])
            if size <= _MOST_PARAMETER_BYTES:
                self.bytes_of_parameters = size
                return condition
        del self.parameters[before:]
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
                return self._is_in(name, evaluated(values))
            case ({"IsBetween": {"closed": closed}}, [{"Column": name}, low, high]):
                above, below = _BETWEEN[closed]
                first, last = (self._value(name, value) for value in (low, high))
                return f"({self._column(name)} {above} {first} AND {self._column(name)} {below} {last})"
        raise _Unknown

    def _is_in(self, name: str, values: Any) -> str:
        if not isinstance(values, list):
            raise _Unknown
        if len(values) <= _MOST_IN_LIST:
            listed = [self._parameter(name, value) for value in values]
            return f"{self._column(name)} IN ({', '.join(listed)})" if listed else "false"
        # A list of Polars has values of one type, and NULL.
        is_alike = all(self._is_alike(name, value) for value in {type(one): one for one in values}.values())
        # Floats, which have two zeros, the server would compare one by one.
        if not is_alike or pa.types.is_floating(self._type(name)):
            raise _Unknown
        return f"{self._column(name)} = ANY({self._added(values)})"

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
        return f"{self._column(name)} LIKE {self._added(pattern)}"

    def _value(self, name: str, literal: Any) -> str:
        return self._parameter(name, evaluated(literal))

    def _parameter(self, name: str, value: Any) -> str:
        """Add a parameter whose comparison with a column is the same in Polars and in PostgreSQL."""
        if not self._is_alike(name, value):
            raise _Unknown
        return self._added(value)

    def _added(self, value: Any) -> str:
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    def _is_alike(self, name: str, value: Any) -> bool:
        return self._is_text(name) if isinstance(value, str) else _is_of(self._type(name), value)

    def _column(self, name: str) -> str:
        """Return a column as it is compared: texts byte by byte, as Polars does, whatever their collation."""
        return f'{quoted(name)} COLLATE "C"' if self._is_text(name) else quoted(name)

    def _is_text(self, name: str) -> bool:
        return is_text(self._field(name))

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


def is_text(column: pa.Field) -> bool:
    """Whether Polars compares a column's values as PostgreSQL does by bytes."""
    return type_name(column) in _TEXTS


def _bytes_of(parameters: list[Any]) -> int:
    """Return what the values take in a message; raises _Unknown when one has no type of Arrow."""
    if not parameters:
        return 0
    try:
        batch = parameter_batch(parameters)
    except ValueError as error:
        raise _Unknown from error
    size: int = batch.schema.serialize().size + pa.ipc.get_record_batch_size(batch)
    return size


def tree(expression: pl.Expr) -> Any:
    """Return an expression as the nodes that Polars writes, whose form nobody promises."""
    return json.loads(expression.meta.serialize(format="json"))


def evaluated(literal: Any) -> Any:
    """Return the value of a literal of Polars, a list for a series; raises _Unknown for other nodes."""
    import polars as pl  # noqa: PLC0415 - an optional dependency

    if not (isinstance(literal, dict) and set(literal) == {"Literal"}):
        raise _Unknown
    serialized = io.StringIO(json.dumps(literal))
    try:
        series = pl.select(pl.Expr.deserialize(serialized, format="json")).to_series()
    except pl.exceptions.PolarsError as error:  # such as of NaN and infinity, which are null in JSON
        raise _Unknown from error
    value = series[0] if len(series) == 1 else series
    return value.to_list() if isinstance(value, pl.Series) else value


def quoted(name: str) -> str:
    """Return a name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def scan(client: Client, table: Table) -> pl.LazyFrame:
    """Return a LazyFrame of a table."""
    from polars.io.plugins import register_io_source  # noqa: PLC0415 - an optional dependency

    name = ".".join(quoted(part) for part in (table.catalog, table.schema, table.name))
    schema = as_polars(table.columns.empty_table()).schema

    def source(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _batch_rows: int | None
    ) -> Iterator[pl.DataFrame]:
        shown = table.columns.names if columns is None else columns
        condition = _Condition(table.columns)
        where = None if predicate is None else condition.of(tree(predicate))
        selected = ", ".join(map(quoted, shown))
        sql = f"SELECT {selected} FROM {name}"
        if rows is not None:
            sql += f" LIMIT {rows}"
        if where is not None:
            # Polars takes the first rows, and of these the ones that the predicate is true for.
            sql = sql if rows is None else f"SELECT {selected} FROM ({sql}) AS head"
            sql += f" WHERE {where}"
        result = client.sql(sql, condition.parameters)
        for column in result.schema:
            _check_unchanged(name, table.columns.field(column.name), column)
        types = {column: schema[column] for column in shown}
        for batch in result.batches():
            frame = as_polars(pa.Table.from_batches([batch])).cast(types)
            yield frame if predicate is None else frame.filter(predicate)

    return register_io_source(
        source, schema=schema, is_pure=False, explain_name="RAILFORGE SCAN", explain_detail=f"table: {name}"
    )


def _check_unchanged(table: str, known: pa.Field, found: pa.Field) -> None:
    """Refuse a column whose values would not fit into what they were known to be, or that compare otherwise.

    The digits of a numeric without a precision are those that its values have, and change with a refresh.
    """
    if pa.types.is_decimal(known.type) and pa.types.is_decimal(found.type):
        fits = _whole_digits(found.type) <= _whole_digits(known.type) and found.type.scale <= known.type.scale
    else:
        fits = found.type == known.type and is_text(found) == is_text(known)
    if not fits:
        raise QueryError(
            f"the column {quoted(found.name)} of {table} is no longer {type_name(known)} ({known.type})"
            f" but {type_name(found)} ({found.type}): call scan() again"
        )


def _whole_digits(decimal: pa.Decimal128Type) -> int:
    return int(decimal.precision - decimal.scale)
