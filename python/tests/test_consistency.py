"""Every answer is of one moment: money that moves between two tables is never missing or seen twice."""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING

import psycopg
import pytest
from configuration import configuration, source
from conftest import run

import rail_forge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import NewDatabase, Serve

ACCOUNTS = 200
TOTAL = 2 * ACCOUNTS * 1000
# In each mode; a thousand in all.
QUERIES = 340
LEAST_SNAPSHOTS = 10
LONGEST_SECONDS = 300

# `moment` grows with every transfer.
TABLE = """CREATE TABLE {} AS
           SELECT i AS id, 1000::bigint AS balance, 0::bigint AS moment, repeat('x', 500) AS note
           FROM generate_series(1, {}) AS i"""
KEY = "ALTER TABLE {} ADD PRIMARY KEY (id)"
MODES = {
    "full": 'mode = "full"',
    "watermark": 'mode = "watermark", column = "moment", overlap = 20',
    "diff": 'mode = "diff"',
}

QUESTIONS = [
    "SELECT (SELECT sum(balance) FROM here) + (SELECT sum(balance) FROM there)",
    "SELECT sum(balance) FROM (SELECT balance FROM here UNION ALL SELECT balance FROM there) AS both_of_them",
    "SELECT sum(h.balance + t.balance) FROM here h JOIN there t ON h.id = t.id",
]


def transfer(url: str, stop: threading.Event) -> int:
    """Move money from one table to the other and back, one transaction each, until told to stop."""
    chance, transfers = random.Random(), 0
    with psycopg.connect(url) as connection:
        while not stop.is_set():
            transfers += 1
            giver, taker = chance.sample(["here", "there"], 2)
            amount, account = chance.randint(1, 500), [chance.randint(1, ACCOUNTS)]
            for table, change in ((giver, -amount), (taker, amount)):
                update = (
                    f"UPDATE {table} SET balance = balance + {change}, moment = {transfers} WHERE id = %s"
                )
                connection.execute(update.encode(), account)
            connection.commit()
    return transfers


def refresh_on(flight: str, stop: threading.Event) -> int:
    """Refresh until told to stop."""
    refreshes = 0
    with rail_forge.connect(flight) as client:
        while not stop.is_set():
            client.refresh()
            refreshes += 1
    return refreshes


@contextmanager
def meanwhile(*work: Callable[[threading.Event], int]) -> Iterator[list[int]]:
    """Run work on threads during the block; afterwards the list says how often each was done."""
    stop, done = threading.Event(), list[int]()
    with ThreadPoolExecutor(len(work)) as threads:
        running = [threads.submit(each, stop) for each in work]
        try:
            yield done
        finally:
            stop.set()
        done += [future.result() for future in running]


@pytest.mark.parametrize("mode", MODES)
def test_a_total_over_two_tables_is_always_right(
    mode: str, new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database(TABLE.format("here", ACCOUNTS), TABLE.format("there", ACCOUNTS))
    run(url, KEY.format("here"), KEY.format("there"))
    server = serve({}, *configuration(tmp_path, source(url, MODES[mode], name="bank")))
    moments, halves = set(), set()
    with rail_forge.connect(server.flight) as client:
        client.refresh()
        with meanwhile(
            lambda stop: transfer(url, stop), lambda stop: refresh_on(server.flight, stop)
        ) as done:
            deadline = time.monotonic() + LONGEST_SECONDS
            # Without several snapshots the totals would have shown nothing.
            for number in count():
                result = client.sql(QUESTIONS[number % len(QUESTIONS)])
                assert result.rows() == [(TOTAL,)], number
                moments.add(result.as_of)
                halves.add(client.sql("SELECT sum(balance) FROM here").rows()[0][0])
                if number >= QUERIES and min(len(moments), len(halves)) >= LEAST_SNAPSHOTS:
                    break
                assert time.monotonic() < deadline
    transfers, refreshes = done
    assert transfers > QUERIES
    assert refreshes >= LEAST_SNAPSHOTS


def test_one_result_is_read_from_one_snapshot_to_its_end(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database(
        "CREATE TABLE t AS SELECT i AS id, 0 AS generation FROM generate_series(1, 300000) AS i"
    )
    server = serve({"shop": url})
    with rail_forge.connect(server.flight) as client, psycopg.connect(url, autocommit=True) as database:
        client.refresh()
        for generation in range(1, 4):
            batches = client.sql("SELECT generation FROM t").batches()
            seen = set(next(batches).column(0).unique().to_pylist())
            database.execute("UPDATE t SET generation = %s", [generation])
            client.refresh()
            for batch in batches:
                seen |= set(batch.column(0).unique().to_pylist())
            assert seen == {generation - 1}


def test_refreshes_at_the_same_time_all_succeed(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database(TABLE.format("here", ACCOUNTS), TABLE.format("there", ACCOUNTS))
    server = serve({"bank": url})

    def refresh(tables: tuple[str, ...]) -> list[rail_forge.RefreshedTable]:
        with rail_forge.connect(server.flight) as client:
            return client.refresh(*tables)

    wanted: list[tuple[str, ...]] = [(), ("here",), ("there",), ("here", "there"), ()]
    with ThreadPoolExecutor(len(wanted)) as threads:
        results = list(threads.map(refresh, wanted))
    assert [{table.table for table in result} for result in results] == [
        set(tables) or {"here", "there"} for tables in wanted
    ]
    assert all(table.rows == ACCOUNTS for result in results for table in result)
