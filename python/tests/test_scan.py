"""`client.scan`: a LazyFrame gives what Polars gives of the whole table, sent as far as it is needed."""

from __future__ import annotations

import os
import random
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
import pytest
from comparison import connect_as_reference, reference_rows
from conftest import refresh, run
from polars.testing import assert_frame_equal

import rail_forge

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import NewDatabase, Serve, Served

c = pl.col

# What each predicate is called, whether it is sent whole, and what it is.
PREDICATES: dict[str, tuple[bool, pl.Expr]] = {
    "equal": (True, c.id == 7),
    "unequal": (True, c.channel != "app"),
    "texts in order": (True, c.channel > "m"),
    "numbers": (True, (c.id > 10) & (c.id <= 500) & (c.customer_id < 400)),
    "or": (True, (c.channel == "app") | (c.coupon == "WELCOME10") | (c.id < 5)),
    "not": (True, ~((c.channel == "app") | (c.id < 100))),
    "null": (True, c.coupon.is_null() & c.shipped_at.is_not_null()),
    "decimals": (True, c.total >= Decimal("250.50")),
    "decimals and integers": (True, c.total < 20),
    "dates": (True, c.delivered_on >= date(2024, 2, 29)),
    "moments": (True, c.placed_at < datetime(2023, 3, 1, 12, tzinfo=UTC)),
    "in": (True, c.channel.is_in(["app", "phone"]) & c.id.is_in([1, 2, 3, 900])),
    "in one": (True, c.id.is_in([3])),
    "in nothing": (False, c.id.is_in([])),
    "between": (True, c.id.is_between(10, 20) & c.total.is_between(Decimal(10), Decimal(500), closed="none")),
    "starts with": (True, c.note.str.starts_with("Please")),
    "ends with": (True, c.note.str.ends_with(".")),
    "contains": (True, c.note.str.contains("%_\\", literal=True) | c.note.str.contains("gift", literal=True)),
    "a pattern": (False, c.note.str.contains("^P.*[aeiou]")),
    "arithmetic": (False, (c.id % 7 == 3) & (c.channel == "app")),
    "two columns": (False, (c.customer_id > c.region_id * 100) & (c.id < 1000)),
    "a float and integers": (False, c.id < 10.5),
    "infinity": (False, c.id < float("inf")),
    "not a number": (False, (c.id > pl.lit(float("nan"))) | (c.id == 3)),
    "an integer beyond 64 bits": (False, c.id < 2**70),
    "a moment beyond those of UTC": (True, c.placed_at < datetime(9999, 12, 31, 23, 59, tzinfo=UTC)),
    "NULL among others": (False, c.id.is_in([1, None, 3])),
    "in many": (True, c.id.is_in(range(5, 400_000, 3))),
    "not in many": (True, ~c.id.is_in(range(5, 400_000, 3))),
    "in many texts": (True, c.channel.is_in(["app", *(f"channel {n}" for n in range(20_000))])),
    "in many decimals": (True, c.total.is_in([Decimal(n) / 100 for n in range(40_000)])),
    "in many dates": (True, c.delivered_on.is_in([date.fromordinal(738_000 + n) for n in range(12_000)])),
    "in more than the server takes": (False, c.channel.is_in(["app", *(f"{n:0500}" for n in range(9_000))])),
    "in more, and else": (True, c.note.is_in([f"{n:0500}" for n in range(11_000)]) & (c.channel == "app")),
    "an enum": (False, c.status == "paid"),
    "a function or what is known": (False, (c.channel.str.len_chars() > 4) | (c.id < 10)),
    "a cast": (False, c.total.cast(pl.Float64) > 300.25),
}


@pytest.fixture(scope="module")
def orders(client: rail_forge.Client) -> pl.DataFrame:
    return client.sql("SELECT * FROM orders").polars()


@pytest.fixture
def asked(client: rail_forge.Client, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The queries that the client sends."""
    sent: list[str] = []
    sql = client.sql

    def noted(query: str, *arguments: Any, **named: Any) -> rail_forge.Result:
        sent.append(query)
        return sql(query, *arguments, **named)

    monkeypatch.setattr(client, "sql", noted)
    return sent


@pytest.mark.parametrize("name", PREDICATES)
def test_rows_are_those_that_polars_finds(
    name: str, client: rail_forge.Client, orders: pl.DataFrame, asked: list[str]
) -> None:
    is_whole, predicate = PREDICATES[name]
    wanted = orders.filter(predicate).sort("id")
    got = client.scan("orders").filter(predicate).collect().sort("id")
    assert_frame_equal(got, wanted)
    [sent] = asked
    assert (" WHERE " in sent) or not is_whole
    assert client.scan("orders").filter(predicate).head(3).collect().height == min(3, wanted.height)


def test_the_server_sends_the_columns_and_the_limit(client: rail_forge.Client, asked: list[str]) -> None:
    scanned = client.scan("orders")
    assert scanned.select("total", "id").collect().columns == ["total", "id"]
    assert scanned.filter(c.channel == "app").select(c.total.sum()).collect().height == 1
    assert scanned.head(5).collect().height == 5
    assert scanned.select("id").slice(2, 3).collect().height == 3
    assert asked[0] == 'SELECT "id", "total" FROM "shop"."public"."orders"'
    assert (
        asked[1] == 'SELECT "channel", "total" FROM "shop"."public"."orders" WHERE "channel" COLLATE "C" = $1'
    )
    assert asked[2].endswith(" LIMIT 5")


# What asks for no column, or for the first rows, before or after a predicate.
OPERATIONS: dict[str, Callable[[pl.LazyFrame], pl.LazyFrame]] = {
    "rows, then a predicate": lambda t: t.head(3).filter(c.id > 1),
    "rows, then a predicate that is not sent": lambda t: t.head(3).filter(c.id % 2 == 1),
    "rows, then both": lambda t: t.head(4).filter(c.id > 1, c.id % 2 == 1),
    "rows, then a predicate, then rows": lambda t: t.head(4).filter(c.id > 1).head(1),
    "a predicate, then rows": lambda t: t.filter(c.id > 1).head(2),
    "a predicate, then rows, then a predicate": lambda t: t.filter(c.id > 1).head(2).filter(c.id > 2),
    "rows behind others": lambda t: t.slice(1, 3).filter(c.id > 1),
    "no rows": lambda t: t.head(0).filter(c.id > 1),
    "a row index": lambda t: t.with_row_index().select("index"),
    "a row index of rows": lambda t: t.head(3).with_row_index().select("index"),
    "a range": lambda t: t.select(pl.int_range(pl.len())),
    "a range of what a predicate leaves": lambda t: t.filter(c.id > 1).select(pl.int_range(pl.len())),
    "a range of nothing": lambda t: t.filter(pl.lit(False)).select(pl.int_range(pl.len())),  # noqa: FBT003 - a value
    "a number": lambda t: t.select(pl.len()),
    "a constant": lambda t: t.select(pl.lit(7).alias("seven"), pl.int_range(pl.len()).alias("n")),
    "no column": lambda t: t.drop("id", "name"),
}


@pytest.mark.parametrize("engine", ["in-memory", "streaming"])
def test_operations_are_in_the_order_in_which_they_are_written(
    engine: Literal["in-memory", "streaming"], new_database: NewDatabase, serve: Serve
) -> None:
    url = new_database(
        "CREATE TABLE t (id int, name text)",
        "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, NULL), (NULL, 'd'), (5, 'e')",
    )
    server = serve({"shop": url})
    refresh(server)
    with rail_forge.connect(server.flight) as client:
        whole = client.sql("SELECT * FROM t").polars()
        for name, operation in OPERATIONS.items():
            got = operation(client.scan("t")).collect(engine=engine)
            wanted = operation(whole.lazy()).collect(engine=engine)
            assert got.shape == wanted.shape, name
            assert got.equals(wanted), name


def test_a_predicate_on_the_first_rows_is_sent(client: rail_forge.Client, asked: list[str]) -> None:
    client.scan("orders").select("id").head(3).filter(c.id > 1).collect()
    assert asked == [
        'SELECT "id" FROM (SELECT "id" FROM "shop"."public"."orders" LIMIT 3) AS head WHERE "id" > $1'
    ]


def test_joins_and_groups_are_polars(client: rail_forge.Client, shop: Served) -> None:
    frame = (
        client.scan("orders")
        .join(client.scan("region"), left_on="region_id", right_on="id")
        .group_by("name")
        .agg(pl.len().alias("n"), c.total.sum().alias("total"))
        .sort("name")
        .collect()
    )
    wanted = client.sql(
        "SELECT r.name, count(*) AS n, sum(total) AS total FROM orders o JOIN region r ON r.id = region_id"
        ' GROUP BY r.name ORDER BY r.name COLLATE "C"'
    ).polars()
    assert frame["n"].sum() == shop.rows["orders"]
    assert frame["name"].to_list() == wanted["name"].to_list()
    assert frame["total"].to_list() == wanted["total"].to_list()


def test_streaming_reads_batch_by_batch(client: rail_forge.Client, shop: Served) -> None:
    counted = client.scan("order_line").select(c.quantity.sum()).collect(engine="streaming")
    assert counted.item() == client.sql("SELECT sum(quantity)::bigint FROM order_line").rows()[0][0]
    assert client.scan("order_line").collect(engine="streaming").height == shop.rows["order_line"]


def test_every_type_and_odd_names(client: rail_forge.Client) -> None:
    products = client.scan("product").collect().sort("id")
    assert_frame_equal(products, client.sql("SELECT * FROM product ORDER BY id").polars())
    odd = (
        client.scan("Gift Wrap").filter(c("select") > 1, c("Größe") != "x").select("it's", "Größe").collect()
    )
    assert odd.columns == ["it's", "Größe"]
    assert "RAILFORGE SCAN" in client.scan("Gift Wrap").explain()
    with pytest.raises(rail_forge.NotFoundError, match='no table "ordres" in the schema "public"'):
        client.scan("ordres")


def assert_same_rows(client: rail_forge.Client, *predicates: pl.Expr) -> None:
    """A scan of the table `t` has the rows that Polars finds in the whole of it."""
    whole = client.sql("SELECT * FROM t").polars()
    for predicate in predicates:
        got = client.scan("t").filter(predicate).collect().sort("id")
        assert_frame_equal(got, whole.filter(predicate).sort("id"), check_exact=True)


def test_collations_do_not_hide_rows(new_database: NewDatabase, serve: Serve) -> None:
    """A text that PostgreSQL takes for equal, and Polars does not."""
    url = new_database(
        "CREATE TABLE t (id int, name text, code char(4), tag uuid)",
        "INSERT INTO t VALUES (1, 'a', 'x', gen_random_uuid()), (2, 'A', 'x ', NULL)",
        "INSERT INTO t VALUES (3, 'b', NULL, NULL), (4, NULL, 'y', NULL)",
    )
    server = serve({"shop": url})
    refresh(server)
    with rail_forge.connect(server.flight) as client:
        assert_same_rows(
            client,
            c.name != "a",
            c.name < "b",
            c.code == "x   ",
            c.code == "x",
            c.tag == "x",
            c.name == "A",
        )
        assert client.scan("t").filter(c.id < 0).collect().height == 0


def test_floats_are_compared_as_polars_does(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database(
        "CREATE TABLE t (id int, x float8)",
        "INSERT INTO t VALUES (1, 'NaN'), (2, 'Infinity'), (3, '-Infinity'), (4, '-0'), (5, 0)",
        "INSERT INTO t VALUES (6, 2.5), (7, NULL)",
    )
    server = serve({"shop": url})
    refresh(server)
    nan, infinity = pl.lit(float("nan")), float("inf")
    with rail_forge.connect(server.flight) as client:
        assert_same_rows(
            client,
            c.x == infinity,
            c.x < infinity,
            c.x.is_between(-infinity, 2.5),
            ~(c.x > -infinity),
            c.x == nan,
            (c.x != nan) & (c.id > 1),
            c.x.is_in([infinity, 2.5]),
            ~c.x.is_in([float("nan"), 0.0]),
            c.x == 0.0,
            c.x >= 2.5,
            c.x.is_in([n / 2 for n in range(12_000)]),
            ~c.x.is_in([n / 2 for n in range(12_000)]),
        )


def test_what_polars_has_no_type_for_is_text(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database(
        "CREATE TABLE t (id int, span interval, wide numeric(60,12), wides numeric(50,3)[])",
        "INSERT INTO t VALUES (1, '1 year -2 days 03:04:05.5', 0.000000000001, '{1.5,NULL}')",
        "INSERT INTO t VALUES (2, '-00:00:01', -123456789012345678901234567890, '{}'), (3, NULL, NULL, NULL)",
    )
    server = serve({"shop": url})
    refresh(server)
    with rail_forge.connect(server.flight) as client, connect_as_reference(url) as reference:
        wanted = reference_rows(
            reference, "SELECT id, span::text, wide::text, wides::text[] FROM t ORDER BY id"
        )
        scanned = client.scan("t")
        assert list(scanned.collect_schema().values()) == [pl.Int32, pl.String, pl.String, pl.List(pl.String)]
        assert scanned.collect().sort("id").rows() == wanted
        assert scanned.filter(c.span == "-00:00:01").select("id").collect().rows() == [(2,)]
        assert scanned.filter(c.wide.is_null(), c.id > 1).select("id").collect().rows() == [(3,)]
        assert scanned.select(c.id.sum()).collect().rows() == [(6,)]


def test_a_column_that_a_refresh_changes(new_database: NewDatabase, serve: Serve) -> None:
    """A numeric without a precision has the digits of its values."""
    url = new_database(
        "CREATE TABLE t (id int, number numeric, name text)",
        "INSERT INTO t VALUES (1, 123.25, 'a'), (2, 4, 'b')",
    )
    server = serve({"shop": url})
    refresh(server)
    with rail_forge.connect(server.flight) as client:

        def changed(*statements: str) -> None:
            run(url, *statements)
            refresh(server)

        scanned = client.scan("t")
        schema = scanned.collect_schema()
        changed("UPDATE t SET number = 12.5")  # fewer digits fit
        assert scanned.collect().schema == schema
        assert scanned.select("number").collect().rows() == [(Decimal("12.5"),)] * 2
        changed("UPDATE t SET number = 1.2345")
        with pytest.raises(
            rail_forge.QueryError, match=r'"number" of "shop"."public"."t" .*numeric.*: call scan\(\) again'
        ):
            scanned.collect()
        with pytest.raises(rail_forge.QueryError, match="call scan"):
            scanned.select("number").collect(engine="streaming")
        assert scanned.select("id").collect().height == 2
        assert client.scan("t").select("number").collect().rows() == [(Decimal("1.2345"),)] * 2
        changed("UPDATE t SET number = 1234.5")  # which has more of them before the point
        with pytest.raises(rail_forge.QueryError, match="call scan"):
            scanned.select("number").collect()
        scanned = client.scan("t")
        # Another type whose values are texts as well, and compare otherwise.
        changed("ALTER TABLE t ALTER name TYPE char(4)")
        with pytest.raises(rail_forge.QueryError, match=r'"name".* no longer text'):
            scanned.filter(c.name != "a").collect()
        with pytest.raises(rail_forge.QueryError, match='"name"'):
            scanned.select("name").collect()


def test_random_predicates(client: rail_forge.Client, orders: pl.DataFrame) -> None:
    """Whatever is sent, no row is missing and none is too many."""
    seed = int(os.environ.get("RAIL_FORGE_TEST_SEED", random.randrange(1_000_000)))
    chance = random.Random(seed)

    def condition(depth: int) -> pl.Expr:
        kinds: list[Callable[[], pl.Expr]] = [
            lambda: c.id > chance.randrange(2_500),
            lambda: c.total.is_between(Decimal(chance.randrange(100)), Decimal(chance.randrange(100, 900))),
            lambda: c.channel == chance.choice(["app", "web", "store", "phone", "nothing"]),
            c.coupon.is_null,
            lambda: c.coupon != "WELCOME10",
            lambda: c.delivered_on < date(2023 + chance.randrange(3), 1 + chance.randrange(12), 1),
            lambda: c.id % 3 == chance.randrange(3),
            lambda: c.note.str.contains(chance.choice(["a", "%", "_"]), literal=True),
            lambda: c.status == "paid",
        ]
        if depth == 0 or chance.random() < 0.3:
            return chance.choice(kinds)()
        one, other = condition(depth - 1), condition(depth - 1)
        return chance.choice([one & other, one | other, ~one, one & ~other])

    for _ in range(40):
        predicate = condition(3)
        got = client.scan("orders").filter(predicate).select("id").collect()["id"].sort()
        assert got.equals(orders.filter(predicate)["id"].sort()), (seed, str(predicate))
