"""Random small tables of every common type, with NULLs and extremes.

A table's key is `id`; its other columns are named after their types (`type_0`, `type_1`, ...). Columns whose
name ends in `x` hold the extremes of their type: whatever computes with them may fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

SCHEMA = "fuzz"
TABLES = 3
MOST_ROWS = 9
NULL_SHARE = 0.2


@dataclass(frozen=True)
class Values:
    """The values of a type as texts, ordinary ones and extremes."""

    ordinary: tuple[str, ...]
    extreme: tuple[str, ...] = ()


# Floating-point numbers are small dyadic fractions or a large power of two, so that their sums are exact in
# any order; there is no negative zero, which groups with zero, and no two intervals that are equal and
# printed differently: which of them stands for a group would be a matter of chance.
VALUES: dict[str, Values] = {
    "bool": Values(("true", "false")),
    "int2": Values(("0", "1", "-1", "2", "3", "7", "-10", "100"), ("32767", "-32768")),
    "int4": Values(("0", "1", "-1", "2", "3", "5", "10", "-7", "42"), ("2147483647", "-2147483648")),
    "int8": Values(
        ("0", "1", "-1", "2", "4", "100", "-12"),
        ("9223372036854775807", "-9223372036854775808", "4294967296"),
    ),
    "numeric": Values(
        ("0", "1", "-1", "1.5", "2.50", "-0.25", "100.01", "3.125"),
        ("99999999999999999999.99", "-12345678901234567890.5", "0.0000000001"),
    ),
    "float4": Values(
        ("0", "1", "-1", "0.5", "2.25", "-3.75", "8"), ("NaN", "1.2676506e+30", "Infinity", "-Infinity")
    ),
    "float8": Values(
        ("0", "1", "-1", "0.5", "2.25", "-3.75", "16"),
        ("NaN", "1.0715086071862673e+301", "Infinity", "-Infinity"),
    ),
    "text": Values(
        ("", "a", "b", "abc", "A", "Abc", "a b", " a ", "x,y", "10", "ab%", "a_c", "zz"),
        ("äöü", "ß", "日本", "\U0001f600", "it''s", "e\u0301", "\\"),
    ),
    "varchar": Values(("", "a", "abc", "B", "hello", "a,b"), ("é", "%_")),
    "bpchar": Values(("a", "ab", "B", "")),
    "bytea": Values(("\\x", "\\x00", "\\x61", "\\xdeadbeef", "\\x6162")),
    "date": Values(
        ("2024-02-29", "2023-12-31", "2024-01-01", "1999-06-15", "1970-01-01"), ("0001-01-01", "9999-12-31")
    ),
    "time": Values(("00:00:00", "12:34:56", "23:59:59.999999", "06:00:00")),
    "timestamp": Values(
        ("2024-02-29 12:00:00", "2023-12-31 23:59:59.5", "1970-01-01 00:00:00", "2000-01-01 06:30:00"),
        ("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"),
    ),
    "timestamptz": Values(
        ("2024-02-29 12:00:00+00", "2023-12-31 22:59:59.5+00", "1970-01-01 01:00:00+00"),
        ("0001-01-01 01:00:00+00", "9999-12-31 23:59:59+00"),
    ),
    "interval": Values(
        ("0", "1 day", "1 month", "-2 days", "01:30:00", "1 year 2 months 3 days", "00:00:00.5"),
    ),
    "uuid": Values(("00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
    "int4[]": Values(("{}", "{1}", "{1,2,3}", "{NULL,5}", "{3,1,2,1}")),
    "text[]": Values(("{}", "{a}", "{a,NULL,b}", '{"","x y"}')),
    "jsonb": Values(
        (
            "{}",
            "[]",
            "null",
            "2",
            '"a"',
            '{"a": 1, "b": [1, 2, {"c": null}]}',
            '{"a": {"b": "x"}, "k": "v"}',
            '[1, "x", null, true, {"a": []}]',
        ),
        ('{"a": 1e20, "": "\\u00e9\\n"}', "-0.50", "[[1, [2]], 3.0]"),
    ),
    # No column has it: it has no order and no equality.
    "json": Values(('{"a":1, "b" : [1,{"c":null}], "a": "2"}', "[1, 2.50 , null]", "{}", "null", '"x"')),
}
TYPES = tuple(name for name in VALUES if name != "json")
# What an expression of a type is shrunk to.
PLAIN = {"bool": "true", "int4": "1", "text": "'a'", "numeric": "1.5"}


def literal(type_name: str, text: str) -> str:
    """A value as SQL."""
    if type_name == "bool":
        return text
    if type_name == "int4" and text.lstrip("-").isdecimal() and text != "-2147483648":
        return f"({text})" if text.startswith("-") else text
    if type_name == "numeric" and "." in text:
        return f"({text})" if text.startswith("-") else text
    return f"'{text}'::{type_name}"


@dataclass(frozen=True)
class Column:
    """A column that a query can name: its name, its type, and whether it is one of a table."""

    sql: str
    type: str
    stored: bool = True

    @property
    def is_extreme(self) -> bool:
        """Whether it holds the extremes of its type."""
        return self.sql.endswith("x")


@dataclass(frozen=True)
class Table:
    """A table and the statements that make it."""

    name: str
    columns: tuple[Column, ...]
    rows: int
    statements: tuple[str, ...]


def random_tables(chance: random.Random) -> list[Table]:
    """The tables of a round."""
    return [_table(chance, f"t{number}") for number in range(1, TABLES + 1)]


def _table(chance: random.Random, name: str) -> Table:
    columns = [Column("id", "int4")]
    kinds = ["int4", "text", *chance.sample(TYPES, k=chance.randint(4, 9))]
    for number, type_name in enumerate(kinds):
        is_extreme = bool(VALUES[type_name].extreme) and chance.random() < 0.3
        word = type_name.replace("[]", "s")
        columns.append(Column(f"{word}_{number}{'x' if is_extreme else ''}", type_name))
    rows = chance.choice((0, 1, *range(3, MOST_ROWS))) if name != "t1" else chance.randint(2, MOST_ROWS)
    tuples = [
        f"({', '.join([str(row), *(_value(chance, column) for column in columns[1:])])})"
        for row in range(1, rows + 1)
    ]
    definitions = ", ".join(
        f"{column.sql} {_declared(column.type)}{' PRIMARY KEY' if column.sql == 'id' else ''}"
        for column in columns
    )
    statements = [f"DROP TABLE IF EXISTS {name}", f"CREATE TABLE {name} ({definitions})"]
    if tuples:
        statements.append(f"INSERT INTO {name} VALUES {', '.join(tuples)}")
    return Table(name, tuple(columns), rows, tuple(statements))


def _declared(type_name: str) -> str:
    return {"varchar": "varchar(20)", "bpchar": "char(3)"}.get(type_name, type_name)


def _value(chance: random.Random, column: Column) -> str:
    if chance.random() < NULL_SHARE:
        return "NULL"
    values = VALUES[column.type]
    texts = values.ordinary + values.extreme * 2 if column.is_extreme else values.ordinary
    return f"'{chance.choice(texts)}'"
