"""How many queries run at a time: the others wait, and a slow reader does not keep them waiting."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from conftest import refresh
from waiting import until

import rail_forge

if TYPE_CHECKING:
    from conftest import NewDatabase, Serve

    from rail_forge_testbed.server import RailForgeServer

# Until its client goes away.
ENDLESS = "SELECT count(*) FROM n AS a, n AS b, n AS c WHERE a.id + b.id + c.id = -{}"
COUNT = "SELECT count(*) FROM n WHERE id <> {}"
ROWS = 20_000


@pytest.fixture(scope="module")
def url(new_database: NewDatabase) -> str:
    return new_database(
        f"""CREATE TABLE n AS SELECT i AS id, repeat(md5(i::text), 30) AS t
            FROM generate_series(1, {ROWS}) AS i"""
    )


def start(url: str, serve: Serve, places: int, patience: str) -> RailForgeServer:
    server = serve({"shop": url}, "--max-queries", f"{places}", "--queue-timeout", patience)
    refresh(server)
    return server


def computed(client: rail_forge.Client) -> int:
    """How many results were computed, or are being computed."""
    results = client.status().results
    assert results is not None
    return results.misses


class Running:
    """A query that has a place until it is closed."""

    def __init__(
        self, server: RailForgeServer, threads: ThreadPoolExecutor, query: str, priority: str
    ) -> None:
        self._client = rail_forge.connect(server.flight, priority=priority)  # type: ignore[arg-type]
        before = computed(self._client)
        self._result = self._client.sql(query)
        self._reading = threads.submit(lambda: list(self._result.batches()))
        until(lambda: computed(self._client) > before, "the query runs")

    def close(self) -> None:
        self._result.close()
        assert isinstance(self._reading.exception(), rail_forge.Error)
        self._client.close()


def there_is_a_place(client: rail_forge.Client, query: str) -> bool:
    try:
        rows = client.sql(query).rows()
    except rail_forge.ServerUnavailable:
        return False
    assert rows == [(ROWS - 1,)]
    return True


def test_who_finds_no_place_in_time_is_told(url: str, serve: Serve) -> None:
    server = start(url, serve, 1, "200ms")
    with rail_forge.connect(server.flight) as client, ThreadPoolExecutor(1) as threads:
        assert client.sql(COUNT.format(0)).rows() == [(ROWS,)]
        running = Running(server, threads, ENDLESS.format(1), "interactive")
        with pytest.raises(rail_forge.ServerUnavailable, match="the server is busy: 1 queries run"):
            client.sql(COUNT.format(1)).rows()
        # What was computed before needs no place.
        assert client.sql(COUNT.format(0)).rows() == [(ROWS,)]
        running.close()
        until(lambda: there_is_a_place(client, COUNT.format(2)), "there is a place again")


def test_who_waits_comes_next(url: str, serve: Serve) -> None:
    server = start(url, serve, 1, "1m")
    with rail_forge.connect(server.flight) as client, ThreadPoolExecutor(2) as threads:
        running = Running(server, threads, ENDLESS.format(2), "interactive")
        before = computed(client)
        waiting = threads.submit(lambda: client.sql(COUNT.format(3)).rows())
        until(lambda: computed(client) > before, "the other waits")
        assert not waiting.done()
        running.close()
        assert waiting.result() == [(ROWS - 1,)]


def test_batch_jobs_leave_a_place(url: str, serve: Serve) -> None:
    server = start(url, serve, 2, "200ms")
    batch = rail_forge.connect(server.flight, priority="batch")
    with batch, rail_forge.connect(server.flight) as client, ThreadPoolExecutor(1) as threads:
        running = Running(server, threads, ENDLESS.format(3), "batch")
        with pytest.raises(rail_forge.ServerUnavailable, match="the server is busy"):
            batch.sql(COUNT.format(4)).rows()
        assert client.sql(COUNT.format(4)).rows() == [(ROWS - 1,)]
        running.close()
    with pytest.raises(ValueError, match="priority must be one of interactive, batch"):
        rail_forge.connect(server.flight, priority="high")  # type: ignore[arg-type]


def test_a_slow_reader_gives_its_place_to_others(url: str, serve: Serve) -> None:
    server = start(url, serve, 1, "10s")
    with rail_forge.connect(server.flight) as slow, rail_forge.connect(server.flight) as client:
        batches = slow.sql("SELECT a.id, a.t FROM n AS a, generate_series(1, 50) AS s").batches()
        read = next(batches).num_rows
        assert client.sql(COUNT.format(5)).rows() == [(ROWS - 1,)]
        assert read + sum(batch.num_rows for batch in batches) == 50 * ROWS
