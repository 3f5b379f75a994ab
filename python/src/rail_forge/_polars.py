"""Arrow tables as Polars frames, with texts for the types that Polars does not have."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    import polars as pl

# Those of its decimals, at most.
_POLARS_DIGITS = 38


def as_polars(table: pa.Table) -> pl.DataFrame:
    """Return a table as a Polars frame; what Polars has no type for is the text that PostgreSQL prints."""
    import polars as pl  # noqa: PLC0415 - an optional dependency

    if table.num_columns == 0:  # from_arrow() would lose the rows of `SELECT FROM orders`
        return pl.select(row=pl.repeat(None, table.num_rows)).drop("row")
    columns = [_for_polars(column) for column in table.columns]
    readable = pa.table(columns, names=table.column_names)
    return pl.DataFrame(pl.from_arrow(readable, rechunk=False))


def _for_polars(column: pa.ChunkedArray) -> pa.ChunkedArray:
    readable = _type_for_polars(column.type)
    if readable == column.type:
        return column
    values = (
        [_value_for_polars(value, column.type) for value in chunk.to_pylist()] for chunk in column.chunks
    )
    return pa.chunked_array([pa.array(chunk, readable) for chunk in values], readable)


def _type_for_polars(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_interval(kind):
        return pa.string()
    if pa.types.is_decimal256(kind):
        is_long = kind.precision > _POLARS_DIGITS
        return pa.string() if is_long else pa.decimal128(kind.precision, kind.scale)
    if pa.types.is_list(kind):
        return pa.list_(_type_for_polars(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_type_for_polars(field.type)) for field in kind])
    return kind


def _value_for_polars(value: Any, kind: pa.DataType) -> Any:
    match value:
        case pa.MonthDayNano():
            return _interval_text(value)
        case Decimal() if _type_for_polars(kind) == pa.string():
            return format(value, "f")
        case list():
            return [_value_for_polars(element, kind.value_type) for element in value]
        case dict():
            return {field.name: _value_for_polars(value[field.name], field.type) for field in kind}
    return value


def _interval_text(interval: pa.MonthDayNano) -> str:
    """Return an interval as PostgreSQL prints it, with a sign behind what is negative."""
    years, months = divmod(abs(interval.months), 12)
    sign = -1 if interval.months < 0 else 1
    seconds, micros = divmod(abs(interval.nanoseconds) // 1_000, 1_000_000)
    parts = []
    plus = ""
    for number, unit in ((sign * years, "year"), (sign * months, "mon"), (interval.days, "day")):
        if number:
            parts.append(f"{plus if number > 0 else ''}{number} {unit}{'' if number == 1 else 's'}")
            plus = "+" if number < 0 else ""
    if interval.nanoseconds or not parts:
        clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        fraction = f".{micros:06}".rstrip("0") if micros else ""
        parts.append(f"{'-' if interval.nanoseconds < 0 else plus}{clock}{fraction}")
    return " ".join(parts)
