"""Beside a constant NULL, what PostgreSQL computes is computed, and nothing else.

Of each of its functions and operators, one argument is NULL and the others have an error in every row. It has
that error, or NULL without having looked at them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from comparison import connect_as_reference
from conftest import refresh

import rail_forge
from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from conftest import NewDatabase

WRONG = "(1 / (id - id))"
# An expression of each type that has the error.
WRONG_VALUES = {
    "bool": f"({WRONG} = 1)",
    "int2": f"{WRONG}::int2",
    "int4": WRONG,
    "int8": f"{WRONG}::int8",
    "numeric": f"{WRONG}::numeric",
    "float4": f"{WRONG}::float4",
    "float8": f"{WRONG}::float8",
    "text": f"{WRONG}::text",
    "bpchar": f"{WRONG}::bpchar",
    "bytea": f"decode({WRONG}::text, 'hex')",
    "uuid": f"{WRONG}::text::uuid",
    "date": f"('2020-01-01'::date + {WRONG})",
    "time": f"make_time({WRONG}, 0, 0)",
    "timestamp": f"('2020-01-01'::timestamp + make_interval(days => {WRONG}))",
    "timestamptz": f"('2020-01-01Z'::timestamptz + make_interval(days => {WRONG}))",
    "interval": f"make_interval(days => {WRONG})",
    "json": f"to_json({WRONG})",
    "jsonb": f"to_jsonb({WRONG})",
    "jsonpath": f"('$[' || {WRONG} || ']')::jsonpath",
    "_text": f"ARRAY[{WRONG}::text]",
    "_int4": f"ARRAY[{WRONG}]",
    "anyarray": f"ARRAY[{WRONG}]",
    "anycompatiblearray": f"ARRAY[{WRONG}]",
    "anyelement": WRONG,
    "anycompatible": WRONG,
}
NULLS = {
    "anyarray": "NULL::int4[]",
    "anycompatiblearray": "NULL::int4[]",
    "anyelement": "NULL::int4",
    "anycompatible": "NULL::int4",
}
FUNCTIONS = """
SELECT proname, ARRAY(SELECT typname::text FROM unnest(proargtypes) WITH ORDINALITY AS a(type, place)
                      JOIN pg_type ON pg_type.oid = type ORDER BY place)
FROM pg_proc WHERE prokind = 'f' AND pronargs >= 2 AND pronamespace = 'pg_catalog'::regnamespace
"""
OPERATORS = """
SELECT oprname, ARRAY[l.typname::text, r.typname::text]
FROM pg_operator JOIN pg_type l ON l.oid = oprleft JOIN pg_type r ON r.oid = oprright
"""
# Of functions and operators that RailForge does not have for these types.
MISSING = "does not exist"
# Far fewer than there are.
LEAST_COMPARED = 1_000


def calls(connection: psycopg.Connection) -> list[str]:
    """Each function and operator of known types, with NULL in each place."""
    functions, operators = (connection.execute(sql).fetchall() for sql in (FUNCTIONS, OPERATORS))
    written = []
    for named, is_function in [*((each, True) for each in functions), *((each, False) for each in operators)]:
        name, types = named
        if not all(each in WRONG_VALUES for each in types):
            continue
        for null in range(len(types)):
            arguments = [WRONG_VALUES[each] for each in types]
            arguments[null] = NULLS.get(types[null], f"NULL::{types[null]}")
            written.append(
                f'"{name}"({", ".join(arguments)})' if is_function else f" {name} ".join(arguments)
            )
    return written


def test_beside_null_the_same_is_computed(new_database: NewDatabase) -> None:
    url = new_database("CREATE TABLE t (id int4 PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)")
    differences, compared = [], 0
    with (
        connect_as_reference(url) as reference,
        RailForgeServer({"t": url}, arguments=["--initial-refresh", "never"]) as server,
        rail_forge.connect(server.flight) as client,
    ):
        refresh(server)
        for call in calls(reference):
            sql = f"SELECT {call} IS NULL FROM t"
            try:
                got = str(client.sql(sql).rows())
            except rail_forge.UnsupportedError:
                continue
            except rail_forge.QueryError as error:
                if MISSING in str(error):
                    continue
                got = "an error"
            try:
                wanted = str(reference.execute(sql).fetchall())
            except psycopg.Error:
                wanted = "an error"
                reference.rollback()
            compared += 1
            if got != wanted:
                differences.append(f"{sql}: {got}, not {wanted}")
    assert not differences, "\n".join(differences)
    assert compared >= LEAST_COMPARED
