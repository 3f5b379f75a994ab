"""Substrait plans made to do harm: each ends in words that say why, at once, and others are answered."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from flight_sql_messages import packed, put, read
from pyarrow import flight
from substrait_plans import (
    call,
    field,
    literal,
    plan_descriptor,
    plan_message,
    plan_of,
    prepare_plan,
    root,
)
from substrait_plans import read as read_of

from rail_forge_testbed.wire_fuzz.protobuf import encode, integer, nested, text

if TYPE_CHECKING:
    from collections.abc import Callable

# More than any of these takes, and less than what would hold up others.
SECONDS = 5
EQUAL, AND, ADD, UPPER, NO_FUNCTION = range(5)
REFUSED = (pa.ArrowException, KeyError, NotImplementedError, OSError, flight.FlightError)
REGION = read_of("region", "id", "name")


def filtered(condition: dict[str, Any], relation: dict[str, Any] = REGION) -> dict[str, Any]:
    return {"filter": {"input": relation, "condition": condition}}


def of_region(relation: dict[str, Any]) -> bytes:
    return root(relation, "id", "name")


def with_function(name: str) -> bytes:
    """A plan that calls a function by its name in PostgreSQL."""
    declared = [{"extensionFunction": {"name": name}}]
    return plan_of(
        relations=[{"root": {"input": filtered(call(0, literal(i64="5"))), "names": ["id", "name"]}}],
        extensions=declared,
    )


def deep(levels: int) -> bytes:
    """Filters of filters, deeper than libraries of protobuf write them."""
    relation = b""
    for _ in range(levels):
        relation = encode((nested(2, text(2, relation)),))
    return encode((nested(3, nested(2, text(1, relation))),))


READ_OF_X = encode((nested(1, nested(2, text(1, "a")), nested(7, text(1, "x"))),))
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "there is no plan"),
    "no protobuf": (lambda: b"\xff" * 100, "is not valid"),
    "SQL": (lambda: b"SELECT 1", "is not valid"),
    "2,000 levels": (lambda: deep(2_000), "nests too deep"),
    "500,000 relations": (lambda: b"\x1a\x00" * 500_000, "500000 relation trees"),
    "500,000 functions": (lambda: b"\x12\x00" * 500_000, "0 relation trees"),
    "30,000 inputs": (
        lambda: encode(
            (nested(3, nested(2, nested(1, nested(8, *[text(2, READ_OF_X)] * 30_000, integer(3, 6))))),)
        ),
        "more than 1048576 bytes",
    ),
    "2 MiB": (
        lambda: of_region(filtered(call(EQUAL, field(1), literal(string="x" * (2 << 20))))),
        "at most 1048576",
    ),
    "100,000 columns": (
        lambda: of_region(
            {"project": {"common": {"emit": {"outputMapping": [0] * 100_000}}, "input": REGION}}
        ),
        "at most 1664",
    ),
    "references to a long name": (
        lambda: root(filtered(call(AND, *[field(0)] * 40_000), read_of("region", "x" * 500_000)), "id"),
        "the name of a column has 500000 bytes",
    ),
    "references without an end": (
        lambda: root(filtered(call(AND, *[field(0)] * 40_000), read_of("region", "x" * 63)), "id"),
        "more than 1048576 bytes",
    ),
    "2,000 options": (
        lambda: of_region(
            filtered(call(AND, *(call(EQUAL, field(0), literal(i64=str(value))) for value in range(2_000))))
        ),
        "operators",
    ),
    "a field that there is not": (lambda: of_region(filtered(field(7))), "no field 7 among 2 columns"),
    "a field below zero": (lambda: of_region(filtered(field(-(2**31)))), "no field -2147483648"),
    "a function that is not declared": (lambda: of_region(filtered(call(9))), "function_anchor 9"),
    "a function that there is not": (lambda: with_function("no_such_function"), "no_such_function"),
    "a function that reads files": (lambda: with_function("pg_read_file"), "pg_read_file"),
    "a function that waits": (lambda: with_function("pg_sleep"), "pg_sleep"),
    "a function that is SQL": (lambda: with_function("upper(name)) --"), "function upper"),
    "a sum of texts": (lambda: of_region(filtered(call(ADD, field(1), literal(i64="1")))), "does not exist"),
    "a condition that is none": (lambda: of_region(filtered(literal(i64="1"))), "must be type boolean"),
    "a decimal of a byte": (
        lambda: of_region(filtered(call(EQUAL, field(0), literal(decimal={"value": "AA==", "scale": 1})))),
        "a decimal has 1 bytes",
    ),
    "the year 5 million": (
        lambda: of_region(filtered(call(EQUAL, field(0), literal(date=2**31 - 1)))),
        "a constant Date32",
    ),
    "a text with a NUL": (
        lambda: of_region(filtered(call(EQUAL, field(1), literal(string="\0")))),
        "a constant Utf8",
    ),
    "a negative fetch": (lambda: of_region({"fetch": {"input": REGION, "count": "-2"}}), "is negative"),
    "files": (
        lambda: of_region(
            {"read": {"baseSchema": {}, "localFiles": {"items": [{"uriFile": "file:///etc/passwd"}]}}}
        ),
        "a read of files",
    ),
    "another catalogue": (
        lambda: of_region(read_of("information_schema.nothing", "id", "name")),
        "does not exist",
    ),
}


def ways(client: flight.FlightClient, plan: bytes) -> list[Callable[[], object]]:
    """The ways to send a plan."""
    return [
        lambda: client.get_flight_info(plan_descriptor(plan)),
        lambda: client.get_schema(plan_descriptor(plan)),
        lambda: prepare_plan(client, plan),
    ]


@pytest.mark.parametrize("attack", HOSTILE)
def test_hostile_plans_end_in_words(attack: str, stock: flight.FlightClient) -> None:
    make, words = HOSTILE[attack]
    # To make one may take longer than to refuse it.
    plan = make()
    started = time.monotonic()
    for send in ways(stock, plan):
        with pytest.raises(REFUSED, match=words):
            send()
    assert time.monotonic() - started < SECONDS
    assert read(stock, plan_descriptor(of_region(REGION))).num_rows > 0


def test_names_and_texts_are_no_sql(stock: flight.FlightClient) -> None:
    name = 'id" FROM region; DROP TABLE orders; --'
    text_of_sql = "' OR true; SELECT pg_sleep(10); --\\"
    none = filtered(call(EQUAL, field(1), literal(string=text_of_sql)))
    found = read(stock, plan_descriptor(root(none, name, "n'n")))
    assert (found.num_rows, found.column_names) == (0, [name, "n'n"])
    constant = {"project": {"input": REGION, "expressions": [literal(string=text_of_sql)]}}
    rows = read(stock, plan_descriptor(root(constant, "id", "name", "text"))).to_pylist()
    assert {row["text"] for row in rows} == {text_of_sql}
    for table, column in [("region", name), ("region; DROP TABLE orders", "id"), ('region" AS t1 --', "id")]:
        with pytest.raises((pa.ArrowInvalid, KeyError), match="does not exist"):
            stock.get_flight_info(plan_descriptor(root(read_of(table, column), "x")))


def test_no_way_takes_a_plan_that_writes(stock: flight.FlightClient) -> None:
    row = pa.RecordBatch.from_pylist([{"a": 1}])
    for relation in (
        {"write": {"namedTable": {"names": ["region"]}, "op": "WRITE_OP_DELETE", "input": REGION}},
        {"ddl": {"namedObject": {"names": ["region"]}, "op": "DDL_OP_DROP"}},
        filtered({"subquery": {"scalar": {"input": {"write": {"op": "WRITE_OP_INSERT", "input": REGION}}}}}),
    ):
        plan = of_region(relation)
        for send in ways(stock, plan):
            with pytest.raises(REFUSED, match="changes nothing"):
                send()
        with pytest.raises(REFUSED, match="changes nothing"):
            put(stock, plan_descriptor(plan), row)
        ticket = packed("CommandStatementSubstraitPlan", plan=plan_message(plan))
        with pytest.raises(REFUSED):
            stock.do_get(flight.Ticket(ticket)).read_all()
