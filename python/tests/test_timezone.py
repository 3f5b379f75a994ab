"""The time zone of a session: what depends on it is as in a PostgreSQL session with that zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

import rail_forge
from rail_forge_testbed.answers import Rows, answer_of_postgres, answer_of_rail_forge, difference

if TYPE_CHECKING:
    from conftest import Served

ZONES = ["America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC", "EST5EDT", "europe/berlin"]
STATEMENTS = [
    "SELECT placed_at::text, placed_at::date, placed_at::timestamp, placed_at::time FROM orders ORDER BY id",
    "SELECT date_trunc('day', placed_at)::text, count(*) FROM orders GROUP BY 1 ORDER BY 1 LIMIT 50",
    "SELECT extract(hour FROM placed_at), extract(timezone FROM placed_at), count(*) FROM orders"
    " GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT count(*) FROM orders WHERE extract(year FROM placed_at) = 2024",
    "SELECT count(*) FROM orders WHERE placed_at::date = '2024-03-10'",
    "SELECT count(*) FROM orders WHERE placed_at >= '2024-03-10' AND placed_at < timestamp '2024-03-11'",
    "SELECT count(*) FROM orders WHERE date_trunc('month', placed_at) = '2024-03-01'",
    "SELECT (timestamptz '2024-03-10 01:30' + interval '1 day')::text, timestamptz '2024-11-03 01:30'::text",
    "SELECT timestamp '2024-07-01 12:00'::timestamptz::text, date '2024-01-01'::timestamptz::text",
    "SELECT to_char(placed_at, 'YYYY-MM-DD HH24:MI TZ OF') FROM orders ORDER BY id LIMIT 50",
    "SELECT age(timestamptz '2024-03-10 12:00', '2024-01-31')::text",
    "SELECT make_timestamptz(2024, 6, 1, 12, 0, 0)::text",
    "SELECT to_jsonb(placed_at)::text FROM orders ORDER BY id LIMIT 20",
]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("sql", STATEMENTS)
def test_a_session_has_its_zone(sql: str, zone: str, shop: Served) -> None:
    with (
        psycopg.connect(shop.url, autocommit=True, options=f"-c timezone={zone}") as reference,
        rail_forge.connect(shop.server.flight, timezone=zone) as client,
    ):
        wanted = answer_of_postgres(reference, sql)
        got = answer_of_rail_forge(client, sql)
    assert isinstance(wanted, Rows), wanted
    assert isinstance(got, Rows), got
    assert difference(got, wanted, in_order=True) is None


def test_an_unknown_zone_is_named(shop: Served) -> None:
    with (
        rail_forge.connect(shop.server.flight, timezone="Mars/Olympus") as client,
        pytest.raises(rail_forge.QueryError, match="Mars/Olympus"),
    ):
        client.sql("SELECT 1")
