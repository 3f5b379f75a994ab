"""`rail_forge.dbapi`: PEP 249, with values as psycopg gives them."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from contextlib import closing
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
import psycopg
import pytest
from psycopg.types.string import TextLoader
from waiting import until_idle

from rail_forge import dbapi

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from conftest import Served

ZONE = "Asia/Kolkata"
ENDLESS = "SELECT a.id AS a, b.id AS b FROM order_line a CROSS JOIN order_line b"


@pytest.fixture(scope="module")
def connection(shop: Served) -> Iterator[dbapi.Connection]:
    with closing(dbapi.connect(shop.server.flight, timezone=ZONE)) as connected:
        yield connected


@pytest.fixture
def rows_of(connection: dbapi.Connection) -> Iterator[dbapi.Cursor]:
    with connection.cursor() as cursor:
        yield cursor


@pytest.fixture(scope="module")
def reference(shop: Served) -> Iterator[psycopg.Connection]:
    """Psycopg as it comes, but for JSON, which stays text."""
    with psycopg.connect(shop.url, autocommit=True, options=f"-c timezone={ZONE}") as connected:
        for name in ("json", "jsonb"):
            connected.adapters.register_loader(name, TextLoader)
        yield connected


def test_the_module_is_of_pep_249() -> None:
    assert (dbapi.apilevel, dbapi.threadsafety, dbapi.paramstyle) == ("2.0", 2, "pyformat")
    for name in ("DataError", "OperationalError", "IntegrityError", "InternalError", "ProgrammingError"):
        kind = getattr(dbapi, name)
        assert issubclass(kind, dbapi.DatabaseError)
        assert getattr(dbapi.Connection, name) is kind
    assert issubclass(dbapi.DatabaseError, dbapi.Error)
    assert issubclass(dbapi.InterfaceError, dbapi.Error)
    assert dbapi.Date(2024, 2, 29) == date(2024, 2, 29)
    ticks = time.mktime((2024, 2, 29, 12, 30, 15, 0, 0, -1))
    assert dbapi.TimestampFromTicks(ticks) == datetime(2024, 2, 29, 12, 30, 15)  # noqa: DTZ001 - local
    assert dbapi.DateFromTicks(ticks) == date(2024, 2, 29)
    assert str(dbapi.TimeFromTicks(ticks)) == "12:30:15"
    assert dbapi.Binary(b"x") == b"x"


VALUES = """
SELECT NULL AS nothing, true AS b, 1::smallint AS s, 2 AS i, 3::bigint AS l, 0.1::real AS r,
       '1e300'::float8 AS f, 1.50 AS n, 'a' AS t, 'b'::char(3) AS c, 'v'::varchar(5) AS v,
       '\\x00ff'::bytea AS bytes,
       date '2024-02-29' AS day, time '23:59:59.000001' AS at, timestamp '2024-02-29 12:00' AS naive,
       timestamptz '2024-02-29 12:00+00' AS moment, interval '-1 year 1 month 3 days 04:05:06.000007' AS span,
       '2b0d2a2e-4c5e-4b77-8f2a-3a2b9f0d0001'::uuid AS uuid, '{"a": [1]}'::jsonb AS j,
       ARRAY[1, NULL, 3] AS ints, ARRAY[]::text[] AS empty,
       ARRAY['2024-02-29 12:00+00'::timestamptz] AS moments,
       ARRAY['2b0d2a2e-4c5e-4b77-8f2a-3a2b9f0d0001'::uuid, NULL] AS uuids, ARRAY[0.50, 2.25] AS numbers
"""


@pytest.mark.parametrize(
    "sql",
    [
        VALUES,
        "SELECT * FROM customer ORDER BY id LIMIT 2500",
        "SELECT id, tags, attributes, rating, launched_on FROM product ORDER BY id",
        'SELECT * FROM "Gift Wrap" ORDER BY id',
        "SELECT FROM region",
        "SELECT id FROM region WHERE false",
    ],
)
def test_rows_are_those_of_psycopg(sql: str, rows_of: dbapi.Cursor, reference: psycopg.Connection) -> None:
    wanted = reference.execute(sql.encode()).fetchall()
    rows_of.execute(sql)
    got = rows_of.fetchall()
    assert got == wanted
    assert [list(map(type, row)) for row in got] == [list(map(type, row)) for row in wanted]
    assert [str(cell) for row in got for cell in row] == [str(cell) for row in wanted for cell in row]


@pytest.mark.parametrize(
    "value",
    [
        "date '29349-01-26'",
        "date '0044-03-15 BC'",
        "timestamp '29349-01-26 12:00'",
        "timestamptz '29349-01-26 12:00Z'",
        "timestamptz '9999-12-31 23:59Z'",
        "ARRAY[date '2024-02-29', date '29349-01-26']",
    ],
)
def test_a_value_that_python_cannot_hold_is_a_data_error(
    value: str, rows_of: dbapi.Cursor, reference: psycopg.Connection
) -> None:
    sql = f"SELECT 1 AS one, {value} AS far"
    with pytest.raises(psycopg.DataError):
        reference.execute(sql.encode()).fetchall()
    rows_of.execute(sql)
    for fetch in (rows_of.fetchone, rows_of.fetchall):
        with pytest.raises(dbapi.DataError, match=r'value of the column "far" .*; cast it to text'):
            fetch()
    assert rows_of.execute(sql).fetch_arrow_table().num_rows == 1
    as_text = f"SELECT ({value})::text"
    assert rows_of.execute(as_text).fetchall() == reference.execute(as_text.encode()).fetchall()


def test_an_interval_that_python_cannot_hold_is_a_data_error(rows_of: dbapi.Cursor) -> None:
    rows_of.execute("SELECT interval '2000000000 days' AS far")
    with pytest.raises(dbapi.DataError, match='column "far"'):
        rows_of.fetchall()


def test_description_names_columns_and_kinds(rows_of: dbapi.Cursor) -> None:
    assert rows_of.description is None
    rows_of.execute(
        "SELECT id, name, price, attributes, launched_on, tags, '\\x00'::bytea AS bytes FROM product"
    )
    assert rows_of.description is not None
    described = {column.name: column for column in rows_of.description}
    assert [column[0] for column in rows_of.description] == list(described)
    assert described["id"].type_code == dbapi.NUMBER
    assert described["name"].type_code == dbapi.STRING != dbapi.NUMBER
    assert (described["name"].type_code, described["name"].internal_size) == ("character varying", 200)
    assert (described["price"].precision, described["price"].scale) == (12, 2)
    assert described["attributes"].type_code == dbapi.STRING
    assert described["launched_on"].type_code == dbapi.DATETIME
    assert described["bytes"].type_code == dbapi.BINARY
    assert described["tags"].type_code == "text[]"
    assert all(len(column) == 7 for column in rows_of.description)


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        ("SELECT id FROM orders WHERE channel = %s AND total > %s ORDER BY id LIMIT %s", ["app", 100.5, 7]),
        (
            "SELECT id FROM orders WHERE channel = %(c)s OR %(c)s IS NULL ORDER BY id LIMIT %(n)s",
            {"c": "app", "n": 7},
        ),
        ("SELECT id, '100%%' AS whole FROM orders WHERE note LIKE %s ORDER BY id LIMIT 3", ["%e%"]),
        ("SELECT id FROM region WHERE id = ANY(%s) ORDER BY id", [[1, 3]]),
        ("SELECT count(*) FROM orders WHERE placed_at::date = %s", [date(2024, 2, 29)]),
        ("SELECT '%%' AS percent", ()),
        ("SELECT '%' AS percent, '%s' AS mark", None),
    ],
)
def test_parameters(
    sql: str,
    parameters: Sequence[object] | Mapping[str, object] | None,
    rows_of: dbapi.Cursor,
    reference: psycopg.Connection,
) -> None:
    rows_of.execute(sql, parameters)
    got = rows_of.fetchall()
    assert got
    assert got == reference.execute(sql.encode(), parameters).fetchall()


@pytest.mark.parametrize(
    ("sql", "parameters", "said"),
    [
        ("SELECT %s, %s", [1], "2 placeholders, and 1 values"),
        ("SELECT %s", [1, 2], "1 placeholders, and 2 values"),
        ("SELECT %(a)s", {"b": 1}, r"no value is given for %\(a\)s"),
        ("SELECT %(a)s", [1], r"%\(name\)s a mapping"),
        ("SELECT %s", {"a": 1}, r"%s takes a sequence"),
        ("SELECT 5 % 3, %s", [1], "%% for a percent sign"),
        ("SELECT %s", "text", "not a str"),
    ],
)
def test_placeholders_and_values_have_to_fit(
    sql: str, parameters: Any, said: str, rows_of: dbapi.Cursor
) -> None:
    with pytest.raises(dbapi.ProgrammingError, match=said):
        rows_of.execute(sql, parameters)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (object(), "cannot send parameter"),
        ({"a": 1}, "a dict; pass a list"),
        (2**70, "beyond 64 bits"),
        ("\ud800", "cannot send parameter"),
    ],
)
def test_values_that_cannot_be_sent_are_refused(
    value: object, said: str, rows_of: dbapi.Cursor, reference: psycopg.Connection
) -> None:
    with pytest.raises(dbapi.ProgrammingError, match=said):
        rows_of.execute("SELECT %s", [value])
    assert rows_of.description is None
    if not isinstance(value, (int, str)):
        with pytest.raises(psycopg.ProgrammingError):
            reference.execute("SELECT %s", [value])


def test_a_staleness_that_is_none_is_refused(rows_of: dbapi.Cursor) -> None:
    rows_of.max_staleness = -1
    with pytest.raises(dbapi.ProgrammingError, match="max_staleness"):
        rows_of.execute("SELECT 1")


@pytest.mark.parametrize(
    ("sql", "kind", "reason", "sqlstate"),
    [
        ("SELEC 1", dbapi.ProgrammingError, "SYNTAX_ERROR", None),
        ("SELECT totl FROM orders", dbapi.ProgrammingError, "INVALID_QUERY", None),
        ("SELECT * FROM ordres", dbapi.ProgrammingError, "UNKNOWN_TABLE", None),
        ("SELECT total / (id - id) FROM orders", dbapi.DataError, "INVALID_VALUE", "22012"),
        ("SELECT 1 / (id - 900) FROM orders ORDER BY id", dbapi.DataError, "INVALID_VALUE", "22012"),
        ("DELETE FROM orders", dbapi.NotSupportedError, "READ_ONLY", None),
        ("SELECT to_tsvector(note) FROM orders", dbapi.NotSupportedError, "UNSUPPORTED", None),
    ],
)
def test_errors_have_the_classes_of_pep_249(
    sql: str, kind: type[dbapi.Error], reason: str, sqlstate: str | None, rows_of: dbapi.Cursor
) -> None:
    with pytest.raises(kind) as caught:
        rows_of.execute(sql).fetchall()
    assert type(caught.value) is kind
    assert (caught.value.reason, caught.value.sqlstate) == (reason, sqlstate)


def test_a_server_that_cannot_be_reached_is_an_operational_error() -> None:
    with dbapi.connect("grpc://127.0.0.1:1") as away, pytest.raises(dbapi.OperationalError):
        away.cursor().execute("SELECT 1")


def test_fetching(rows_of: dbapi.Cursor) -> None:
    rows_of.execute("SELECT id FROM order_line ORDER BY id")
    assert rows_of.rowcount == -1
    assert rows_of.fetchone() == (1,)
    assert rows_of.fetchmany() == [(2,)]
    rows_of.arraysize = 3
    assert rows_of.fetchmany() == [(3,), (4,), (5,)]
    assert rows_of.fetchmany(2500) == [(id_,) for id_ in range(6, 2506)]
    assert rows_of.rownumber == 2505
    assert next(rows_of) == (2506,)
    rest = rows_of.fetchall()
    assert rest[0] == (2507,)
    assert rows_of.rowcount == rest[-1][0]
    assert rows_of.fetchone() is None
    assert rows_of.fetchall() == []
    assert list(rows_of) == []


def test_a_statement_that_failed_has_no_result(rows_of: dbapi.Cursor) -> None:
    with pytest.raises(dbapi.DataError):
        rows_of.execute("SELECT total / (id - id) FROM orders")
    assert (rows_of.description, rows_of.rowcount, rows_of.rownumber) == (None, -1, None)
    with pytest.raises(dbapi.ProgrammingError, match="no statement was executed"):
        rows_of.fetchall()


def test_fetching_that_failed_fails_again(rows_of: dbapi.Cursor) -> None:
    rows_of.execute(ENDLESS)
    assert rows_of.fetchone() is not None
    rows_of.result.close()
    for fetch in (rows_of.fetchall, rows_of.fetchall, rows_of.fetchone, rows_of.fetch_arrow_table):
        with pytest.raises(dbapi.OperationalError):
            fetch()
    assert rows_of.rowcount == -1
    assert rows_of.execute("SELECT 1").fetchall() == [(1,)]


def test_batches_instead_of_rows(rows_of: dbapi.Cursor) -> None:
    sql = "SELECT id, total FROM orders ORDER BY id"
    table = rows_of.execute(sql).fetch_arrow_table()
    assert [tuple(row.values()) for row in table.to_pylist()] == rows_of.execute(sql).fetchall()
    batches = list(rows_of.execute(sql).fetch_record_batches())
    assert sum(batch.num_rows for batch in batches) == table.num_rows
    rows_of.execute(sql).fetchone()
    for fetch in (rows_of.fetch_arrow_table, rows_of.fetch_record_batches):
        with pytest.raises(dbapi.ProgrammingError, match="this result was fetched"):
            fetch()


def test_rows_of_batches_are_counted(rows_of: dbapi.Cursor, reference: psycopg.Connection) -> None:
    sql = "SELECT id FROM order_line"
    wanted = reference.execute(sql.encode()).rowcount
    rows_of.execute(sql).fetch_arrow_table()
    assert (rows_of.rowcount, rows_of.rownumber) == (wanted, wanted)
    read = 0
    for batch in rows_of.execute(sql).fetch_record_batches():
        read += batch.num_rows
        assert (rows_of.rowcount, rows_of.rownumber) == (-1, read)
    assert (rows_of.rowcount, rows_of.rownumber) == (wanted, wanted)
    assert rows_of.execute("SELECT id FROM region WHERE false").fetch_arrow_table().num_rows == 0
    assert rows_of.rowcount == 0


def read_a_batch(cursor: dbapi.Cursor) -> object:
    return next(cursor.fetch_record_batches())


@pytest.mark.parametrize("read", [read_a_batch, dbapi.Cursor.fetch_arrow_table])
def test_no_rows_after_batches(read: Callable[[dbapi.Cursor], object], rows_of: dbapi.Cursor) -> None:
    read(rows_of.execute("SELECT id FROM order_line"))
    for fetch in (rows_of.fetchone, rows_of.fetchmany, rows_of.fetchall):
        with pytest.raises(dbapi.ProgrammingError, match="this result is fetched in batches"):
            fetch()
    with pytest.raises(dbapi.ProgrammingError, match="this result was fetched"):
        rows_of.fetch_arrow_table()


def test_batches_are_those_of_the_statement_that_was_executed(rows_of: dbapi.Cursor) -> None:
    with pytest.raises(dbapi.ProgrammingError, match="no statement was executed"):
        rows_of.fetch_record_batches()
    batches = rows_of.execute("SELECT id FROM order_line").fetch_record_batches()
    rows_of.execute("SELECT 'another' AS name")
    with pytest.raises(dbapi.OperationalError, match="closed before its end"):
        list(batches)
    assert rows_of.fetchall() == [("another",)]


@pytest.mark.parametrize("read", [dbapi.Cursor.fetchone, read_a_batch])
def test_a_cursor_that_is_dropped_stops_the_server(
    read: Callable[[dbapi.Cursor], object], shop: Served, connection: dbapi.Connection
) -> None:
    gc.disable()
    try:
        cursor = connection.cursor().execute(ENDLESS)
        read(cursor)
        result = weakref.ref(cursor.result)
        del cursor
        assert result() is None
        until_idle(shop.server.pid)
    finally:
        gc.enable()


def test_what_is_not_fetched_is_stopped(shop: Served, connection: dbapi.Connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute(ENDLESS)
        assert cursor.fetchone() is not None
        cursor.execute(ENDLESS)
    until_idle(shop.server.pid)


def test_a_statement_is_cancelled_from_another_thread(shop: Served, connection: dbapi.Connection) -> None:
    # One that has rows at once, one that has none for long, and one that has not begun.
    for sql, wait in (
        (ENDLESS, 0.3),
        (f"SELECT count(*) FROM ({ENDLESS}) AS pairs WHERE a * b < 0", 0.3),
        (ENDLESS, 0),
    ):
        cursor = connection.cursor()
        cancelling = threading.Timer(wait, cursor.cancel)
        cancelling.start()
        if not wait:
            cancelling.join()
        with pytest.raises(dbapi.OperationalError):
            cursor.execute(sql).fetchall()
        until_idle(shop.server.pid)
        assert cursor.execute("SELECT 1").fetchall() == [(1,)]
        cancelling.join()


def test_closed_things_say_so(shop: Served) -> None:
    connection = dbapi.connect(shop.server.flight)
    cursor = connection.cursor()
    with pytest.raises(dbapi.ProgrammingError, match="no statement was executed"):
        cursor.fetchone()
    cursor.close()
    cursor.close()
    with pytest.raises(dbapi.InterfaceError, match="cursor is closed"):
        cursor.execute("SELECT 1")
    other = connection.cursor()
    connection.commit()
    connection.rollback()
    connection.close()
    connection.close()
    assert connection.closed
    for call in (connection.cursor, connection.commit, connection.rollback, other.fetchall):
        with pytest.raises(dbapi.InterfaceError, match="connection is closed"):
            call()


def test_executemany_is_for_what_is_not_done(rows_of: dbapi.Cursor) -> None:
    with pytest.raises(dbapi.NotSupportedError, match="changes none"):
        rows_of.executemany("INSERT INTO region VALUES (%s)", [[1]])


def test_the_time_zone_can_be_changed(shop: Served) -> None:
    with dbapi.connect(shop.server.flight) as connection:
        shown = []
        for zone in ("UTC", "Asia/Tokyo"):
            connection.timezone = zone
            cursor = connection.cursor()
            cursor.execute("SELECT m, m::text FROM (SELECT timestamptz '2024-01-01 12:00Z' AS m) AS x")
            [(moment, text)] = cursor.fetchall()
            shown.append((str(moment.tzinfo), text))
    assert shown == [("UTC", "2024-01-01 12:00:00+00"), ("Asia/Tokyo", "2024-01-01 21:00:00+09")]


def test_a_zone_may_be_written_in_any_case(shop: Served) -> None:
    sql = "SELECT timestamptz '2024-07-01 12:00Z', ARRAY[timestamptz '2050-07-01 12:00Z', NULL]"
    zone = "europe/berlin"
    with (
        psycopg.connect(shop.url, options=f"-c timezone={zone}") as reference,
        dbapi.connect(shop.server.flight, timezone=zone) as connection,
    ):
        wanted = reference.execute(sql.encode()).fetchall()
        got = connection.cursor().execute(sql).fetchall()
    assert repr(got) == repr(wanted)


def test_a_zone_that_only_postgresql_knows_is_a_data_error(shop: Served) -> None:
    sql, zone = "SELECT timestamptz '2024-07-01 12:00Z' AS moment", "GMT+3"
    with (
        psycopg.connect(shop.url, options=f"-c timezone={zone}") as reference,
        dbapi.connect(shop.server.flight, timezone=zone) as connection,
        connection.cursor() as cursor,
    ):
        with pytest.raises(dbapi.DataError, match=r'column "moment" .*no time zone "GMT\+3"'):
            cursor.execute(sql).fetchall()
        [moment] = cursor.execute(sql).fetch_arrow_table()["moment"].cast("int64").to_pylist()
        assert moment == 1_719_835_200_000_000
        as_text = f"SELECT moment::text FROM ({sql}) AS x"
        assert cursor.execute(as_text).fetchall() == reference.execute(as_text.encode()).fetchall()


def test_pandas_reads_from_it(connection: dbapi.Connection, reference: psycopg.Connection) -> None:
    sql = "SELECT id, name FROM region WHERE id < %s ORDER BY id"
    with pytest.warns(UserWarning, match="pandas only supports SQLAlchemy"):
        frame = pd.read_sql(sql, connection, params=[5])
    wanted = reference.execute(sql.encode(), [5]).fetchall()
    assert list(frame.itertuples(index=False, name=None)) == wanted
