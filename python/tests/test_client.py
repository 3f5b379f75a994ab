"""`rail_forge` against a server: results and their frames, names of tables, refresh, errors, streaming."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from comparison import connect_as_reference, first_difference, reference_rows
from conftest import refresh, run
from waiting import until_idle

import rail_forge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import psycopg
    from conftest import NewDatabase, Serve, Served

ORDERS = "SELECT id, total, placed_at, coupon FROM orders ORDER BY id"
# 60,000 * 60,000 rows: nobody reads to its end.
ENDLESS = "SELECT a.id AS a, b.id AS b FROM order_line a CROSS JOIN order_line b"


def test_every_frame_holds_the_same_rows(
    client: rail_forge.Client, shop_reference: psycopg.Connection
) -> None:
    wanted = reference_rows(shop_reference, ORDERS)
    result = client.sql(ORDERS)
    assert first_difference(result.rows(), wanted) is None
    assert first_difference(result.polars().rows(), wanted) is None
    table = result.arrow()
    assert isinstance(table, pa.Table)
    frame = result.pandas()
    assert isinstance(frame, pd.DataFrame)
    assert pa.Table.from_pandas(frame, schema=table.schema, preserve_index=False).equals(table)
    assert pa.table(result).equals(table)
    assert isinstance(result.polars(), pl.DataFrame)


def test_batches_are_the_rows_in_order(client: rail_forge.Client, shop_reference: psycopg.Connection) -> None:
    batches = list(client.sql("SELECT id FROM order_line ORDER BY id").batches())
    assert len(batches) > 1
    got = [(value,) for batch in batches for value in batch.column("id").to_pylist()]
    assert got == reference_rows(shop_reference, "SELECT id FROM order_line ORDER BY id")


def test_schema_is_known_before_reading_and_true(client: rail_forge.Client) -> None:
    result = client.sql(ORDERS)
    assert result.schema.names == ["id", "total", "placed_at", "coupon"]
    assert result.schema.equals(result.arrow().schema, check_metadata=True)


def test_as_of_is_the_moment_of_the_refresh(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database("CREATE TABLE t (id integer)")
    server = serve({"shop": url})
    with connect_as_reference(url) as reference, rail_forge.connect(server.flight) as client:
        moment = "SELECT clock_timestamp(), pg_current_wal_insert_lsn()::text"
        [(before, lsn_before)] = reference_rows(reference, moment)
        [refreshed] = client.refresh()
        [(after, lsn_after)] = reference_rows(reference, moment)
        result = client.sql("SELECT * FROM t")
        assert result.as_of == refreshed.as_of
        assert result.as_of is not None
        assert isinstance(before, datetime)
        assert isinstance(after, datetime)
        assert before <= result.as_of.time <= after
        between = "SELECT $1::text::pg_lsn <= $2::text::pg_lsn AND $2::text::pg_lsn <= $3::text::pg_lsn"
        assert reference_rows(reference, between, [lsn_before, result.as_of.lsn, lsn_after]) == [(True,)]


def test_engine_is_datafusion_and_a_constant_has_no_moment(client: rail_forge.Client) -> None:
    assert client.sql(ORDERS).engine == "datafusion"
    assert client.sql("SELECT 1 AS one").as_of is None


def test_refresh_of_one_table_sees_a_committed_change(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database(
        "CREATE TABLE one (id integer)", "CREATE TABLE two (id integer)", "INSERT INTO one VALUES (1)"
    )
    server = serve({"shop": url})
    with rail_forge.connect(server.flight) as client:
        client.refresh()
        first = client.sql("SELECT id FROM one")
        assert first.rows() == [(1,)]
        # The testbed's PostgreSQL would let others see a commit before it is in the log.
        durable = "SET synchronous_commit = on"
        run(url, durable, "UPDATE one SET id = 7", "INSERT INTO one VALUES (8)", "INSERT INTO two VALUES (9)")
        [refreshed] = client.refresh("one")
        assert (refreshed.full_name, refreshed.rows) == ("shop.public.one", 2)
        second = client.sql("SELECT id FROM one ORDER BY id")
        assert second.rows() == [(7,), (8,)]
        assert client.sql("SELECT id FROM two").rows() == []
        assert first.as_of is not None
        assert second.as_of is not None
        assert second.as_of.time > first.as_of.time
        assert lsn(second.as_of.lsn) > lsn(first.as_of.lsn)
        # A result over both is true for the older of the two.
        assert client.sql("SELECT count(*) FROM one, two").as_of == first.as_of


def lsn(text: str) -> tuple[int, int]:
    high, low = text.split("/")
    return int(high, 16), int(low, 16)


@pytest.mark.parametrize("name", ["one", "public.one", "shop.public.one"])
def test_refresh_takes_names_of_any_length(name: str, new_database: NewDatabase, serve: Serve) -> None:
    server = serve({"shop": new_database("CREATE TABLE one (id integer)", "CREATE TABLE two (id integer)")})
    assert [table.table for table in refresh(server, name)] == ["one"]


def test_refresh_of_an_unknown_table_names_the_nearest(client: rail_forge.Client) -> None:
    with pytest.raises(rail_forge.NotFoundError, match=r'no table "ordres" .*did you mean orders'):
        client.refresh("ordres")
    assert client.status().sources[0].state == "ready"


def test_status_has_every_table(client: rail_forge.Client, shop: Served) -> None:
    status = client.status()
    assert status.version
    assert [(source.catalog, source.state, source.message) for source in status.sources] == [
        ("shop", "ready", None)
    ]
    assert {table.table: table.rows for table in status.tables} == shop.rows
    for table in status.tables:
        assert table.error is None
        assert table.bytes is not None
        assert table.bytes > 0
        assert table.as_of is not None
        assert table.lag_seconds is not None
        assert table.lag_seconds >= 0


def test_names_are_looked_up_in_catalog_and_schema(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    here = new_database("CREATE TABLE t (v text)", "INSERT INTO t VALUES ('here')")
    there = new_database(
        "CREATE TABLE t (v text)",
        "INSERT INTO t VALUES ('there')",
        'CREATE SCHEMA "Größe/ä b"',
        'CREATE TABLE "Größe/ä b".t (v text)',
        "INSERT INTO \"Größe/ä b\".t VALUES ('inside')",
    )
    config = tmp_path / "rail-forge.toml"
    config.write_text(
        f'[[source]]\nname = "here"\nurl = "{here}"\n'
        f'[[source]]\nname = "there"\nurl = "{there}"\nschemas = ["public", "Größe/ä b"]\n'
    )
    server = serve({}, "--config", str(config))
    refresh(server)

    def value(sql: str = "SELECT v FROM t", catalog: str | None = None, schema: str | None = None) -> object:
        with rail_forge.connect(server.flight, catalog=catalog, schema=schema) as client:
            return client.sql(sql).rows()[0][0]

    assert value() == "here"
    assert value(catalog="there") == "there"
    assert value(catalog="there", schema="Größe/ä b") == "inside"
    assert value('SELECT v FROM "Größe/ä b".t', catalog="there") == "inside"
    assert value("SELECT v FROM there.public.t", catalog="here") == "there"
    assert value("SELECT a.v FROM t a JOIN there.public.t b ON a.v < b.v") == "here"
    with pytest.raises(rail_forge.NotFoundError, match=r"\bt\b"):
        value(catalog="here", schema="Größe/ä b")
    with pytest.raises(rail_forge.NotFoundError, match='"nowhere"'):
        value(catalog="nowhere")


def test_the_default_catalogue_is_the_first_of_the_configuration(
    new_database: NewDatabase, serve: Serve
) -> None:
    """For the tables of the catalogue as for SQL, though the catalogue is listed by names."""
    urls = {
        name: new_database(f"CREATE TABLE t AS SELECT '{name}' AS v", f"CREATE TABLE of_{name} (id integer)")
        for name in ("shop", "audit")
    }
    server = serve(urls)
    refresh(server)
    with rail_forge.connect(server.flight) as client:
        assert client.sql("SELECT v FROM t").rows() == [("shop",)]
        assert client.catalog == "shop"
        assert [table.name for table in client.tables()] == ["of_shop", "t"]
        assert client.scan("t").collect().rows() == [("shop",)]
        assert client.with_session(catalog="audit").catalog == "audit"


@pytest.mark.parametrize(
    ("sql", "error", "text"),
    [
        ("SELECT totl FROM orders", rail_forge.QueryError, 'column "totl".*"total"'),
        ("SELECT * FROM ordres", rail_forge.NotFoundError, r"ordres.*shop\.public\.orders"),
        ("SELECT 1 +", rail_forge.QueryError, "syntax error"),
        ("SELECT total / 0 FROM orders", rail_forge.QueryError, "division by zero"),
        ("SELECT CAST(channel AS integer) FROM orders", rail_forge.QueryError, '"(store|app|web|phone)"'),
        ("DROP TABLE orders", rail_forge.QueryError, "DROP.*changes nothing"),
        ("SELECT 1; SELECT 2", rail_forge.UnsupportedError, "several statements"),
    ],
)
def test_errors_have_their_class_and_name_the_thing(
    sql: str, error: type[rail_forge.Error], text: str, client: rail_forge.Client
) -> None:
    with pytest.raises(error, match=text):
        client.sql(sql).rows()


def test_errors_have_the_servers_reason_and_details(client: rail_forge.Client) -> None:
    """Of calls, of streams that another thread reads on, and of actions."""
    with pytest.raises(rail_forge.QueryError) as caught:
        client.sql("SELECT 1\nFROM )")
    assert caught.value.reason == "SYNTAX_ERROR"
    assert caught.value.details == {"line": "2", "column": "6"}
    batches = client.sql("SELECT 100 / (a.id - 50000) AS x FROM order_line a ORDER BY a.id").batches()
    with pytest.raises(rail_forge.QueryError) as caught:
        list(batches)
    assert (caught.value.reason, caught.value.sqlstate) == ("INVALID_VALUE", "22012")
    with pytest.raises(rail_forge.NotFoundError) as caught:
        client.refresh("ordres")
    assert (caught.value.reason, caught.value.sqlstate) == ("UNKNOWN_TABLE", None)


def test_a_result_that_failed_fails_again(client: rail_forge.Client) -> None:
    """A notebook that shows it does not take it, and yet it is not empty afterwards."""
    result = client.sql("SELECT total / (id - id) AS x FROM orders")
    for read in (result._repr_html_, result.arrow, lambda: list(result.batches()), result.arrow):
        with pytest.raises(rail_forge.QueryError, match="division by zero"):
            read()


def test_an_interrupted_result_is_not_empty(client: rail_forge.Client) -> None:
    result = client.sql(f"SELECT sum(a * b) AS s FROM ({ENDLESS}) AS pairs")
    with interrupted(), pytest.raises(KeyboardInterrupt):
        result._repr_html_()
    with pytest.raises(rail_forge.Error, match="was interrupted; run the query again"):
        result.arrow()


@contextmanager
def interrupted() -> Iterator[None]:
    """Have what is done within be interrupted, as Ctrl-C does."""

    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_an_error_of_the_way_has_no_reason() -> None:
    with (
        rail_forge.connect("grpc://127.0.0.1:1") as client,
        pytest.raises(rail_forge.ServerUnavailable) as caught,
    ):
        client.status()
    assert (caught.value.reason, dict(caught.value.details)) == (None, {})


def test_nobody_listens() -> None:
    with (
        rail_forge.connect("grpc://127.0.0.1:1") as client,
        pytest.raises(rail_forge.ServerUnavailable, match=r"127\.0\.0\.1"),
    ):
        client.sql("SELECT 1")


def test_the_clients_timeout(client: rail_forge.Client, shop: Served) -> None:
    with (
        rail_forge.connect(shop.server.flight, timeout=0.5) as hurried,
        pytest.raises(rail_forge.QueryTimeout),
    ):
        hurried.sql(f"SELECT sum(a * b) AS s FROM ({ENDLESS}) AS pairs").rows()
    assert client.sql("SELECT 1 AS one").rows() == [(1,)]


def test_the_first_batch_arrives_before_the_last_is_computed(client: rail_forge.Client) -> None:
    batches = client.sql(ENDLESS).batches()
    assert next(batches).num_rows > 0


def test_dropping_a_stream_ends_the_query(client: rail_forge.Client, shop: Served) -> None:
    for _ in range(4):  # more than the machine has threads for queries
        result = client.sql(ENDLESS)
        next(result.batches())
        del result
    until_idle(shop.server.pid)
    assert client.sql("SELECT count(*) FROM region").rows() == [(12,)]


def test_closing_a_result_ends_the_query(client: rail_forge.Client, shop: Served) -> None:
    with client.sql(ENDLESS) as result:
        next(result.batches())
    until_idle(shop.server.pid)
    with pytest.raises(rail_forge.Error, match="gone"):
        result.arrow()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM orders WHERE false",
        "SELECT id, total FROM orders WHERE id < 0",
        "SELECT FROM orders WHERE id < 4",
        "SELECT FROM orders WHERE false",
        "SELECT o.id, r.id FROM orders o JOIN region r ON r.id = o.region_id ORDER BY 1",
        "SELECT * FROM orders o JOIN region r ON r.id = o.region_id ORDER BY o.id",
        "SELECT NULL AS nothing, '' AS empty",
    ],
)
def test_results_of_any_shape(
    sql: str, client: rail_forge.Client, shop_reference: psycopg.Connection
) -> None:
    wanted = reference_rows(shop_reference, sql)
    result = client.sql(sql)
    assert first_difference(result.rows(), wanted) is None
    assert result.arrow().num_rows == len(wanted)
    description = shop_reference.execute(sql.encode()).description
    assert result.schema.names == [column.name for column in description or ()]
