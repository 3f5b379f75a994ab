"""A parameter of each Python type means to RailForge what it means to PostgreSQL."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from comparison import first_difference, reference_rows

import rail_forge

if TYPE_CHECKING:
    import psycopg

NEW_YEAR = datetime(2024, 1, 1, tzinfo=UTC)

SELECTED = [
    None,
    True,
    0,
    -(2**63),
    2**63 - 1,
    1.5,
    float("nan"),
    float("-inf"),
    Decimal("-12.340"),
    Decimal("9" * 38),
    "",
    "Grüße, 世界 '\" \\ $1 😀",
    b"\x00\xff",
    b"",
    date(1, 1, 1),
    date(9999, 12, 31),
    time(23, 59, 59, 999999),
    datetime(2026, 11, 20, 12, 0, 0, 123456),  # noqa: DTZ001 - a naive datetime is what is tested
    datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=-5))),
    timedelta(days=3, hours=2, microseconds=1),
    [1, None, 2],
    [1.5, None],
    [True, False],
]

# Values of other libraries, and those of Python that they stand for.
ALIKE = [
    (pd.NaT, None),
    (pd.NA, None),
    (pd.Timestamp(NEW_YEAR), NEW_YEAR),
    (np.datetime64("NaT"), None),
    (np.datetime64("2024-02-29"), date(2024, 2, 29)),
    (np.datetime64("2024-02-29T12"), datetime(2024, 2, 29, 12)),  # noqa: DTZ001 - numpy's have no time zone
    (np.array([1, 2]), [1, 2]),
    (pd.Series([1, None], dtype="Int64"), [1, None]),
    (pd.Index([1, 2]), [1, 2]),
    (pl.Series([1.5, None]), [1.5, None]),
    (pa.array([True, False]), [True, False]),
]

COMPARED = [
    ("SELECT id FROM orders WHERE id = $1", 17),
    ("SELECT id FROM orders WHERE id < $1 ORDER BY id", 17.5),
    ("SELECT id FROM orders WHERE id < $1 ORDER BY id", Decimal("17.5")),
    ("SELECT id FROM orders WHERE total = $1 ORDER BY id", Decimal("215.00")),
    ("SELECT id FROM orders WHERE total > $1 ORDER BY id", Decimal("1500.005")),
    ("SELECT id FROM orders WHERE total > $1 ORDER BY id", 1500),
    ("SELECT id FROM orders WHERE total > $1 ORDER BY id", 1500.25),
    ("SELECT id FROM orders WHERE status = $1 ORDER BY id", "returned"),
    ("SELECT id FROM orders WHERE coupon = $1 ORDER BY id", "it's none"),
    ("SELECT id FROM orders WHERE coupon = $1 ORDER BY id", None),
    ("SELECT id FROM orders WHERE coupon IS NOT DISTINCT FROM $1 ORDER BY id", None),
    ("SELECT id FROM orders WHERE placed_at < $1 ORDER BY id", NEW_YEAR),
    (
        "SELECT id FROM orders WHERE placed_at < $1 ORDER BY id",
        NEW_YEAR.astimezone(timezone(timedelta(hours=9))),
    ),
    ("SELECT id FROM orders WHERE placed_at < $1 ORDER BY id", date(2024, 1, 1)),
    ("SELECT id FROM orders WHERE placed_at < $1 ORDER BY id", "2024-01-01 00:00:00+02"),
    ("SELECT id FROM orders WHERE delivered_on = $1 ORDER BY id", date(2024, 3, 1)),
    ("SELECT id FROM orders WHERE delivered_on = $1 ORDER BY id", "2024-03-01"),
    ("SELECT id FROM product WHERE is_active = $1 ORDER BY id", False),
    ("SELECT id FROM product WHERE rating > $1 ORDER BY id", 4.25),
    ("SELECT id FROM product WHERE weight_kg > $1 ORDER BY id", 3),
    ("SELECT id FROM product WHERE $1 = ANY(tags) ORDER BY id", "bestseller"),
    ("SELECT id FROM product WHERE stock = ANY($1) ORDER BY id", [1, 2, 3]),
    ("SELECT id FROM orders WHERE channel = ANY($1) ORDER BY id", ["app", "phone"]),
    ("SELECT id FROM customer WHERE name LIKE $1 ORDER BY id", "%ü%"),
    ("SELECT id FROM region WHERE currency = $1 ORDER BY id", "EUR"),
    ("SELECT id FROM region WHERE utc_offset_hours BETWEEN $1 AND 2 ORDER BY id", -1),
    ("SELECT id FROM orders ORDER BY id LIMIT $1", 3),
    ("SELECT id FROM orders ORDER BY id LIMIT 2 OFFSET $1", 3),
    ("SELECT id, $1 + 1 AS next FROM region ORDER BY id", 41),
    ("SELECT $1::text[] AS texts", ["a", None, ""]),
    ("SELECT CASE WHEN total > $1 THEN 'much' ELSE 'little' END FROM orders ORDER BY id", Decimal(100)),
]


@pytest.mark.parametrize("value", SELECTED, ids=repr)
def test_a_selected_parameter_comes_back(
    value: object, client: rail_forge.Client, shop_reference: psycopg.Connection
) -> None:
    got = client.sql("SELECT $1 AS v", [value]).rows()
    assert first_difference(got, reference_rows(shop_reference, "SELECT $1 AS v", [value])) is None


@pytest.mark.parametrize(("value", "plain"), ALIKE, ids=lambda value: type(value).__name__)
def test_a_parameter_of_another_library_is_what_it_stands_for(
    value: object, plain: object, client: rail_forge.Client, shop_reference: psycopg.Connection
) -> None:
    got = client.sql("SELECT $1 AS v", [value]).rows()
    assert first_difference(got, reference_rows(shop_reference, "SELECT $1 AS v", [plain])) is None


@pytest.mark.parametrize(("sql", "value"), COMPARED)
def test_a_compared_parameter_finds_the_same_rows(
    sql: str, value: object, client: rail_forge.Client, shop_reference: psycopg.Connection
) -> None:
    wanted = reference_rows(shop_reference, sql, [value])
    assert first_difference(client.sql(sql, [value]).rows(), wanted) is None


def test_a_uuid_finds_its_row(client: rail_forge.Client, shop_reference: psycopg.Connection) -> None:
    [(text,)] = reference_rows(shop_reference, "SELECT public_id::text FROM customer WHERE id = 7")
    sql = "SELECT id FROM customer WHERE public_id = $1"
    assert client.sql(sql, [UUID(str(text))]).rows() == [(7,)]
    assert client.sql("SELECT $1 AS v", [UUID(str(text))]).rows() == [(text,)]


def test_parameters_keep_their_places(client: rail_forge.Client, shop_reference: psycopg.Connection) -> None:
    sql = (
        "SELECT id FROM orders WHERE (id BETWEEN $2 AND $3 OR customer_id = $2) AND channel <> $1 ORDER BY id"
    )
    params = ["app", 10, 90]
    assert client.sql(sql, params).rows() == reference_rows(shop_reference, sql, params)


@pytest.mark.parametrize(
    ("sql", "params", "text"),
    [
        ("SELECT id FROM orders WHERE id = $1", [], "1 parameter.*none"),
        ("SELECT id FROM orders WHERE id = $1", [1, 2], "1 parameter.*2 were given"),
        ("SELECT id FROM orders WHERE id = $1 OR id = $3", [1], "3 parameters.*1 was given"),
        ("SELECT id FROM orders", [1], "0 parameters.*1 was given"),
        ("SELECT id FROM orders WHERE id = $1", ["soon"], r"parameter \$1.*soon"),
        ("SELECT id FROM orders WHERE placed_at = $1", ["soon"], r"parameter \$1.*soon"),
        ("SELECT id FROM orders WHERE total = $1", [True], r"parameter \$1.*(Boolean|boolean)"),
        ("SELECT id FROM orders WHERE coupon = $1", [5], r"parameter \$1"),
        ("SELECT id FROM orders WHERE placed_at = $1", [5], r"parameter \$1"),
        ("SELECT id FROM orders WHERE id = :name", [5], ":"),
        ("SELECT id FROM orders WHERE id = $name", [5], r"\$name.*\$1, \$2"),
    ],
)
def test_wrong_parameters_are_named(
    sql: str, params: list[object], text: str, client: rail_forge.Client
) -> None:
    with pytest.raises(rail_forge.QueryError, match=text):
        client.sql(sql, params).rows()


def test_a_parameter_is_never_part_of_the_text(client: rail_forge.Client) -> None:
    hostile = "' OR 1 = 1; DROP TABLE orders; --"
    assert client.sql("SELECT id FROM customer WHERE name = $1", [hostile]).rows() == []


def test_a_large_parameter_is_sent(client: rail_forge.Client) -> None:
    large = "ä" * 1_000_000
    assert client.sql("SELECT length($1) AS n", [large]).rows() == [(1_000_000,)]
    with pytest.raises(rail_forge.ServerError, match="parameters have more than"):
        client.sql("SELECT length($1) AS n", [large * 3])
