"""The SQLAlchemy dialect: expressions, reflection, the ORM, and pandas through it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import psycopg
import pytest
import sqlalchemy as sa
from conftest import refresh
from shop_tables_of_sqlalchemy import Customer, Order, Product
from sqlalchemy.dialects import registry
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import NewDatabase, Serve, Served

registry.register("railforge", "rail_forge.sqlalchemy", "RailForgeDialect")


@pytest.fixture(scope="module")
def engine(shop: Served) -> Iterator[sa.Engine]:
    made = sa.create_engine(f"railforge://{shop.server.flight.removeprefix('grpc://')}/shop")
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def postgres_engine(shop: Served) -> Iterator[sa.Engine]:
    made = sa.create_engine(shop.url.replace("postgres://", "postgresql+psycopg://"))
    yield made
    made.dispose()


SINCE = datetime(2023, 6, 1, tzinfo=UTC)


def orders_of_app(least: Decimal) -> Any:
    return (
        sa.select(Order.id, Order.total, Order.placed_at, Customer.name)
        .join(Customer)
        .where(Order.channel == "app", Order.total > least, Order.placed_at > SINCE)
        .order_by(Order.id)
        .limit(50)
    )


STATEMENTS = {
    "join": orders_of_app(Decimal("100.50")),
    "group": sa.select(Order.channel, sa.func.count(), sa.func.sum(Order.total))
    .group_by(Order.channel)
    .order_by(Order.channel),
    "in": sa.select(Customer.name).where(Customer.id.in_([1, 2, 3])).order_by(Customer.id),
    "like": sa.select(Customer.id).where(Customer.name.ilike("%ö%")).order_by(Customer.id),
    "window": sa.select(
        Order.id, sa.func.rank().over(partition_by=Order.customer_id, order_by=Order.total.desc())
    )
    .where(Order.customer_id < 20)
    .order_by(Order.id),
    "case": sa.select(sa.case((Order.total > 500, "large"), else_="small").label("size"), sa.func.count())
    .group_by("size")
    .order_by("size"),
    "cte": sa.select(sa.func.count()).select_from(orders_of_app(Decimal(10)).cte("some")),
    "exists": sa.select(sa.func.count())
    .select_from(Customer)
    .where(sa.exists().where(Order.customer_id == Customer.id, Order.total > 900)),
    "json": sa.select(Product.id, Product.attributes, Product.tags).where(Product.attributes.has_key("size")),
    "percent": sa.text("SELECT id % 7, '100%' FROM orders WHERE note LIKE '%a%' ORDER BY id LIMIT 3"),
    "text": sa.text("SELECT name FROM region WHERE id = :id").bindparams(id=3),
    "null": sa.select(sa.null(), sa.true(), sa.literal("x")),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_statements_give_what_postgresql_gives(
    name: str, engine: sa.Engine, postgres_engine: sa.Engine
) -> None:
    with engine.connect() as ours, postgres_engine.connect() as theirs:
        got, wanted = ours.execute(STATEMENTS[name]), theirs.execute(STATEMENTS[name])
        assert list(got.keys()) == list(wanted.keys())
        assert sorted(map(shown, got.all())) == sorted(map(shown, wanted.all()))


def shown(row: sa.Row[Any]) -> str:
    """A row with its types; moments are told without the names of their zones."""
    return repr([cell.isoformat() if isinstance(cell, datetime) else cell for cell in row])


def test_the_orm_reads(engine: sa.Engine) -> None:
    with Session(engine) as session:
        customer = session.get(Customer, 7)
        assert customer is not None
        assert [order.customer_id for order in customer.orders] == [7] * len(customer.orders)
        assert len(customer.orders) > 0
        streamed = session.scalars(sa.select(Order).order_by(Order.id).execution_options(yield_per=100))
        assert [order.id for order, _ in zip(streamed, range(250), strict=False)] == list(range(1, 251))
        session.rollback()
        session.add(Customer(id=-1, name="x", joined_at=datetime.now(UTC)))
        with pytest.raises(sa.exc.NotSupportedError, match="INSERT is refused"):
            session.commit()


def test_reflection(engine: sa.Engine) -> None:
    inspector = sa.inspect(engine)
    assert set(inspector.get_table_names()) >= {"orders", "customer", "Gift Wrap"}
    assert inspector.get_schema_names() == ["public"]
    assert inspector.has_table("orders")
    assert not inspector.has_table("ordres")
    columns = {column["name"]: column for column in inspector.get_columns("product", schema="public")}
    assert repr(columns["price"]["type"]) == "Numeric(precision=12, scale=2)"
    assert repr(columns["name"]["type"]) == "String(length=200)"
    assert str(columns["attributes"]["type"]) == "JSONB"
    assert repr(columns["tags"]["type"]) == "ARRAY(Text())"
    assert (columns["price"]["nullable"], columns["rating"]["nullable"]) == (False, True)
    metadata = sa.MetaData()
    orders = sa.Table("orders", metadata, autoload_with=engine)
    assert [column.name for column in orders.primary_key] == ["id"]
    assert {key.target_fullname for key in orders.foreign_keys} == {"customer.id", "region.id"}
    assert orders.c.placed_at.type.timezone  # type: ignore[attr-defined]
    metadata.reflect(engine)
    assert set(metadata.tables) >= {"orders", "order_line", "Gift Wrap"}
    with pytest.raises(sa.exc.NoSuchTableError):
        sa.Table("ordres", metadata, autoload_with=engine)


def test_types_are_those_of_the_values_that_come(new_database: NewDatabase, serve: Serve) -> None:
    columns = {
        "id": "INTEGER",
        "day": "TEXT",
        "code": "VARCHAR(5)",
        "price": "NUMERIC(12, 2)",
        "huge": "TEXT",
        "list": "INTEGER[]",
        "prices": "NUMERIC[]",
        "matrix": "TEXT",
        "spans": "TEXT",
        "clock": "TEXT",
    }
    url = new_database(
        'CREATE DOMAIN "day (Mon, 1)" AS text',
        """CREATE TABLE t (id integer PRIMARY KEY, day "day (Mon, 1)", code varchar(5), price numeric(12, 2),
           huge numeric(100, 2), list integer[], prices numeric(12, 2)[], matrix integer[][],
           spans interval[], clock timetz)""",
        """INSERT INTO t
           VALUES (1, 'Tue 2', 'a', 1.50, 2.25, '{1,NULL}', '{0.50}', '{{1,2},{3,4}}', '{1 day}',
                   '12:00+02')""",
        "INSERT INTO t VALUES (2)",
    )
    server = serve({"own": url})
    refresh(server)
    engine = sa.create_engine(f"railforge://{server.flight.removeprefix('grpc://')}/own")
    table = sa.Table("t", sa.MetaData(), autoload_with=engine)
    assert {column.name: column.type.compile(engine.dialect) for column in table.columns} == columns
    as_texts = [f"{name}::text" if kind == "TEXT" else name for name, kind in columns.items()]
    with engine.connect() as connection, psycopg.connect(url) as reference:
        got = connection.execute(sa.select(table).order_by(table.c.id)).all()
        wanted = reference.execute(f"SELECT {', '.join(as_texts)} FROM t ORDER BY id".encode()).fetchall()
    assert repr([tuple(row) for row in got]) == repr(wanted)
    engine.dispose()


def test_the_level_of_isolation_can_be_asked_for(engine: sa.Engine) -> None:
    for _ in range(2):
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            assert connection.execute(sa.text("SELECT 1")).scalar() == 1
        with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            assert connection.execute(sa.text("SELECT 1")).scalar() == 1
            assert connection.default_isolation_level == connection.get_isolation_level()
    with pytest.raises(sa.exc.ArgumentError, match="SERIALIZABLE"):
        engine.connect().execution_options(isolation_level="SERIALIZABLE")


def test_pandas_reads_through_it(engine: sa.Engine) -> None:
    frame = pd.read_sql(orders_of_app(Decimal(100)), engine)
    assert list(frame.columns) == ["id", "total", "placed_at", "name"]
    assert len(frame) == 50
    table = pd.read_sql_table("region", engine)
    assert len(table) == 12
    chunks = list(pd.read_sql("SELECT id FROM order_line", engine, chunksize=10_000))
    assert len(chunks) > 1


def test_errors_are_sqlalchemys(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        with pytest.raises(sa.exc.ProgrammingError, match='column "totl" does not exist'):
            connection.execute(sa.text("SELECT totl FROM orders"))
        with pytest.raises(sa.exc.DataError, match="division by zero"):
            connection.execute(sa.text("SELECT 1 / (id - id) FROM orders")).all()
        assert connection.execute(sa.text("SELECT 1")).scalar() == 1


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("railforge://me@127.0.0.1/shop", "has no user: the token is its password"),
        ("railforge://127.0.0.1/shop?sslmode=require", "has no sslmode; it has tls, schema"),
        ("railforge://127.0.0.1/shop?tls=maybe", "tls of the URL cannot be used: 'maybe'"),
        ("railforge://127.0.0.1/shop?tls=on&tls=off", "tls of the URL cannot be used"),
        ("railforge://127.0.0.1/shop?timeout=soon", "timeout of the URL cannot be used"),
    ],
)
def test_urls_that_cannot_be_used_are_refused(url: str, said: str) -> None:
    with pytest.raises(sa.exc.ArgumentError, match=said):
        sa.create_engine(url).connect()


@pytest.mark.parametrize(
    ("word", "scheme"),
    [
        *((word, "grpc+tls") for word in ("1", "t", "True", "y", "yes", "ON", "require")),
        *((word, "grpc") for word in ("0", "f", "False", "n", "no", "OFF", "disable")),
    ],
)
def test_tls_is_asked_for_in_any_words(word: str, scheme: str) -> None:
    engine = sa.create_engine(f"railforge://127.0.0.1:1/shop?tls={word}")
    [address], _ = engine.dialect.create_connect_args(engine.url)
    assert address == f"{scheme}://127.0.0.1:1"


def test_an_address_of_ipv6_keeps_its_brackets() -> None:
    engine = sa.create_engine("railforge://[::1]:1/shop")
    [address], _ = engine.dialect.create_connect_args(engine.url)
    assert address == "grpc://[::1]:1"
    with pytest.raises(sa.exc.OperationalError):
        engine.connect().execute(sa.text("SELECT 1"))


def test_the_schema_of_a_url_is_reflected(new_database: NewDatabase, tmp_path: Path, serve: Serve) -> None:
    url = new_database(
        "CREATE SCHEMA sales",
        "CREATE TABLE t (in_public integer)",
        "CREATE TABLE sales.t (id integer PRIMARY KEY, in_sales integer)",
        "CREATE TABLE sales.part (t_id integer REFERENCES sales.t)",
    )
    config = tmp_path / "rail-forge.toml"
    config.write_text(f'[[source]]\nname = "shop"\nurl = "{url}"\nschemas = ["public", "sales"]\n')
    server = serve({}, "--config", str(config))
    refresh(server)
    engine = sa.create_engine(f"railforge://{server.flight.removeprefix('grpc://')}/shop?schema=sales")
    inspector = sa.inspect(engine)
    assert inspector.default_schema_name == "sales"
    assert sorted(inspector.get_table_names()) == ["part", "t"]
    table = sa.Table("t", sa.MetaData(), autoload_with=engine)
    assert table.columns.keys() == ["id", "in_sales"]
    with engine.connect() as connection:
        assert connection.execute(sa.select(table)).all() == []
    [key] = inspector.get_foreign_keys("part")
    assert (key["referred_schema"], key["referred_table"]) == (None, "t")
    [key] = inspector.get_foreign_keys("part", schema="sales")
    assert key["referred_schema"] == "sales"
    assert [column["name"] for column in inspector.get_columns("t", schema="public")] == ["in_public"]
    engine.dispose()


def test_a_url_has_the_token_and_options(shop: Served) -> None:
    address = shop.server.flight.removeprefix("grpc://")
    engine = sa.create_engine(f"railforge://:a-token@{address}/shop?timezone=Asia/Tokyo&timeout=30")
    with engine.connect() as connection:
        shown = connection.execute(sa.text("SELECT (timestamptz '2024-01-01 20:00Z')::date::text")).scalar()
    assert shown == "2024-01-02"
    engine.dispose()
