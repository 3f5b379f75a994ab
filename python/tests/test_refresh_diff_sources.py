"""Mode `diff` and what is around tables: transactions, restarts, crashes, other modes before, rights."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from configuration import configuration, source
from conftest import run, sessions
from mirror import Mirror, files, mirror
from waiting import until

from rail_forge_testbed.postgres import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import NewDatabase, Serve

ROWS = 100
NUMBERS = f"SELECT i AS id, i % 7 AS v FROM generate_series(1, {ROWS}) AS i"


@pytest.fixture
def start(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> Iterator[Callable[..., Mirror]]:
    """Creates tables and a server of them that has pulled them."""
    with contextlib.ExitStack() as stack:

        def begin(*statements: str) -> Mirror:
            url = new_database(*statements)
            server = serve({}, *configuration(tmp_path, source(url, 'mode = "diff"')))
            both = stack.enter_context(mirror(server, url))
            both.refresh()
            return both

        yield begin


# What a large table holds, in one row that both sides compute.
SUMS = "SELECT count(*), sum(id), sum(id * v), min(id), max(id), count(note), max(note) FROM t"


def sums(both: Mirror) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """What both sides answer."""
    return both.client.sql(SUMS).rows(), both.database.execute(SUMS).fetchall()


def test_a_table_of_many_pages_and_row_groups(start: Callable[..., Mirror]) -> None:
    # More than one range of pages (64 MiB), row group of a file (262,144 rows), and query by places (20,000).
    both = start(
        """CREATE TABLE t AS SELECT i::bigint AS id, 0 AS v, 'note ' || i AS note, repeat('x', 100) AS filler
           FROM generate_series(1, 600000) AS i"""
    )
    for statement, read in [
        ("UPDATE t SET v = 1 WHERE id % 20 = 7", 30_000),
        ("DELETE FROM t WHERE id % 20 = 7 AND id % 40 = 7 OR id < 1000", 0),
        ("UPDATE t SET v = v + 1, note = NULL WHERE id IN (1000, 300000, 300001, 599999, 600000)", 5),
        ("VACUUM t", 0),
        ("INSERT INTO t SELECT -i, 3, 'new' FROM generate_series(1, 25000) AS i", 25_000),
        ("DELETE FROM t WHERE id < 0 AND id % 3 = 0", 0),
    ]:
        both.run(statement)
        assert both.refresh()["t"] == read, statement
        got, wanted = sums(both)
        assert got == wanted, statement
    borders = (1000, 262_144, 262_145, 300_000, 524_289, 600_000, -1, -3, 7, 27)
    rows = f"SELECT id, v, note FROM t WHERE id IN {borders} ORDER BY id"
    assert both.client.sql(rows).rows() == both.database.execute(rows.encode()).fetchall()


def test_a_place_that_is_used_again_is_another_row(start: Callable[..., Mirror]) -> None:
    both = start(f"CREATE TABLE t WITH (autovacuum_enabled = off) AS {NUMBERS}")
    places = "SELECT ctid::text FROM t WHERE id {} 0"
    before = {place for (place,) in both.database.execute(places.format(">").encode())}
    # Rows that somebody may still see keep their places.
    until(lambda: sessions(both.database.info.dsn) == 0, "the first refresh has left")
    both.run("DELETE FROM t WHERE id % 4 = 0", "VACUUM t")
    both.run("INSERT INTO t SELECT -i, 5 FROM generate_series(1, 20) AS i")
    assert before & {place for (place,) in both.database.execute(places.format("<").encode())}
    assert both.refresh() == {"t": 20}
    assert both.differences() == []


def test_transactions_that_commit_in_another_order(start: Callable[..., Mirror]) -> None:
    both = start(f"CREATE TABLE t AS {NUMBERS}")
    with psycopg.connect(both.database.info.dsn) as slow:
        slow.execute("INSERT INTO t VALUES (1000, 1)")
        slow.execute("UPDATE t SET v = 100 WHERE id = 1")
        slow.execute("DELETE FROM t WHERE id = 2")
        both.run("INSERT INTO t VALUES (1001, 1)", "UPDATE t SET v = 200 WHERE id = 3")
        assert both.refresh() == {"t": 2}
        assert both.differences() == []
        slow.commit()
    assert both.refresh() == {"t": 2}
    assert both.differences() == []


def test_a_value_that_cannot_be_kept_leaves_the_rows_as_they_were(start: Callable[..., Mirror]) -> None:
    both = start(
        "CREATE TABLE t AS SELECT i AS id, '2024-01-01'::date + i AS day FROM generate_series(1, 100) i"
    )
    both.run("UPDATE t SET day = 'infinity' WHERE id = 5", "UPDATE t SET day = 'today' WHERE id = 6")
    error = both.try_refresh().errors["t"]
    assert 'shop.public.t, column "day"' in error
    assert both.client.sql("SELECT count(*) FROM t WHERE day < '2025-01-01'").rows() == [(100,)]
    both.run("UPDATE t SET day = NULL WHERE id = 5")
    assert both.refresh() == {"t": 2}
    assert both.differences() == []


def test_a_restart_does_not_read_again(start: Callable[..., Mirror]) -> None:
    both = start(f"CREATE TABLE t AS {NUMBERS}")
    both.run("UPDATE t SET v = 8 WHERE id = 1")
    both.refresh()
    both.server.stop()
    both.server.start()
    both.run("UPDATE t SET v = 8 WHERE id = 2", "DELETE FROM t WHERE id = 3")
    with mirror(both.server, both.database.info.dsn) as again:
        assert again.refresh() == {"t": 1}
        assert again.differences() == []


def test_another_mode_begins_anew(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    url = new_database(f"CREATE TABLE t AS {NUMBERS}", "ALTER TABLE t ADD PRIMARY KEY (id)")
    for number, refresh in enumerate(
        [
            'mode = "full"',
            'mode = "diff"',
            'mode = "watermark", column = "id"',
            'mode = "watermark", column = "v"',
            'mode = "diff"',
            'mode = "full"',
            'mode = "watermark", column = "id"',
            'mode = "full"',
        ]
    ):
        run(url, f"DELETE FROM t WHERE id = {number + 1}", f"UPDATE t SET v = v + 1 WHERE id % 10 = {number}")
        server = serve({}, *configuration(tmp_path, source(url, refresh)), data_dir=tmp_path / "data")
        with mirror(server, url) as both:
            assert both.refresh() == {"t": ROWS - number - 1}, refresh
            assert both.differences() == [], refresh
        server.stop()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def change_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x01
    path.write_bytes(content)


@pytest.mark.parametrize("spoil", [cut, change_a_byte, Path.unlink])
def test_damaged_deletes(spoil: Callable[[Path], None], start: Callable[..., Mirror]) -> None:
    both = start(f"CREATE TABLE t AS {NUMBERS}")
    both.run("DELETE FROM t WHERE id <= 10")
    both.refresh()
    [path] = [path for path in files(both.entries()["t"]) if path.endswith(".deletes")]
    both.server.stop()
    spoil(both.server.data_dir / path)
    both.server.start()
    with mirror(both.server, both.database.info.dsn) as again:
        # As with every damaged file: the version before is served, and the log says why.
        assert again.client.sql("SELECT count(*) FROM t").rows() == [(ROWS,)]
        [line] = [line for line in both.server.log.splitlines() if "damaged" in line]
        assert path in line
        again.refresh()
        assert again.differences() == []


def test_settings_that_change(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    url = new_database(
        "CREATE TABLE t AS SELECT i AS id, '2024-01-01'::date + i AS day FROM generate_series(1, 100) AS i",
        "UPDATE t SET day = 'infinity' WHERE id = 5",
    )
    as_text = "[source.tables.'public.t']\ntext_columns = ['day']\n"
    for lines, days in [
        ('unrepresentable = "null"', 99),
        ('unrepresentable = "error"', None),
        (f'unrepresentable = "error"\n{as_text}', 100),
        ('unrepresentable = "null"\nreader = "connectorx"', 99),
        (f'unrepresentable = "null"\n{as_text}', 100),
    ]:
        settings = source(url, 'mode = "diff"', lines)
        if as_text in lines:
            # The table's settings come last.
            settings = source(url, 'mode = "diff"', lines.replace(as_text, "")) + as_text
        server = serve({}, *configuration(tmp_path, settings), data_dir=tmp_path / "data")
        with mirror(server, url) as both:
            errors = both.try_refresh().errors
            assert errors.keys() == ({"t"} if days is None else set()), lines
            if days is not None:
                assert both.client.sql("SELECT count(day) FROM t").rows() == [(days,)], lines
        server.stop()


def test_a_transaction_that_a_crash_has_undone(serve: Serve, tmp_path: Path) -> None:
    # Commits wait for nobody, and are lost when the server is killed in time.
    with EmbeddedPostgres(settings={"wal_writer_delay": "2s", "synchronous_commit": "off"}) as postgres:
        url = postgres.create_database("undone")
        run(url, f"CREATE TABLE t AS {NUMBERS}", "CHECKPOINT")
        server = serve({}, *configuration(tmp_path, source(url, 'mode = "diff"')))
        with mirror(server, url) as both:
            both.refresh()
            both.run("INSERT INTO t VALUES (1000, 1)")
            both.refresh()
        postgres.kill()
        postgres.start()
        with mirror(server, url) as both:
            # Of the number of the transaction that was lost, and in the place of its row.
            both.run("INSERT INTO t VALUES (2000, 2)")
            both.refresh()
            assert both.differences() == []
