"""Mode `watermark`: new and updated rows are seen by a column that grows; deleted ones are not."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import psycopg
import pytest
from configuration import configuration, source
from conftest import run
from mirror import Mirror, mirror

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import NewDatabase, Serve

ROWS = 100
BY_W = 'mode = "watermark", column = "w"'
NO_OVERLAP = f"{BY_W}, overlap = 0"
NUMBERS = f"SELECT i AS id, i AS w, i % 7 AS v FROM generate_series(1, {ROWS}) AS i"
KEYED = [f"CREATE TABLE t AS {NUMBERS}", "ALTER TABLE t ADD PRIMARY KEY (id)"]


@pytest.fixture
def start(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> Iterator[Callable[..., Mirror]]:
    """Creates tables and a server of them that has pulled what it can."""
    with contextlib.ExitStack() as stack:

        def begin(*statements: str, refresh: str = BY_W) -> Mirror:
            url = new_database(*statements)
            server = serve({}, *configuration(tmp_path, source(url, refresh)))
            both = stack.enter_context(mirror(server, url))
            both.try_refresh()
            return both

        yield begin


def test_a_transaction_that_commits_late(start: Callable[..., Mirror]) -> None:
    both = start(
        "CREATE TABLE t (id integer PRIMARY KEY, w timestamptz DEFAULT clock_timestamp())",
        "CREATE TABLE numbered (id serial PRIMARY KEY, w integer)",
        "INSERT INTO t VALUES (1)",
        "INSERT INTO numbered (w) VALUES (1)",
    )
    with psycopg.connect(both.database.info.dsn) as slow:
        slow.execute("INSERT INTO t VALUES (2)")
        slow.execute("INSERT INTO numbered (w) VALUES (2)")
        both.run("INSERT INTO t VALUES (3)", "INSERT INTO numbered (w) VALUES (3)")
        both.refresh()
        assert both.differences() == []
        slow.commit()
    both.refresh()
    assert both.differences() == []


def test_deleted_rows_stay_until_the_table_is_read_whole(start: Callable[..., Mirror]) -> None:
    both = start(*KEYED, refresh=NO_OVERLAP)
    both.run("DELETE FROM t WHERE id <= 10", "UPDATE t SET w = 1000 WHERE id = 11")
    assert both.refresh() == {"t": 1}
    assert both.client.sql("SELECT count(*), min(id), max(w) FROM t").rows() == [(ROWS, 1, 1000)]
    both.run("VACUUM FULL t")
    assert both.refresh() == {"t": ROWS - 10}
    assert both.differences() == []


def test_a_key_that_is_deleted_and_comes_again(start: Callable[..., Mirror]) -> None:
    both = start(*KEYED, refresh=NO_OVERLAP)
    both.run("DELETE FROM t WHERE id = 7", "INSERT INTO t VALUES (7, 1000, -7)")
    assert both.refresh() == {"t": 1}
    assert both.differences() == []


def test_truncate_is_noticed(start: Callable[..., Mirror]) -> None:
    both = start(*KEYED)
    for statement, read in [
        ("TRUNCATE t", {}),
        ("INSERT INTO t VALUES (1, 1, 1)", {"t": 1}),
        ("TRUNCATE t", {}),
        # Smaller than what was there before.
        ("INSERT INTO t VALUES (2, -5, 1), (3, -9, 1)", {"t": 2}),
        ("INSERT INTO t VALUES (4, -4, 1)", {"t": 3}),
    ]:
        both.run(statement)
        assert both.refresh() == read, statement
        assert both.differences() == [], statement


def test_rows_without_a_watermark(start: Callable[..., Mirror]) -> None:
    both = start(
        *KEYED,
        "ALTER TABLE t ALTER COLUMN w DROP NOT NULL",
        "UPDATE t SET w = NULL WHERE id % 2 = 0",
        refresh=NO_OVERLAP,
    )
    for statement in [
        "UPDATE t SET w = 1000 WHERE id = 2",
        "INSERT INTO t VALUES (1000, NULL, 1)",
        "UPDATE t SET w = 2000 WHERE id = 1000",
        "UPDATE t SET w = NULL, v = 100 WHERE id = 3",
    ]:
        both.run(statement)
        both.refresh()
        assert both.differences() == [], statement


def test_no_row_with_a_watermark(start: Callable[..., Mirror]) -> None:
    both = start(
        "CREATE TABLE t (id integer PRIMARY KEY, w integer)",
        "INSERT INTO t SELECT generate_series(1, 10)",
    )
    for statement in [
        "INSERT INTO t VALUES (11)",
        "DELETE FROM t WHERE id = 1",
        "UPDATE t SET w = 1 WHERE id = 2",
    ]:
        both.run(statement)
        both.refresh()
        assert both.differences() == [], statement


def test_partitions(start: Callable[..., Mirror]) -> None:
    both = start(
        "CREATE TABLE t (id integer, w integer, area integer) PARTITION BY LIST (area)",
        "ALTER TABLE t ADD PRIMARY KEY (id, area)",
        "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1)",
        "CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2)",
        f"INSERT INTO t SELECT i, i, 1 + i % 2 FROM generate_series(1, {ROWS}) AS i",
        refresh=NO_OVERLAP,
    )
    for statement, read in [
        ("UPDATE t SET w = 1000 + id WHERE id <= 10", {"t": 10}),
        ("INSERT INTO t VALUES (1000, 2000, 1), (1000, 2000, 2)", {"t": 2}),
        ("TRUNCATE t1", {}),
        ("CREATE TABLE t3 PARTITION OF t FOR VALUES IN (3)", {}),
        ("INSERT INTO t3 VALUES (1, 1, 3)", {}),
    ]:
        both.run(statement)
        assert both.refresh("t") == read, statement
        if "t3 VALUES" not in statement:
            assert both.differences("t") == [], statement
    # A partition that has come is read whole, however old its rows are.
    both.run("CREATE TABLE t4 (LIKE t INCLUDING ALL)", "INSERT INTO t4 VALUES (1, 2, 4)", "TRUNCATE t3")
    both.run("ALTER TABLE t ATTACH PARTITION t4 FOR VALUES IN (4)")
    assert both.refresh("t") == {"t": 1}
    assert both.differences("t") == []
    both.run("ALTER TABLE t DETACH PARTITION t2")
    both.refresh("t")
    assert both.differences("t") == []


def test_a_primary_key_that_is_added_later(start: Callable[..., Mirror]) -> None:
    both = start(
        "CREATE TABLE t (id integer NOT NULL, w integer)",
        f"INSERT INTO t SELECT i, i FROM generate_series(1, {ROWS}) AS i",
    )
    both.run("UPDATE t SET w = 5000 WHERE id = 1")
    both.refresh()
    # The old and the new row of the id are both there, as documented for tables without a key.
    both.run("INSERT INTO t VALUES (1000, 100000)")
    both.refresh()
    both.run("ALTER TABLE t ADD PRIMARY KEY (id)")
    both.refresh()
    assert both.differences() == []


def test_a_large_table(start: Callable[..., Mirror]) -> None:
    # More than one row group, of which most can be left out by their keys.
    both = start(
        "CREATE TABLE t AS SELECT i AS id, i AS w, 0 AS v FROM generate_series(1::bigint, 600000) AS i",
        "ALTER TABLE t ADD PRIMARY KEY (id)",
    )
    sums = "SELECT count(*), sum(id), sum(w), sum(id * v), max(w) FROM t"
    for statement in [
        "UPDATE t SET w = w + 600000, v = 1 WHERE id IN (1, 262144, 262145, 300000, 524288, 600000)",
        "UPDATE t SET w = w + 1200000, v = 2 WHERE id % 30 = 7",
        "INSERT INTO t SELECT -i, 2000000 + i, 3 FROM generate_series(1, 1000) AS i",
    ]:
        both.run(statement)
        both.refresh()
        assert both.client.sql(sums).rows() == both.database.execute(sums.encode()).fetchall(), statement


# A table, its setting, and words that its error must have.
UNFITTING = [
    ("id integer PRIMARY KEY", BY_W, ["no column", '"w"', "watermark"]),
    ('"W" integer', BY_W, ["no column", '"w"']),
    ("w text", BY_W, ['column "w"', "text", "watermark"]),
    ("w boolean", BY_W, ['column "w"', "boolean", "watermark"]),
    ("w real", BY_W, ['column "w"', "real", "watermark"]),
    ("w uuid", BY_W, ['column "w"', "uuid", "watermark"]),
    ("w time", BY_W, ['column "w"', "time", "watermark"]),
    ("w integer[]", BY_W, ['column "w"', "integer[]", "watermark"]),
    ("w numeric", BY_W, ['column "w"', "numeric", "watermark"]),
    ("w integer PRIMARY KEY", f'{BY_W}, overlap = "1m"', ['column "w"', "overlap", "number"]),
    ("w numeric(10,2) PRIMARY KEY", f'{BY_W}, overlap = "1m"', ['column "w"', "overlap", "number"]),
    ("w timestamptz PRIMARY KEY", f"{BY_W}, overlap = 5", ['column "w"', "overlap", "time"]),
    ("w date PRIMARY KEY", f"{BY_W}, overlap = 5", ['column "w"', "overlap", "time"]),
    ("w integer", f"{BY_W}, overlap = 5", ['column "w"', "overlap", "primary key"]),
]


def test_settings_that_do_not_fit_a_table(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    url = new_database("CREATE TABLE good AS SELECT 1 AS id")
    run(
        url,
        *(f"CREATE TABLE bad_{number} ({definition})" for number, (definition, _, _) in enumerate(UNFITTING)),
    )
    tables = {f"public.bad_{number}": setting for number, (_, setting, _) in enumerate(UNFITTING)}
    with mirror(serve({}, *configuration(tmp_path, source(url, tables=tables))), url) as both:
        errors = both.try_refresh().errors
        assert both.differences("good") == []
    assert errors.keys() == {f"bad_{number}" for number in range(len(UNFITTING))}
    for number, (definition, _, words) in enumerate(UNFITTING):
        for word in [f"shop.public.bad_{number}", *words]:
            assert word in errors[f"bad_{number}"], definition


def test_settings_that_stop_fitting_a_table_leave_its_rows(start: Callable[..., Mirror]) -> None:
    both = start(*KEYED)
    both.run("ALTER TABLE t RENAME COLUMN w TO x", "INSERT INTO t VALUES (1000, 1000, 1)")
    assert '"w"' in both.try_refresh().errors["t"]
    assert both.client.sql("SELECT count(*), max(w) FROM t").rows() == [(ROWS, ROWS)]
    both.run("ALTER TABLE t RENAME COLUMN x TO w")
    both.refresh()
    assert both.differences() == []


def test_a_view_is_added_to(start: Callable[..., Mirror]) -> None:
    both = start(*KEYED, "CREATE VIEW v AS SELECT w, id FROM t WHERE v < 6")
    both.run("INSERT INTO t VALUES (1000, 1000, 1), (1001, 1001, 6)")
    assert both.refresh("v") == {"v": 1}
    assert both.differences("v") == []


@pytest.mark.parametrize(
    ("printed", "value"), [("date", "infinity"), ("timestamp", "infinity"), ("numeric(9,2)", "NaN")]
)
def test_a_watermark_that_is_no_moment(
    printed: str, value: str, new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    normal = {"date": "2024-01-01", "timestamp": "2024-01-01", "numeric(9,2)": "5"}[printed]
    url = new_database(
        f"CREATE TABLE t (id integer, w {printed})", f"INSERT INTO t VALUES (1, '{normal}'), (2, '{value}')"
    )
    settings = source(url, BY_W, 'unrepresentable = "null"')
    with mirror(serve({}, *configuration(tmp_path, settings)), url) as both:
        for _ in range(3):
            both.refresh()
            assert both.client.sql("SELECT id FROM t ORDER BY id").rows() == [(1,), (2,)]
