"""A server that is killed at any moment of a refresh comes back with a whole snapshot: the old or the new."""

from __future__ import annotations

import json
import random
import secrets
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psycopg
import pytest
from comparison import connect_as_reference, reference_rows
from configuration import configuration, source
from conftest import NO_REFRESH, answer, refresh, run
from mirror import files, mirror

import rail_forge
from rail_forge_testbed.server import RailForgeServer
from rail_forge_testbed.shop import load_shop

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import NewDatabase

    from rail_forge_testbed.postgres import EmbeddedPostgres

KILLS = 20
SHOP_SCALE = 0.02

# What a table holds, in one row that both sides compute: a change of any cell that CHANGES touches shows.
CHECKSUMS = {
    "region": "SELECT count(*), sum(id * (utc_offset_hours + 100)), max(name) FROM region",
    "category": "SELECT count(*), sum(id * depth), max(slug) FROM category",
    "product": "SELECT count(*), sum(id * stock), sum(id * price), max(launched_on) FROM product",
    "customer": "SELECT count(*), sum(id * coalesce(loyalty_tier, 9)), max(email) FROM customer",
    "orders": "SELECT count(*), sum(id % 1009 * total), max(updated_at) FROM orders",
    "order_line": "SELECT count(*), sum(id % 1009 * quantity), sum(unit_price) FROM order_line",
    "Gift Wrap": 'SELECT count(*), sum(id * coalesce("select", 7)) FROM "Gift Wrap"',
}

# One transaction that touches every table, so that a mixture of two moments differs from both.
CHANGES = [
    "UPDATE region SET utc_offset_hours = (utc_offset_hours + 1) % 12 WHERE id = 1",
    "UPDATE category SET depth = depth + 1 WHERE id % 50 = 3",
    "UPDATE product SET stock = stock + 1 WHERE id % 3 = 0",
    "UPDATE customer SET loyalty_tier = coalesce(loyalty_tier, 0) % 3 + 1 WHERE id % 10 = 1",
    "UPDATE orders SET total = total + 0.01, updated_at = clock_timestamp() WHERE id % 20 = 7",
    "DELETE FROM order_line WHERE id % 997 = 5",
    "INSERT INTO order_line (order_id, product_id, position, quantity, unit_price)"
    " SELECT 1, 1, 1, 3, 9.99 FROM generate_series(1, 100)",
    'UPDATE "Gift Wrap" SET "select" = coalesce("select", 0) + 1',
]

State = dict[str, tuple[object, ...]]


def state_of_postgres(url: str) -> State:
    with connect_as_reference(url) as reference:
        return {table: reference_rows(reference, sql)[0] for table, sql in CHECKSUMS.items()}


def state_of_server(server: RailForgeServer) -> State:
    with rail_forge.connect(server.flight) as client:
        return {table: client.sql(sql).rows()[0] for table, sql in CHECKSUMS.items()}


def change(url: str) -> None:
    with psycopg.connect(url) as connection:
        for statement in CHANGES:
            connection.execute(statement.encode())


def kill_during_refresh(server: RailForgeServer, after_seconds: float) -> bool:
    """Start a refresh and kill the server when that time has passed, or when the refresh is done.

    Whether the client was told that it is done.
    """
    ended, told = threading.Event(), threading.Event()

    def run() -> None:
        with suppress(rail_forge.Error):
            refresh(server)
            told.set()
        ended.set()

    thread = threading.Thread(target=run)
    thread.start()
    ended.wait(after_seconds)
    server.kill()
    thread.join()
    return told.is_set()


def unfinished(data_dir: Path) -> list[str]:
    """What lies in a data folder and belongs to no manifest."""
    manifests = list((data_dir / "manifests").glob("*.json"))
    needed = {
        data_dir / path
        for manifest in manifests
        for table in json.loads(manifest.read_text().rstrip().rpartition("\n")[0])["tables"]
        for path in files(table)
    }
    there = {path for path in (data_dir / "data").rglob("*") if path.is_file()}
    folders = {path for path in (data_dir / "data").iterdir() if not any(path.iterdir())}
    partial = set((data_dir / "manifests").iterdir()) - set(manifests)
    return sorted(str(path.relative_to(data_dir)) for path in (there - needed) | folders | partial)


def test_killed_at_random_moments_of_a_refresh(new_database: NewDatabase, tmp_path: Path) -> None:
    url = new_database()
    load_shop(url, SHOP_SCALE)
    seed = secrets.randbits(32)
    moments = random.Random(seed)
    with RailForgeServer({"shop": url}, data_dir=tmp_path / "data", arguments=NO_REFRESH) as server:
        refresh(server)
        seconds = refresh_seconds(server)
        old, survived = state_of_postgres(url), []
        for number in moments.sample(range(KILLS), KILLS):
            change(url)
            new = state_of_postgres(url)
            # One in each of the equal parts of a refresh and a little more.
            moment = (number + moments.random()) / KILLS * 1.2 * seconds
            where = f"kill {number} after {moment:.3f} s of {seconds:.3f} s, seed {seed}"
            told = kill_during_refresh(server, moment)
            server.start()
            served = state_of_server(server)
            assert served in ([new] if told else [old, new]), where
            assert unfinished(server.data_dir) == [], where
            survived.append(served == new)
            old = served
        assert False in survived, f"no kill came before its refresh was done, seed {seed}"
        refresh(server)
        assert state_of_server(server) == new


# Small tables of every shape, of which a refresh takes a few hundredths of a second.
COLUMNS = "id integer PRIMARY KEY, v integer DEFAULT 1, w bigint DEFAULT nextval('moment')"
SMALL = [
    "CREATE SEQUENCE moment",
    f"CREATE TABLE a ({COLUMNS})",
    f"CREATE TABLE b ({COLUMNS}) PARTITION BY HASH (id)",
    "CREATE TABLE b_0 PARTITION OF b FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
    "CREATE TABLE b_1 PARTITION OF b FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
    f"CREATE TABLE c ({COLUMNS}, note text)",
    "INSERT INTO a SELECT generate_series(1, 200)",
    "INSERT INTO b SELECT generate_series(1, 200)",
    "INSERT INTO c SELECT i, 1, nextval('moment'), 'note ' || i FROM generate_series(1, 4000) AS i",
]
SMALL_CHANGES = [
    "UPDATE a SET v = v + 1, w = nextval('moment') WHERE id % {share} = 1",
    "UPDATE b SET v = v + 1, w = nextval('moment') WHERE id % 20 = 7",
    "INSERT INTO b (id) SELECT max(id) + 1 FROM b",
    "UPDATE c SET v = v + 1, w = nextval('moment'), note = 'changed' WHERE id % {share} = 5",
]
SMALL_DELETES = [
    "DELETE FROM a WHERE id = (SELECT max(id) FROM a)",
    "DELETE FROM c WHERE id % 997 = {number} % 997",
]
SMALL_STATE = """SELECT (SELECT sum(id * v) + count(*) FROM a), (SELECT sum(id * v) + count(*) FROM b),
                        (SELECT sum(id * v) + count(*) FROM c)"""
KILLS_BY_MODE = {
    'mode = "full"': 60,
    'mode = "watermark", column = "w", overlap = 5': 60,
    'mode = "diff"': 60,
}


@pytest.mark.parametrize("mode", KILLS_BY_MODE)
def test_killed_in_every_mode(mode: str, new_database: NewDatabase, tmp_path: Path) -> None:
    url, seed, kills = new_database(*SMALL), secrets.randbits(32), KILLS_BY_MODE[mode]
    chance = random.Random(seed)
    # Otherwise a refresh that builds on rows waits for PostgreSQL's log, now longer and now shorter.
    run(url, f'ALTER DATABASE "{url.rpartition("/")[2]}" SET synchronous_commit = on')
    file = configuration(tmp_path, source(url, mode))
    with (
        RailForgeServer({}, data_dir=tmp_path / "data", arguments=[*file, *NO_REFRESH]) as server,
        connect_as_reference(url) as reference,
    ):
        changes = SMALL_CHANGES if "watermark" in mode else SMALL_CHANGES + SMALL_DELETES
        change = "; ".join(["BEGIN", *changes, "COMMIT"])
        refresh(server)
        seconds = 0.0
        # One that has found changes may wait for PostgreSQL's log besides. A server's first is the slowest.
        for number in range(kills, kills + 3):
            run(url, change.format(share=3, number=number))
            server.stop()
            server.start()
            seconds = max(seconds, refresh_seconds(server))
        old, survived = reference_rows(reference, SMALL_STATE), []
        for number in chance.sample(range(kills), kills):
            # Many rows now and then, which are read whole in mode `diff` and merged into other files.
            share = chance.choice((50, 50, 200, 3))
            run(url, change.format(share=share, number=number))
            new = reference_rows(reference, SMALL_STATE)
            moment = (number + chance.random()) / kills * 1.5 * seconds
            where = f"kill {number} after {moment:.3f} s of {seconds:.3f} s, seed {seed}"
            told = kill_during_refresh(server, moment)
            server.start()
            served = answer(server, SMALL_STATE)
            assert served in ([new] if told else [old, new]), where
            assert unfinished(server.data_dir) == [], where
            survived.append(served == new)
            old = served
        assert False in survived, f"no kill came before its refresh was done, seed {seed}"
        assert True in survived, f"every kill came before its refresh was done, seed {seed}"
        with mirror(server, url) as both:
            both.refresh()
            assert both.differences() == []
        assert unfinished(server.data_dir) == []


def refresh_seconds(server: RailForgeServer) -> float:
    """How long a client waits for a refresh."""
    started = time.monotonic()
    refresh(server)
    return time.monotonic() - started


def test_leftovers_of_a_killed_refresh_are_removed(new_database: NewDatabase, tmp_path: Path) -> None:
    url = new_database("CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1)")
    with RailForgeServer({"shop": url}, data_dir=tmp_path / "data", arguments=NO_REFRESH) as server:
        refresh(server)
        server.kill()
        for leftover in ("data/0000000002/0-0.parquet", "data/odd/file", "manifests/0000000002.partial"):
            path = server.data_dir / leftover
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"half of")
        (server.data_dir / "data" / "0000000003").mkdir()
        server.start()
        assert unfinished(server.data_dir) == []
        assert answer(server, "SELECT id FROM t") == [(1,)]
        refresh(server)
        assert answer(server, "SELECT id FROM t") == [(1,)]


def test_old_snapshots_do_not_pile_up(new_database: NewDatabase, tmp_path: Path) -> None:
    url = new_database("CREATE TABLE t AS SELECT generate_series(1, 1000) AS id")
    with RailForgeServer({"shop": url}, data_dir=tmp_path / "data", arguments=NO_REFRESH) as server:
        for _ in range(6):
            refresh(server)
        server.stop()
        server.start()
        assert len(list((server.data_dir / "manifests").iterdir())) <= 2
        assert unfinished(server.data_dir) == []
        assert answer(server, "SELECT count(*) FROM t") == [(1000,)]


@pytest.mark.parametrize("ending", ["stop", "kill"])
def test_restart_serves_the_last_snapshot_without_postgresql(
    ending: str, stoppable_postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    url = stoppable_postgres.create_database(f"restart_{ending}")
    load_shop(url, 0.001)
    with RailForgeServer({"shop": url}, data_dir=tmp_path / "data", arguments=NO_REFRESH) as server:
        before = refresh(server)
        served = state_of_server(server)
        server.stop() if ending == "stop" else server.kill()
        stoppable_postgres.kill()
        server.start()
        assert state_of_server(server) == served
        with rail_forge.connect(server.flight) as client:
            as_of = client.sql("SELECT count(*) FROM orders").as_of
            assert {as_of} == {table.as_of for table in before}
            with pytest.raises(rail_forge.ServerUnavailable, match=r'source "shop".*127\.0\.0\.1'):
                client.refresh()
        assert state_of_server(server) == served
