"""The types that a database has, as its catalogue lists them, and sample values of each as SQL expressions.

What a type is made of gives its samples: arrays have those of their element, composite types those of their
attributes. Only base types need values of their own, in `type_values`; a base type without any is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from type_values import EXPRESSIONS, VALUES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# format_type with -1 writes what means this very type: with NULL it would write `character`, which is a
# character(1) when it is read. An array is what its element calls its array; int2vector is none.
TYPES = """
    SELECT format_type(t.oid, -1), n.nspname::text, t.typtype::text, e.oid IS NOT NULL,
           coalesce(format_type(CASE t.typtype WHEN 'd' THEN t.typbasetype WHEN 'r' THEN r.rngsubtype
                                WHEN 'm' THEN m.rngtypid ELSE e.oid END,
                                CASE t.typtype WHEN 'd' THEN t.typtypmod ELSE -1 END), ''),
           ARRAY(SELECT l.enumlabel::text FROM pg_enum l WHERE l.enumtypid = t.oid ORDER BY l.enumsortorder),
           ARRAY(SELECT format_type(a.atttypid, -1) FROM pg_attribute a
                 WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)
    FROM pg_type t
    JOIN pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
    LEFT JOIN pg_range r ON r.rngtypid = t.oid
    LEFT JOIN pg_range m ON m.rngmultitypid = t.oid
    WHERE n.nspname <> 'pg_toast'
    ORDER BY t.oid
"""

SAMPLES_IN_COMPOSITE = 2


@dataclass(frozen=True)
class PostgresType:
    """A row of `pg_type`; other types go by the names that PostgreSQL prints."""

    printed: str
    schema: str
    # pg_type.typtype: base, composite, domain, enum, multirange, pseudo or range.
    kind: str
    is_array: bool
    # A domain's base with its modifier, a range's subtype, a multirange's range, an array's element, or ''.
    made_of: str
    labels: Sequence[str]
    attributes: Sequence[str]


@dataclass(frozen=True)
class TypeCatalogue:
    """The types of a database, by the names that PostgreSQL prints."""

    types: Mapping[str, PostgresType]

    @classmethod
    def read(cls, connection: psycopg.Connection) -> TypeCatalogue:
        """All types but those of temporary tables and of TOAST."""
        rows = connection.execute(TYPES).fetchall()
        return cls({row[0]: PostgresType(*row) for row in rows})

    def base(self, printed: str) -> str:
        """The type itself, or what a domain is made of in the end."""
        known = self.types.get(printed)
        return self.base(known.made_of) if known and known.kind == "d" else printed

    def kind(self, printed: str) -> str:
        """The `typtype` of a type, whose modifiers do not matter."""
        return self.types[without_modifiers(printed)].kind

    def samples(self, printed: str) -> list[str]:
        """SQL expressions of the type; none of them is NULL, though parts of their values are."""
        known = self.types[printed]
        if printed in EXPRESSIONS:
            return list(EXPRESSIONS[printed])
        if printed in VALUES or known.kind == "e":
            return [literal(value, printed) for value in VALUES.get(printed, known.labels)]
        if known.is_array:
            return self._arrays(known)
        if known.kind == "c":
            return self._composites(known)
        return self._derived(known, self.samples(without_modifiers(known.made_of)))

    def has_samples(self, printed: str) -> bool:
        """Whether values of the type are known."""
        known = self.types[printed]
        if printed in EXPRESSIONS or printed in VALUES or known.kind == "e":
            return True
        parts = known.attributes if known.kind == "c" else [without_modifiers(known.made_of)]
        return all(part in self.types and self.has_samples(part) for part in parts)

    def _arrays(self, array: PostgresType) -> list[str]:
        elements = self.samples(array.made_of)
        contents = [elements[:1], [], [*elements, "NULL"]]
        return [f"ARRAY[{', '.join(content)}]::{array.printed}" for content in contents]

    def _composites(self, composite: PostgresType) -> list[str]:
        attributes = [self.samples(attribute) for attribute in composite.attributes]
        rows = [
            [samples[row % len(samples)] for samples in attributes] for row in range(SAMPLES_IN_COMPOSITE)
        ]
        rows.append(["NULL"] * len(attributes))
        return [f"ROW({', '.join(row)})::{composite.printed}" for row in rows]

    def _derived(self, known: PostgresType, inner: list[str]) -> list[str]:
        """Domains, ranges and multiranges, from values of what they are made of."""
        printed = known.printed
        if known.kind == "d":
            return [f"({sample})::{printed}" for sample in inner]
        if known.kind == "m":
            return [*(f"{printed}({sample})" for sample in inner), literal("{}", printed)]
        bounds = [f"{bound}, {bound}, '[]'" for bound in inner]
        bounds += [f"NULL, {inner[0]}, '()'", "NULL, NULL"]
        return [*(f"{printed}({bound})" for bound in bounds), literal("empty", printed)]


def literal(value: str, printed: str) -> str:
    """A value of a type, from its text."""
    return f"{sql.quote(value)}::{printed}"


def without_modifiers(printed: str) -> str:
    """The type of `numeric(12,2)`, of `timestamp(3) without time zone[]` and of `interval year to month`."""
    plain = re.sub(r"\(-?\d+(,-?\d+)?\)", "", printed)
    # With a modifier, character and bit are spelled as in the standard, where without one they have length 1.
    plain = re.sub(r"^character\b(?! varying)", "bpchar", plain)
    plain = re.sub(r"^bit\b(?! varying)", '"bit"', plain)
    return re.sub(r"^interval [a-z ]+", "interval", plain)


def refusals(connection: psycopg.Connection, types: TypeCatalogue) -> dict[str, psycopg.Error]:
    """The types that PostgreSQL takes for no column, found by trying, with what it says."""
    refused = {}
    for printed in types.types:
        try:
            with connection.transaction(force_rollback=True):
                connection.execute(f"CREATE TEMPORARY TABLE attempt (c {printed})".encode())
        except psycopg.Error as error:
            refused[printed] = error
    return refused
