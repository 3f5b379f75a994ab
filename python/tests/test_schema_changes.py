"""Tables that change their shape while they are queried: the next refresh notices, without a restart."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest
from configuration import configuration, source
from mirror import mirror
from waiting import until

import rail_forge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import NewDatabase, Serve
    from mirror import Mirror

    from rail_forge_testbed.server import RailForgeServer

ROWS = 200
MODES = {"full": 'mode = "full"', "watermark": 'mode = "watermark", column = "w"', "diff": 'mode = "diff"'}
every_mode = pytest.mark.parametrize("mode", MODES)
CREATE = [
    "CREATE TABLE t (id integer PRIMARY KEY, w integer NOT NULL, v integer, note varchar(20))",
    f"INSERT INTO t SELECT i, i, i % 7, 'note ' || i FROM generate_series(1, {ROWS}) AS i",
    "CREATE TABLE other AS SELECT i AS id, i AS w FROM generate_series(1, 10) AS i",
]
ONE_MORE = "INSERT INTO t (id, w) SELECT max(id) + 1, max(id) + 1 FROM t"

# What becomes of a table from one refresh to the next; rows are added in between.
CHANGES: list[str] = [
    "ALTER TABLE t ADD COLUMN plain text",
    "ALTER TABLE t ADD COLUMN constant integer DEFAULT 7",
    # PostgreSQL writes every row anew.
    "ALTER TABLE t ADD COLUMN computed double precision DEFAULT random()",
    "ALTER TABLE t ADD COLUMN counted serial",
    "ALTER TABLE t DROP COLUMN plain",
    "ALTER TABLE t DROP COLUMN v, ADD COLUMN v text DEFAULT 'another'",
    "ALTER TABLE t RENAME COLUMN note TO remark",
    "ALTER TABLE t RENAME COLUMN constant TO note; ALTER TABLE t RENAME COLUMN remark TO constant",
    "ALTER TABLE t ALTER COLUMN constant TYPE varchar(50)",
    "ALTER TABLE t ALTER COLUMN constant TYPE text",
    "ALTER TABLE t ALTER COLUMN note TYPE bigint",
    "ALTER TABLE t ALTER COLUMN note TYPE numeric(10,2)",
    "ALTER TABLE t ALTER COLUMN note TYPE numeric",
    "ALTER TABLE t ALTER COLUMN note TYPE text USING 'n' || note",
    "ALTER TABLE t ALTER COLUMN counted DROP NOT NULL",
    "ALTER TABLE t ALTER COLUMN id TYPE bigint",
    "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD CONSTRAINT another PRIMARY KEY (id, w)",
    "COMMENT ON COLUMN t.id IS 'the number'",
    "DROP TABLE t; CREATE TABLE t (w integer, id bigint PRIMARY KEY); INSERT INTO t VALUES (1, 1), (2, 2)",
    "DROP TABLE t; CREATE VIEW t AS SELECT 5 AS id, w FROM other",
    "DROP VIEW t; CREATE TABLE t (id integer, w integer) PARTITION BY LIST (id)",
    "CREATE TABLE t_rest PARTITION OF t DEFAULT; INSERT INTO t VALUES (1, 1), (2, 2)",
]


class Reader:
    """Another client, which asks for the table over and over."""

    def __init__(self, flight: str) -> None:
        self._flight = flight
        self._stop = threading.Event()
        self.seen: dict[tuple[str, ...], int] = {}
        self.not_found = 0
        self.failures: list[Exception] = []

    def run(self) -> None:
        with rail_forge.connect(self._flight, timeout=20) as client:
            while not self._stop.is_set():
                try:
                    table = client.sql("SELECT * FROM t").arrow()
                except rail_forge.NotFoundError:
                    self.not_found += 1
                except Exception as error:  # noqa: BLE001 - any is a failure of the test
                    self.failures.append(error)
                else:
                    names = tuple(table.schema.names)
                    self.seen[names] = self.seen.get(names, 0) + 1

    def stop(self) -> None:
        self._stop.set()


@contextmanager
def reading(server: RailForgeServer) -> Iterator[Reader]:
    reader = Reader(server.flight)
    thread = threading.Thread(target=reader.run)
    thread.start()
    try:
        yield reader
    finally:
        reader.stop()
        thread.join()
    assert reader.failures == []


@pytest.fixture
def both(mode: str, new_database: NewDatabase, serve: Serve, tmp_path: Path) -> Iterator[Mirror]:
    """Two tables that have been pulled."""
    url = new_database(*CREATE)
    with mirror(serve({}, *configuration(tmp_path, source(url, MODES[mode]))), url) as sides:
        sides.refresh()
        yield sides


def columns(both: Mirror) -> tuple[str, ...]:
    return tuple(
        column.name for column in both.database.execute(b"SELECT * FROM t LIMIT 0").description or []
    )


@every_mode
def test_every_change_is_noticed_by_the_next_refresh(both: Mirror) -> None:
    known = {columns(both)}
    with reading(both.server) as reader:
        for change in CHANGES:
            if "VIEW" not in change and "PARTITION" not in change:
                both.run(ONE_MORE)
            both.run(change)
            assert both.refresh().keys() <= {"t", "other"}
            assert both.differences() == [], change
            known.add(columns(both))
    assert set(reader.seen) <= known
    assert sum(reader.seen.values()) > len(CHANGES)
    assert reader.not_found == 0


@every_mode
def test_a_table_that_goes_and_comes_again(both: Mirror) -> None:
    with reading(both.server) as reader:
        for change, there in [
            ("ALTER TABLE t RENAME TO u", False),
            ("ALTER TABLE u RENAME TO t", True),
            ("DROP TABLE t", False),
            (CREATE[0], True),
            (CREATE[1], True),
            ("DROP TABLE t", False),
            ("CREATE TABLE t AS SELECT 'x' AS w2, 1 AS w", True),
            ("ALTER TABLE other RENAME TO u; ALTER TABLE t RENAME TO other; ALTER TABLE u RENAME TO t", True),
        ]:
            both.run(change)
            both.refresh()
            assert both.differences() == [], change
            assert [table.table for table in both.client.status().tables] == both.tables()
            if not there:
                with pytest.raises(rail_forge.NotFoundError, match="table t does not exist"):
                    both.client.sql("SELECT * FROM t")
    assert len(reader.seen) <= 3


@every_mode
def test_a_schema_that_is_dropped(mode: str, new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    url = new_database(*CREATE, "CREATE SCHEMA extra", "CREATE TABLE extra.t AS SELECT 1 AS id, 1 AS w")
    settings = source(url, MODES[mode], 'schemas = ["public", "extra"]')
    with mirror(serve({}, *configuration(tmp_path, settings)), url) as both:
        both.refresh()
        with reading(both.server) as reader:
            for change, tables in [
                ("DROP SCHEMA extra CASCADE", []),
                ("CREATE SCHEMA extra; CREATE TABLE extra.t (w integer, text text)", ["extra.t"]),
                ("CREATE TABLE extra.u AS SELECT 1 AS w; ALTER SCHEMA extra RENAME TO more", []),
                ("ALTER SCHEMA more RENAME TO extra", ["extra.t", "extra.u"]),
                ("ALTER TABLE extra.u SET SCHEMA public", ["extra.t", "u"]),
            ]:
                both.run(change)
                both.run("UPDATE t SET w = w + 1000 WHERE id = 1")
                both.refresh()
                assert sorted(both.entries()) == sorted(["other", "t", *tables]), change
                assert both.differences("t", *tables) == [], change
        assert reader.not_found == 0
        assert len(reader.seen) == 1


@pytest.mark.parametrize(
    ("mode", "change"),
    [
        ("full", "DROP TABLE t"),
        ("full", "UPDATE t SET v = -1"),
        ("watermark", "TRUNCATE t"),
        ("watermark", "UPDATE t SET v = -1, w = w + 1000000 WHERE id % 50 = 0"),
        ("diff", "ALTER TABLE t DROP COLUMN v"),
        ("diff", "DELETE FROM t WHERE id % 50 = 0"),
    ],
)
def test_a_query_that_runs_reads_on_what_it_began(
    change: str, mode: str, new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database(
        "CREATE TABLE t AS SELECT i AS id, i AS w, i % 7 AS v FROM generate_series(1, 300000) AS i"
    )
    # Nothing but the query keeps what it reads.
    retention = ("--keep-versions", "1", "--keep-replaced", "1ms")
    with mirror(serve({}, *configuration(tmp_path, source(url, MODES[mode])), *retention), url) as both:
        both.refresh()
        batches = both.client.sql("SELECT id, v FROM t").batches()
        first = next(batches)
        both.run(change)
        both.refresh()
        both.refresh()
        rows = [first, *batches]
        assert sum(batch.num_rows for batch in rows) == 300_000
        assert sum(sum(batch.column("v").to_pylist()) for batch in rows) == sum(
            i % 7 for i in range(1, 300_001)
        )


# What other sessions do between the moment of a refresh and the reading of a table. After some of these an
# older snapshot sees no row at all (documentation of PostgreSQL, "Caveats" of MVCC).
MEANWHILE = [
    "ALTER TABLE t ADD COLUMN x integer DEFAULT 1",
    "ALTER TABLE t ADD COLUMN y double precision DEFAULT random()",
    "VACUUM FULL t",
    "CLUSTER t USING t_pkey",
    "ALTER TABLE t ALTER COLUMN v TYPE bigint",
    "ALTER TABLE t RENAME COLUMN note TO remark",
    "ALTER TABLE t DROP COLUMN v",
    "ALTER TABLE t RENAME TO u",
    "ALTER TABLE u RENAME TO t",
    "TRUNCATE t",
    "DROP TABLE t",
]
SUMS = "SELECT count(*), sum(id), min(w) FROM {}"


@every_mode
def test_a_table_that_changes_in_the_middle_of_a_refresh(
    mode: str, new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database(
        *CREATE, "CREATE TABLE large AS SELECT i AS w FROM generate_series(1, 5000) AS i", "ANALYZE"
    )
    settings = source(url, MODES[mode], "connections = 1", 'lock_timeout = "1m"')
    with mirror(serve({}, *configuration(tmp_path, settings)), url) as both:
        both.refresh()
        name, wrong = "t", []
        for change in MEANWHILE:
            wanted = both.database.execute(SUMS.format(name)).fetchall()
            # The one connection waits for the largest table, which is the first to be read.
            with psycopg.connect(url) as other, ThreadPoolExecutor(1) as thread:
                other.execute("LOCK TABLE large IN ACCESS EXCLUSIVE MODE")
                refreshing = thread.submit(both.try_refresh)
                until(lambda: waiting(url) > 0, "the refresh waits for the lock")
                both.run(change)
                other.rollback()
                refreshed = refreshing.result()
            # The rows of the moment of the refresh, or those of before with an error.
            rows = both.client.sql(SUMS.format(name)).rows()
            if rows != wanted:
                wrong.append(f"{change}: {rows} instead of {wanted}")
            assert refreshed.errors.keys() <= {name}
            both.refresh()
            name = "u" if change.endswith("TO u") else "t"
            assert both.differences() == [], change
            if change.startswith("TRUNCATE"):
                both.run("INSERT INTO t (id, w) VALUES (7, 7)")
                both.refresh()
        assert wrong == []


def waiting(url: str) -> int:
    """How many sessions wait for a lock."""
    with psycopg.connect(url, autocommit=True) as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchall()
        return int(count)


@pytest.mark.parametrize("mode", ["watermark"])
def test_the_watermark_itself_changes(both: Mirror) -> None:
    for change, words in [
        ("ALTER TABLE t ALTER COLUMN w TYPE bigint", None),
        (
            "ALTER TABLE t ALTER COLUMN w TYPE timestamp USING '2024-01-01'::timestamp + w * '1 d'::interval",
            None,
        ),
        ("ALTER TABLE t ALTER COLUMN w TYPE timestamptz", None),
        ("ALTER TABLE t ALTER COLUMN w TYPE text", "text"),
        ("ALTER TABLE t ALTER COLUMN w TYPE date USING w::date", None),
        ("ALTER TABLE t RENAME COLUMN w TO x", '"w"'),
        ("ALTER TABLE t ADD COLUMN w integer", None),
        ("ALTER TABLE t DROP COLUMN w", '"w"'),
        ("ALTER TABLE t RENAME COLUMN x TO w", None),
    ]:
        both.run(
            change, "UPDATE t SET v = v + 1, w = (SELECT max(w) FROM t) WHERE id = 1" if words is None else ""
        )
        refreshed = both.try_refresh()
        if words is None:
            assert refreshed.errors == {}, change
            assert both.differences() == [], change
        else:
            assert refreshed.errors.keys() == {"t"}, change
            assert words in refreshed.errors["t"], change
            assert both.client.sql("SELECT count(*) FROM t").rows() == [(ROWS,)]
