"""Data frames, our client's and those over the stock ADBC driver, and SQLAlchemy over the latter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import sqlalchemy as sa
from comparison import connect_as_reference, first_difference, reference_rows
from conftest import refresh
from tokens import create_token

import rail_forge

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg
    from conftest import NewDatabase, Serve, Served

    from rail_forge_testbed.server import RailForgeServer

ORDERS = "SELECT id, total, placed_at, coupon, delivered_on FROM orders WHERE id < 500 ORDER BY id"


def test_polars_in_batches(adbc_connection: Any, shop_reference: psycopg.Connection) -> None:
    frames = pl.read_database(ORDERS, adbc_connection, iter_batches=True, batch_size=100)
    got = [row for frame in frames for row in frame.rows()]
    assert first_difference(got, reference_rows(shop_reference, ORDERS)) is None


def test_polars_by_an_address(shop: Served, shop_reference: psycopg.Connection) -> None:
    address = f"flightsql://{shop.server.flight.removeprefix('grpc://')}?transport=tcp"
    frame = pl.read_database_uri(ORDERS, address, engine="adbc")
    assert first_difference(frame.rows(), reference_rows(shop_reference, ORDERS)) is None


def test_what_polars_has_no_type_for_is_postgresqls_text(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database(
        "CREATE TABLE t (id serial, span interval, wide numeric(60,12), narrow numeric(38,12))",
        "INSERT INTO t (span) SELECT make_interval(months => m, days => d, secs => s) FROM"
        " unnest(ARRAY[0, 1, -1, 12, -12, 13, -13, 26]) m, unnest(ARRAY[0, 1, -1, 400]) d,"
        " unnest(ARRAY[0, 0.5, -0.5, 0.000001, -0.000001, 3661, -90061.25, 1e6]) s",
        "UPDATE t SET wide = (id - 9) * 0.000000000001, narrow = (id - 9) * 0.000000000001",
        "INSERT INTO t (wide) VALUES (NULL), (repeat('9', 48)::numeric), (-1234567890123456789012345.5)",
    )
    server = serve({"shop": url})
    refresh(server)
    printed = (
        "SELECT id, span{0} AS span, wide{0} AS wide, narrow, ARRAY[wide]{1} AS wides, row(id, span) AS pair"
        " FROM t ORDER BY id"
    )
    with rail_forge.connect(server.flight) as client, connect_as_reference(url) as reference:
        frame = client.sql(printed.format("", "")).polars()
        wanted = reference_rows(reference, printed.format("::text", "::text[]"))
    assert frame.schema["narrow"] == pl.Decimal(38, 12)
    assert first_difference(frame.drop("pair").rows(), [row[:-1] for row in wanted]) is None
    assert frame["pair"].struct.field("f2").to_list() == frame["span"].to_list()


def test_rows_without_columns_are_rows_of_a_frame(client: rail_forge.Client, shop: Served) -> None:
    assert client.sql("SELECT FROM orders").polars().shape == (shop.rows["orders"], 0)


def test_pandas_with_arrows_types(adbc_connection: Any, shop_reference: psycopg.Connection) -> None:
    frame = pd.read_sql(ORDERS, adbc_connection, dtype_backend="pyarrow")
    assert frame.dtypes["total"] == pd.ArrowDtype(pa.decimal128(12, 2))
    assert frame.dtypes["placed_at"] == pd.ArrowDtype(pa.timestamp("us", "UTC"))
    got = pa.Table.from_pandas(frame, preserve_index=False)
    columns = [column.to_pylist() for column in got.columns]
    assert first_difference(list(zip(*columns, strict=True)), reference_rows(shop_reference, ORDERS)) is None


def test_pandas_with_numpys_types(adbc_connection: Any) -> None:
    frame = pd.read_sql(ORDERS, adbc_connection, index_col="id")
    assert frame.index[0] == 1
    assert str(frame.dtypes["placed_at"]).startswith("datetime64")
    assert frame["coupon"].isna().any()


def test_pandas_reads_a_table(adbc_connection: Any, shop: Served) -> None:
    frame = pd.read_sql_table("Gift Wrap", adbc_connection, schema="public", dtype_backend="pyarrow")
    assert list(frame.columns) == ["id", "Größe", "select", "it's"]
    assert len(frame) == shop.rows["Gift Wrap"]
    named = pd.read_sql("region", adbc_connection, columns=["id", "name"])
    assert list(named.columns) == ["id", "name"]


@pytest.fixture(scope="module")
def engine(shop: Served) -> Iterator[sa.Engine]:
    made = sa.create_engine(sqlalchemy_url(shop.server), connect_args={"autocommit": True})
    yield made
    made.dispose()


def sqlalchemy_url(server: RailForgeServer, login: str = "") -> str:
    return f"adbc+flightsql://{login}{server.flight.removeprefix('grpc://')}?tls=false"


def test_sqlalchemy_runs_what_it_writes(engine: sa.Engine, shop_reference: psycopg.Connection) -> None:
    orders = sa.table("orders", sa.column("id"), sa.column("channel"), sa.column("total"))
    asked = (
        sa.select(orders.c.channel, sa.func.count().label("n"), sa.func.sum(orders.c.total).label("sum"))
        .where(orders.c.id <= 1000, orders.c.channel.in_(["app", "web"]))
        .group_by(orders.c.channel)
        .order_by(orders.c.channel.desc())
        .limit(5)
    )
    with engine.connect() as connected:
        got = [tuple(row) for row in connected.execute(asked)]
    wanted = reference_rows(
        shop_reference,
        "SELECT channel, count(*), sum(total) FROM orders WHERE id <= 1000 AND channel IN ('app', 'web')"
        " GROUP BY channel ORDER BY channel DESC",
    )
    assert first_difference(got, wanted) is None


def test_sqlalchemy_reflects_columns(engine: sa.Engine) -> None:
    told = sa.inspect(engine)
    assert told.get_schema_names() == ["public"]
    columns = {column["name"]: column for column in told.get_columns("orders", schema="public")}
    assert isinstance(columns["total"]["type"], sa.Numeric)
    assert isinstance(columns["placed_at"]["type"], sa.DateTime)


def test_sqlalchemy_shows_a_token(guarded: RailForgeServer) -> None:
    token = create_token(guarded, "sqlalchemy")
    engine = sa.create_engine(sqlalchemy_url(guarded, f"anybody:{token}@"))
    with engine.connect() as connected:
        assert connected.execute(sa.text("SELECT 1 AS one")).scalar_one() == 1
    engine.dispose()


def test_pandas_over_sqlalchemy(engine: sa.Engine, shop: Served) -> None:
    frame = pd.read_sql(sa.text("SELECT * FROM region ORDER BY id LIMIT :most"), engine, params={"most": 3})
    assert list(frame["id"]) == [1, 2, 3]
    assert shop.rows["region"] >= 3
