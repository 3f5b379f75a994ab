"""The Arrow type in which a column of any PostgreSQL type has to come, and how its numbers print then."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pyarrow as pa
from type_catalogue import without_modifiers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from type_catalogue import TypeCatalogue

# What is not listed here comes as text.
NATIVE_TYPES = {
    "boolean": pa.bool_(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "oid": pa.uint32(),
    "real": pa.float32(),
    "double precision": pa.float64(),
    "bytea": pa.binary(),
    "date": pa.date32(),
    "time without time zone": pa.time64("us"),
    "timestamp without time zone": pa.timestamp("us"),
    "timestamp with time zone": pa.timestamp("us", "UTC"),
    "interval": pa.month_day_nano_interval(),
    **dict.fromkeys(
        ["text", "character varying", "bpchar", "name", '"char"', "citext", "xml", "json", "jsonb", "uuid"],
        pa.string(),
    ),
}
DECIMAL128_DIGITS = 38
DECIMAL256_DIGITS = 76
NUMBER = re.compile(r"(\d+)(?:\.(\d+))?")


def wire_type(printed: str, types: TypeCatalogue, texts: Sequence[str | None]) -> pa.DataType | None:
    """The type of a column with these texts of PostgreSQL; None when it may be any decimal.

    The texts matter for numbers without a precision and for arrays, which may have several dimensions.
    """
    base = types.base(printed)
    if not base.endswith("[]"):
        return _native(base, types, texts) if _is_native(base, types) else pa.string()
    element = types.base(base.removesuffix("[]"))
    if not _is_list(element, types) or any(
        text.startswith(("[", "{{")) for text in texts if text is not None
    ):
        return pa.string()
    native = _native(element, types, texts)
    if native is None:
        return None
    return pa.string() if _too_wide(element, texts) else pa.list_(native)


def is_any_decimal(data_type: pa.DataType) -> bool:
    """Whether it is a decimal, or a list of decimals."""
    return bool(pa.types.is_decimal(element_type(data_type)))


def element_type(data_type: pa.DataType) -> pa.DataType:
    """What a list consists of; any other type is its own element."""
    return data_type.value_type if pa.types.is_list(data_type) else data_type


def with_decimals(text: str, scale: int) -> str:
    """A number, or an array of numbers, with as many decimals as its Arrow type has."""

    def pad(number: re.Match[str]) -> str:
        decimals = (number[2] or "").ljust(scale, "0")
        return f"{number[1]}.{decimals}" if decimals else number[1]

    return NUMBER.sub(pad, text)


def _is_native(printed: str, types: TypeCatalogue) -> bool:
    plain = without_modifiers(printed)
    return plain == "numeric" or plain in NATIVE_TYPES or types.kind(plain) == "e"


def _is_list(element: str, types: TypeCatalogue) -> bool:
    """Whether arrays of the type come as lists."""
    return (
        not element.endswith("[]") and without_modifiers(element) != "interval" and _is_native(element, types)
    )


def _native(printed: str, types: TypeCatalogue, texts: Sequence[str | None]) -> pa.DataType | None:
    plain = without_modifiers(printed)
    if plain == "numeric":
        return _smallest_decimal(texts) if printed == plain else _declared_decimal(printed)
    return NATIVE_TYPES.get(plain, pa.string() if types.kind(plain) == "e" else None)


def _too_wide(printed: str, texts: Sequence[str | None]) -> bool:
    """Whether numbers have more digits than a decimal."""
    if without_modifiers(printed) != "numeric":
        return False
    decimal = _smallest_decimal(texts) if printed == "numeric" else _declared_decimal(printed)
    return decimal is not None and decimal == pa.string()


def _declared_decimal(printed: str) -> pa.DataType:
    precision, scale = (int(number) for number in re.findall(r"-?\d+", printed))
    # A negative scale stands for zeros before the point, one beyond the precision for zeros after it.
    return _decimal(precision - scale, 0) if scale < 0 else _decimal(max(precision, scale), scale)


def _smallest_decimal(texts: Sequence[str | None]) -> pa.DataType | None:
    numbers = [number for text in texts if text is not None for number in NUMBER.findall(text)]
    if not numbers:
        return None
    scale = max(len(decimals) for _, decimals in numbers)
    return _decimal(max(1, scale + max(len(whole.lstrip("0")) for whole, _ in numbers)), scale)


def _decimal(precision: int, scale: int) -> pa.DataType:
    if precision <= DECIMAL128_DIGITS:
        return pa.decimal128(precision, scale)
    return pa.decimal256(precision, scale) if precision <= DECIMAL256_DIGITS else pa.string()


def without_remarks(schema: pa.Schema) -> pa.Schema:
    """The schema as results have it: remarks are only in the catalogue."""
    return pa.schema(
        field.with_metadata(
            {key: value for key, value in (field.metadata or {}).items() if not key.endswith(b":REMARKS")}
        )
        for field in schema
    )
