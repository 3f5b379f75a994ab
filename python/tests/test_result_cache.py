"""Results that the server keeps: given again while their tables are the same, and never afterwards."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg
import pytest
from configuration import configuration, source
from conftest import NO_REFRESH, refresh, run
from waiting import until

import rail_forge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import NewDatabase, Serve

    from rail_forge_testbed.server import RailForgeServer

TABLES = (
    "CREATE TABLE a AS SELECT i AS id, i % 7 AS k, 'text ' || i AS t FROM generate_series(1, 1000) AS i",
    "CREATE TABLE b AS SELECT i AS id FROM generate_series(1, 10) AS i",
    "CREATE TABLE read_live AS SELECT 1 AS id",
)
COUNTS = "SELECT k, count(*) AS n FROM a GROUP BY k ORDER BY k"
# Some seconds on a busy machine, and a second or so at least.
LONG = "SELECT count(*) FROM a AS x, a AS y, b AS z WHERE x.id * y.id % (z.id + 1) = 3"


@pytest.fixture
def url(new_database: NewDatabase) -> str:
    return new_database(*TABLES)


@pytest.fixture
def server(url: str, serve: Serve, tmp_path: Path) -> RailForgeServer:
    settings = source(url, 'mode = "diff"', tables={"public.read_live": 'mode = "live"'})
    started = serve({}, *configuration(tmp_path, settings), *NO_REFRESH)
    refresh(started)
    return started


@pytest.fixture
def client(server: RailForgeServer) -> Iterator[rail_forge.Client]:
    with rail_forge.connect(server.flight) as connected:
        yield connected


def counters(client: rail_forge.Client) -> tuple[int, int]:
    """How many queries found their result, and how many did not."""
    results = client.status().results
    assert results is not None
    return results.hits, results.misses


def kept(client: rail_forge.Client) -> rail_forge.ResultsStatus:
    results = client.status().results
    assert results is not None
    return results


def test_what_is_asked_again_is_there(client: rail_forge.Client) -> None:
    first = client.sql(COUNTS).arrow()
    hits, misses = counters(client)
    again = client.sql(COUNTS)
    assert again.arrow() == first
    assert again.schema == first.schema
    assert counters(client) == (hits + 1, misses)


def test_parameters_and_sessions_have_results_of_their_own(
    server: RailForgeServer, client: rail_forge.Client
) -> None:
    query = "SELECT id, t FROM a WHERE id = $1"
    assert [client.sql(query, [number]).rows() for number in (1, 2, 1)] == [
        [(1, "text 1")],
        [(2, "text 2")],
        [(1, "text 1")],
    ]
    day = "SELECT extract(hour FROM timestamptz '2024-01-01 12:00:00+00') FROM b WHERE id = 1"
    with rail_forge.connect(server.flight, timezone="Asia/Tokyo") as other:
        assert [[int(hour) for (hour,) in each.sql(day).rows()] for each in (client, other)] == [[12], [21]]


def test_moments_with_and_without_a_time_zone_are_not_the_same(server: RailForgeServer) -> None:
    aware = datetime(2024, 2, 29, 12, tzinfo=UTC)
    naive = aware.replace(tzinfo=None)
    with rail_forge.connect(server.flight, timezone="Asia/Tokyo") as client:
        texts = [client.sql("SELECT max($1)::text FROM a", [value]).rows() for value in (naive, aware, naive)]
    assert texts == [[("2024-02-29 12:00:00",)], [("2024-02-29 21:00:00+09",)], [("2024-02-29 12:00:00",)]]


def test_a_changed_table_is_read_again_and_another_is_not(
    url: str, server: RailForgeServer, client: rail_forge.Client
) -> None:
    other = "SELECT sum(id) FROM b"
    before = client.sql(COUNTS).rows()
    assert client.sql(other).rows() == [(55,)]
    run(url, "INSERT INTO a VALUES (1001, 0, 'new')")
    refresh(server)
    hits, misses = counters(client)
    assert client.sql(other).rows() == [(55,)]
    assert counters(client) == (hits + 1, misses)
    assert client.sql(COUNTS).rows() == [(before[0][0], before[0][1] + 1), *before[1:]]
    assert counters(client) == (hits + 1, misses + 1)


def test_what_has_not_changed_is_as_fresh_as_its_table(
    server: RailForgeServer, client: rail_forge.Client
) -> None:
    first = client.sql(COUNTS)
    first.arrow()
    refresh(server)
    hits, misses = counters(client)
    second = client.sql(COUNTS)
    assert second.arrow() == first.arrow()
    assert first.as_of is not None
    assert second.as_of is not None
    assert second.as_of.time > first.as_of.time
    assert counters(client) == (hits + 1, misses)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT now(), count(*) FROM b",
        "SELECT id FROM b WHERE 'now'::timestamptz > '2000-01-01'",
        "SELECT id FROM b ORDER BY random()",
        "SELECT gen_random_uuid() FROM b",
        "SELECT (SELECT random()) FROM b",
        "SELECT id FROM read_live",
        "SELECT b.id FROM b JOIN read_live USING (id)",
        "SELECT count(*) FROM information_schema.tables",
        "EXPLAIN SELECT id FROM b",
        "EXPLAIN ANALYZE SELECT id FROM b",
    ],
)
def test_what_is_not_the_same_each_time_is_not_kept(query: str, client: rail_forge.Client) -> None:
    before = kept(client)
    for _ in range(2):
        client.sql(query).arrow()
    assert kept(client) == before


@pytest.mark.parametrize(
    "query",
    ["SELECT id FROM b WHERE current_date > '2000-01-01'", "SELECT id FROM b WHERE 'today'::text <> ''"],
)
def test_a_day_is_the_same_for_a_while(query: str, client: rail_forge.Client) -> None:
    client.sql(query).arrow()
    hits, misses = counters(client)
    client.sql(query).arrow()
    assert counters(client) == (hits + 1, misses)


def test_a_client_can_have_it_computed_anew(client: rail_forge.Client) -> None:
    first = client.sql(COUNTS).arrow()
    hits, misses = counters(client)
    assert client.sql(COUNTS, cache=False).arrow() == first
    assert counters(client) == (hits, misses + 1)
    assert client.sql(COUNTS).arrow() == first
    assert counters(client) == (hits + 1, misses + 1)


def test_errors_are_not_kept(client: rail_forge.Client) -> None:
    before = kept(client).results
    for _ in range(2):
        with pytest.raises(rail_forge.QueryError, match="division by zero"):
            client.sql("SELECT 1 / (id - 1) FROM b").arrow()
    assert kept(client).results == before


def test_identical_queries_at_one_time_are_computed_once(client: rail_forge.Client) -> None:
    clients = 6
    hits, misses = counters(client)
    with ThreadPoolExecutor(clients) as threads:
        results = list(threads.map(lambda _: client.sql(LONG).rows(), range(clients)))
    assert len(set(map(tuple, results))) == 1
    assert counters(client)[1] == misses + 1
    assert counters(client)[0] >= hits + clients - 1


def test_who_waits_for_one_that_goes_away_is_answered(
    url: str, server: RailForgeServer, client: rail_forge.Client
) -> None:
    with psycopg.connect(url) as reference:
        wanted = reference.execute(LONG.encode()).fetchall()
    with rail_forge.connect(server.flight) as first, ThreadPoolExecutor(2) as threads:
        misses = counters(client)[1]
        abandoned = first.sql(LONG)
        reading = threads.submit(lambda: next(abandoned.batches()))
        until(lambda: counters(client)[1] > misses, "the first is being computed")
        waiting = threads.submit(lambda: client.sql(LONG).rows())
        abandoned.close()
        assert waiting.result() == wanted
        assert reading.exception() is None or isinstance(reading.exception(), rail_forge.Error)


def test_results_keep_within_their_memory(url: str, serve: Serve) -> None:
    server = serve({"shop": url}, "--result-cache-memory", "128KiB")
    refresh(server)
    with rail_forge.connect(server.flight) as client:
        for number in range(40):
            assert client.sql("SELECT t FROM a WHERE id > $1 LIMIT 300", [number]).arrow().num_rows == 300
            assert kept(client).bytes <= kept(client).limit_bytes == 128 << 10
        assert 0 < kept(client).results < 40
        hits, misses = counters(client)
        # The last is still there, and what takes more than its share never was.
        client.sql("SELECT t FROM a WHERE id > $1 LIMIT 300", [39]).arrow()
        assert counters(client)[0] > hits
        for _ in range(2):
            assert client.sql("SELECT a.* FROM a, b").arrow().num_rows == 10_000
        assert counters(client)[1] == misses + 2


def test_no_memory_keeps_nothing(url: str, serve: Serve) -> None:
    server = serve({"shop": url}, "--result-cache-memory", "0B")
    refresh(server)
    with rail_forge.connect(server.flight) as client:
        for _ in range(2):
            assert client.sql("SELECT count(*) FROM a").rows() == [(1000,)]
        assert kept(client) == rail_forge.ResultsStatus(limit_bytes=0, bytes=0, results=0, hits=0, misses=0)


def test_a_result_can_be_asked_to_be_fresh(url: str, client: rail_forge.Client) -> None:
    count = "SELECT count(*) FROM b"
    assert client.sql(count).rows() == [(10,)]
    run(url, "INSERT INTO b VALUES (11)")
    assert client.sql(count).rows() == [(10,)]
    assert client.sql(count, max_staleness=3600).rows() == [(10,)]
    assert client.sql(count, max_staleness=0).rows() == [(11,)]
    run(url, "INSERT INTO b VALUES (12)")
    assert client.sql("SELECT count(*) FROM b WHERE id > $1", [0], max_staleness=0).rows() == [(12,)]
    with pytest.raises(ValueError, match="max_staleness must be 0 seconds or more"):
        client.sql(count, max_staleness=-1)


def test_a_table_of_any_name_can_be_asked_to_be_fresh(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    names = ('"Order"', '"Gift Wrap"', '"é.1"')
    url = new_database(*(f"CREATE TABLE {name} AS SELECT 1 AS id" for name in names))
    server = serve({}, *configuration(tmp_path, source(url)), *NO_REFRESH)
    refresh(server)
    with rail_forge.connect(server.flight) as client:
        for name in names:
            run(url, f"INSERT INTO {name} VALUES (2)")
            assert client.sql(f"SELECT count(*) FROM {name}", max_staleness=0).rows() == [(2,)]


def test_a_table_that_cannot_be_made_fresh_is_said_so(url: str, client: rail_forge.Client) -> None:
    run(url, "REVOKE ALL ON b FROM PUBLIC", "ALTER TABLE b RENAME TO gone")
    with pytest.raises(rail_forge.Error, match="b"):
        client.sql("SELECT count(*) FROM b", max_staleness=0)
    assert client.sql("SELECT count(*) FROM b").rows() == [(10,)]
