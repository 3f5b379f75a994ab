"""`client.scan`: a LazyFrame gives what Polars gives of the whole table, sent as far as it is needed."""

from __future__ import annotations

import os
import random
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from conftest import refresh
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
    # A limit is sent where the server filters by the whole predicate.
    client.scan("orders").filter(predicate).head(3).collect()
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
        whole = client.sql("SELECT * FROM t").polars()
        for predicate in (
            c.name != "a",
            c.name < "b",
            c.code == "x   ",
            c.code == "x",
            c.tag == "x",
            c.name == "A",
        ):
            got = client.scan("t").filter(predicate).collect().sort("id")
            assert_frame_equal(got, whole.filter(predicate).sort("id"))
        assert client.scan("t").filter(c.id < 0).collect().height == 0


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
