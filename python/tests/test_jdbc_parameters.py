"""Parameters as programs in Java bind them with Arrow's JDBC driver, against psycopg."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from comparison import connect_as_reference, reference_rows
from conftest import NO_REFRESH, refresh
from java import (
    JavaError,
    JavaObject,
    byte,
    calendar,
    jdbc_url,
    long,
    short,
    single,
    sql_date,
    sql_time,
    timestamp,
)

from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import psycopg
    from conftest import NewDatabase
    from java import Jvm

NOON = datetime(2024, 2, 29, 12, 30, 0, 123000)  # noqa: DTZ001 - as java.sql.Timestamp prints it
EARLY = datetime(1901, 1, 1, 0, 0, 1, tzinfo=UTC)
UTC_CALENDAR = calendar("UTC")
NULL = 0

# A column, the setter of java.sql.PreparedStatement with its arguments, and the same value for psycopg.
BOUND = [
    ("b", ("setBoolean", True), True),
    ("sm", ("setByte", byte(7)), 7),
    ("sm", ("setShort", short(7)), 7),
    ("sm", ("setInt", 7), 7),
    ("i", ("setInt", -2_147_483_648), -2_147_483_648),
    ("bi", ("setInt", 5), 5),
    ("bi", ("setLong", long(9_223_372_036_854_775_807)), 9_223_372_036_854_775_807),
    ("bi", ("setBigDecimal", Decimal(5)), 5),
    ("r", ("setFloat", single(1.5)), 1.5),
    ("d", ("setDouble", 0.1), 0.1),
    ("d", ("setFloat", single(1.5)), 1.5),
    ("d", ("setInt", 2), 2),
    ("n", ("setBigDecimal", Decimal("-12.30")), Decimal("-12.30")),
    ("wide", ("setBigDecimal", Decimal("1.5000000000")), Decimal("1.5")),
    ("t", ("setString", "Grüße, 世界 😀 ' ? $1"), "Grüße, 世界 😀 ' ? $1"),
    ("t", ("setString", ""), ""),
    ("v", ("setString", "abc"), "abc"),
    ("u", ("setString", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"), "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("by", ("setBytes", b"\x00\xff"), b"\x00\xff"),
    ("da", ("setDate", sql_date(date(2024, 2, 29))), date(2024, 2, 29)),
    ("da", ("setDate", sql_date(date(1969, 12, 31)), UTC_CALENDAR), date(1969, 12, 31)),
    ("ti", ("setTime", sql_time(time(12, 30))), time(12, 30)),
    ("ti", ("setTime", sql_time(time(12, 30)), UTC_CALENDAR), time(12, 30)),
    ("ts", ("setTimestamp", timestamp(NOON)), NOON),
    ("ts", ("setTimestamp", timestamp(NOON), UTC_CALENDAR), NOON),
    ("tz", ("setTimestamp", timestamp(NOON)), NOON.replace(tzinfo=UTC)),
    ("tz", ("setTimestamp", timestamp(NOON), UTC_CALENDAR), NOON.replace(tzinfo=UTC)),
    (
        "tz",
        ("setTimestamp", timestamp(EARLY)),
        EARLY,
    ),
    ("i", ("setObject", 7), 7),
    ("t", ("setObject", "abc"), "abc"),
    ("tz", ("setObject", timestamp(NOON)), NOON.replace(tzinfo=UTC)),
    ("b", ("setObject", False), False),
    ("i", ("setNull", 4), None),
    ("tz", ("setNull", 93), None),
    ("t", ("setNull", 12), None),
    ("n", ("setNull", NULL), None),
    ("by", ("setNull", -3), None),
    ("t", ("setString", None), None),
]
TABLE = """CREATE TABLE p (id serial, b boolean, sm smallint, i integer, bi bigint, r real,
    d double precision, n numeric(12, 2), wide numeric(50, 10), t text, v varchar(9), u uuid, by bytea,
    da date, ti time, ts timestamp, tz timestamptz)"""


@dataclass(frozen=True)
class Both:
    """The same table behind JDBC and behind psycopg."""

    jdbc: JavaObject
    reference: psycopg.Connection


@pytest.fixture(scope="module")
def both(new_database: NewDatabase, jvm: Jvm) -> Iterator[Both]:
    url = new_database(TABLE, "INSERT INTO p DEFAULT VALUES")
    with connect_as_reference(url) as reference:
        reference.execute("SET default_transaction_read_only = off")
        for column, _, value in BOUND:
            if value is not None:
                reference.execute(f"INSERT INTO p ({column}) VALUES (%s)".encode(), [value])
        with RailForgeServer({"own": url}, arguments=NO_REFRESH) as server:
            refresh(server)
            with jvm.connected(jdbc_url(server)) as connection:
                yield Both(connection, reference)


def ids(connection: JavaObject, sql: str, *setters: Sequence[Any]) -> list[int]:
    prepared = connection.prepareStatement(sql)
    for place, (setter, *arguments) in enumerate(setters, start=1):
        getattr(prepared, setter)(place, *arguments)
    found = [row[0] for row in prepared.executeQuery().rows("getInt")]
    prepared.close()
    return found


@pytest.mark.parametrize(("column", "setter", "value"), BOUND, ids=[f"{row[0]} {row[1][0]}" for row in BOUND])
@pytest.mark.parametrize("operator", ["=", "IS NOT DISTINCT FROM"])
def test_a_parameter_finds_its_rows(
    operator: str, column: str, setter: tuple[str, object], value: object, both: Both
) -> None:
    sql = f"SELECT id FROM p WHERE {column} {operator} {{}} ORDER BY id"
    wanted = [row[0] for row in reference_rows(both.reference, sql.format("$1"), [value])]
    assert bool(wanted) == (value is not None or operator != "=")
    assert ids(both.jdbc, sql.format("?"), setter) == wanted


def test_one_statement_is_executed_many_times(both: Both) -> None:
    prepared = both.jdbc.prepareStatement("SELECT ?::integer * 2, ?::text")
    for number, text in ((1, "a"), (2, None), (-3, "")):
        prepared.setInt(1, number)
        prepared.setString(2, text)
        assert prepared.executeQuery().rows() == [(number * 2, text)]
    assert prepared.execute() is True
    assert prepared.getResultSet().rows() == [(-6, "")]
    prepared.close()


def test_arrays_are_bound(both: Both) -> None:
    numbers = "SELECT id FROM p WHERE i = ANY(?) ORDER BY id"
    wanted = [row[0] for row in reference_rows(both.reference, numbers.replace("?", "$1"), [[7, 8]])]
    texts = both.jdbc.createArrayOf("VARCHAR", ["abc", "x"])
    sql = "SELECT id FROM p WHERE t = ANY(?) ORDER BY id"
    wanted = [row[0] for row in reference_rows(both.reference, sql.replace("?", "$1"), [["abc", "x"]])]
    assert wanted
    assert ids(both.jdbc, sql, ("setArray", texts)) == wanted


def test_parameters_are_told(both: Both) -> None:
    prepared = both.jdbc.prepareStatement(
        "SELECT id FROM p WHERE n > ? AND tz < ? AND ti = ? AND wide = ? AND t = ?"
    )
    told = prepared.getParameterMetaData()
    assert told.getParameterCount() == 5
    assert [told.getParameterType(place) for place in range(1, 6)] == [3, 2014, 92, 3, 12]
    prepared.close()


def test_a_timestamp_is_told_in_another_zone(both: Both) -> None:
    """The driver takes what a Timestamp shows in the calendar's zone for UTC's."""
    sql = "SELECT id FROM p WHERE tz = ? ORDER BY id"
    later = NOON + timedelta(hours=5)
    [wanted] = {tuple(ids(both.jdbc, sql, ("setTimestamp", timestamp(NOON))))}
    assert wanted
    shifted = ids(both.jdbc, sql, ("setTimestamp", timestamp(later), calendar("America/New_York")))
    assert tuple(shifted) == wanted


@pytest.mark.parametrize(
    ("sql", "setters", "text"),
    [
        # The driver's own words: what it cannot bind, it does not send.
        ("SELECT id FROM p WHERE i = ?", [], "null"),
        ("SELECT id FROM p WHERE i = ? AND t = ?", [("setInt", 1)], "null"),
        ("SELECT id FROM p WHERE n = ?", [("setBigDecimal", Decimal("1.5"))], "scale"),
        ("SELECT id FROM p WHERE n = ?", [("setInt", 1)], "not yet supported"),
        ("SELECT id FROM p WHERE i = ?", [("setString", "1")], "not yet supported"),
    ],
)
def test_what_does_not_fit_is_refused(
    sql: str, setters: list[tuple[str, object]], text: str, both: Both
) -> None:
    with pytest.raises(JavaError, match=text):
        ids(both.jdbc, sql, *setters)
    assert ids(both.jdbc, "SELECT 1 AS one") == [1]


def test_an_operator_of_postgresqls_is_no_parameter(both: Both) -> None:
    assert ids(both.jdbc, """SELECT 1 WHERE '{"a": 1}'::jsonb ?? ?::text""", ("setString", "a")) == [1]
