"""Sources of several databases: tables of the same name appear as one, with a column that names the shard."""

from __future__ import annotations

import json
import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import TYPE_CHECKING

import psycopg
import pyarrow as pa
import pytest
from comparison import rows
from configuration import configuration
from conftest import answer, locked, refresh, run
from flight_sql_messages import command
from mirror import entries, mirror
from psycopg import sql
from pyarrow import flight
from shards import NAMES, Shards, Start, sharded, shards
from waiting import until

import rail_forge
from rail_forge_testbed.server import run_cli

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from conftest import NewDatabase, Serve

    from rail_forge_testbed.postgres import EmbeddedPostgres, PostgresServer

BY_ID = 'mode = "watermark", column = "id"'
MODES = ('mode = "full"', BY_ID, f"{BY_ID}, overlap = 0", 'mode = "diff"')
ORDERS = "CREATE TABLE orders (id integer PRIMARY KEY, total numeric(10,2), note text)"


def numbered(first: int, last: int, table: str = "orders") -> str:
    """Rows with these ids."""
    return f"INSERT INTO {table} SELECT i, i / 4.0, 'note ' || i FROM generate_series({first}, {last}) AS i"


@pytest.fixture
def start(serve: Serve, tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def begin(
            urls: Sequence[str], refresh: str | None = None, *further: str, names: Sequence[str] = NAMES
        ) -> Shards:
            file = configuration(tmp_path, sharded(urls, refresh, *further, names=names))
            return stack.enter_context(shards(serve({}, *file), urls, names))

        yield begin


@pytest.fixture
def twin(postgres: PostgresServer) -> Iterator[Callable[[str], str]]:
    """Copies a database, with the numbers of its relations and the places and versions of its rows."""
    created = []

    def copy(url: str) -> str:
        name = f"twin_{secrets.token_hex(4)}"
        with (
            psycopg.connect(url) as original,
            psycopg.connect(postgres.url(), autocommit=True) as connection,
        ):
            template = original.info.dbname
            original.close()
            identifiers = sql.Identifier(name), sql.Identifier(template)
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*identifiers))
        created.append(name)
        return postgres.url(name)

    yield copy
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        for name in created:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("reader", ["copy", "connectorx"])
def test_tables_of_several_databases_are_one(
    reader: str, mode: str, new_database: NewDatabase, start: Start
) -> None:
    eu = new_database(
        ORDERS,
        numbered(1, 50),
        "CREATE TABLE only_eu (id integer, w date)",
        "INSERT INTO only_eu VALUES (1, '2024-01-01')",
        "CREATE TABLE empty (id integer, n numeric, a text[])",
        "CREATE TABLE empty_in_us (id integer, n numeric)",
        "INSERT INTO empty_in_us VALUES (1, 1.5), (NULL, 1e20)",
        "CREATE TABLE another_order (a integer NOT NULL, gone text, b text, id bigint NOT NULL)",
        "ALTER TABLE another_order DROP COLUMN gone",
        "INSERT INTO another_order VALUES (1, 'eu', 5)",
        "CREATE TABLE parts (id integer, note text) PARTITION BY LIST (note)",
        "CREATE TABLE p_1 PARTITION OF parts FOR VALUES IN ('a')",
        "CREATE TABLE p_2 PARTITION OF parts DEFAULT",
        "INSERT INTO parts VALUES (1, 'a'), (2, 'b')",
        "CREATE VIEW seen AS SELECT id, note FROM orders WHERE id < 5",
    )
    us = new_database(
        "CREATE TABLE only_us (id integer)",
        "INSERT INTO only_us VALUES (7), (NULL)",
        "CREATE TABLE empty_in_us (n numeric, id integer)",
        "CREATE TABLE empty (id integer, n numeric, a text[])",
        "CREATE TABLE another_order (id bigint, b text, a integer)",
        "INSERT INTO another_order VALUES (6, NULL, NULL), (NULL, 'us', 2)",
        "CREATE TABLE parts (note text, id integer)",
        "INSERT INTO parts VALUES ('a', 1), ('c', 3)",
        ORDERS,
        numbered(40, 200),
        "CREATE TABLE seen (id integer, note text)",
        "INSERT INTO seen VALUES (4, 'a table here')",
    )
    both = start([eu, us], mode, f'reader = "{reader}"', "connections = 1")
    tables = (
        "orders",
        "only_eu",
        "only_us",
        "empty",
        "empty_in_us",
        "another_order",
        "parts",
        "seen",
    )
    for _ in range(2):
        both.refresh()
        assert both.differences(*tables) == []
    assert {table.table for table in both.client.status().tables} == set(tables)
    schema = both.client.sql("SELECT * FROM another_order").arrow().schema
    assert schema.names == ["a", "b", "id", "shard"]
    assert [field.nullable for field in schema] == [True, True, True, False]
    assert schema.field("shard").type == pa.string()
    wanted = [("eu", 50), ("us", 161)]
    assert both.client.sql("SELECT shard, count(*) FROM orders GROUP BY 1 ORDER BY 1").rows() == wanted
    assert both.client.sql("SELECT total FROM orders WHERE id = 45 AND shard = 'us'").rows() == (
        both.mirrors["us"].database.execute("SELECT total FROM orders WHERE id = 45").fetchall()
    )


CHANGES: list[tuple[str, list[str]]] = [
    ("eu", [numbered(51, 60)]),
    ("us", [numbered(201, 205)]),
    ("us", ["UPDATE orders SET note = 'changed' WHERE id = 7"]),
    ("eu", ["DELETE FROM orders WHERE id % 3 = 0", numbered(61, 61)]),
    ("eu", ["TRUNCATE orders", numbered(1, 5)]),
    ("us", ["DELETE FROM orders"]),
    ("us", [numbered(1, 3), "VACUUM FULL orders"]),
    ("eu", ["DROP TABLE orders"]),
    ("us", ["DROP TABLE orders", ORDERS, numbered(1, 9)]),
    ("eu", [ORDERS, numbered(1, 9)]),
]


@pytest.mark.parametrize("mode", ['mode = "full"', 'mode = "diff"'])
def test_changes_in_one_of_them_are_seen(mode: str, new_database: NewDatabase, start: Start) -> None:
    both = start([new_database(ORDERS, numbered(1, 50)), new_database(ORDERS, numbered(1, 200))], mode)
    both.refresh()
    assert both.differences("orders") == []
    for shard, statements in CHANGES:
        both.run(shard, *statements)
        both.refresh()
        assert both.differences("orders") == [], statements


def test_diff_of_relations_of_the_same_number(
    new_database: NewDatabase, twin: Callable[[str], str], start: Start
) -> None:
    first = new_database(
        ORDERS, numbered(1, 200), "CREATE TABLE keyless AS SELECT i AS id FROM generate_series(1, 40) AS i"
    )
    both = start([first, twin(first)], 'mode = "diff"')
    assert both.refresh() == {"orders": 400, "keyless": 80}
    oid = "SELECT 'orders'::regclass::oid, pg_relation_filenode('orders')"
    assert len({both.mirrors[name].database.execute(oid.encode()).fetchone() for name in NAMES}) == 1
    entry = entries(both.any.server.data_dir)["orders"]
    assert sorted(relation["id"]["shard"] for relation in entry["relations"]) == ["eu", "us"]
    assert both.differences("orders", "keyless") == []
    for shard, statements, read in [
        ("us", [], {}),
        ("us", ["DELETE FROM orders WHERE id <= 20", "DELETE FROM keyless WHERE id = 1"], {}),
        ("eu", ["UPDATE orders SET note = 'eu' WHERE id IN (3, 30)"], {"orders": 2}),
        ("us", ["UPDATE orders SET note = 'us' WHERE id IN (3, 30)"], {"orders": 1}),
        ("us", [numbered(1, 2), "INSERT INTO keyless VALUES (1)"], {"orders": 2, "keyless": 1}),
        ("eu", ["UPDATE orders SET total = 0"], {"orders": 200}),
        ("us", ["VACUUM FULL orders"], {"orders": 182}),
        ("eu", ["TRUNCATE keyless"], {}),
    ]:
        both.run(shard, *statements)
        assert both.refresh() == read, statements
        assert both.differences("orders", "keyless") == [], statements
    before = entries(both.any.server.data_dir)
    both.refresh()
    after = entries(both.any.server.data_dir)
    assert {name: entry["version"] for name, entry in before.items()} == {
        name: entry["version"] for name, entry in after.items()
    }


def test_watermarks_of_shards_are_their_own(new_database: NewDatabase, start: Start) -> None:
    keyless = "CREATE TABLE keyless (id integer, total numeric(10,2), note text)"
    many, few = [numbered(100_001, 100_050), numbered(100_001, 100_050, "keyless")], [numbered(1, 5)]
    eu, us = new_database(ORDERS, keyless, *many), new_database(ORDERS, keyless, *few)
    both = start([eu, us], f"{BY_ID}, overlap = 0")
    assert both.refresh() == {"orders": 55, "keyless": 50}
    assert entries(both.any.server.data_dir)["orders"]["watermarks"] == {"eu": "100050", "us": "5"}
    for shard, statements, read in [
        ("us", [numbered(6, 9)], {"orders": 4}),
        ("us", [numbered(1, 3, "keyless")], {"keyless": 3}),
        ("eu", [numbered(100_051, 100_051)], {"orders": 1}),
        ("us", [numbered(10, 10), numbered(4, 4, "keyless")], {"orders": 1, "keyless": 1}),
        ("us", ["UPDATE orders SET id = 11, note = 'moved' WHERE id = 10"], {"orders": 1}),
    ]:
        both.run(shard, *statements)
        assert both.refresh() == read, statements
    # The old key's row stays, as with one database.
    both.run("us", numbered(10, 10))
    assert both.differences("orders", "keyless") == []


def test_a_row_replaces_none_of_another_shard(new_database: NewDatabase, start: Start) -> None:
    create = "CREATE TABLE orders (id integer PRIMARY KEY, w integer)"
    fill = "INSERT INTO orders SELECT i, i FROM generate_series(1, 20) AS i"
    both = start([new_database(create, fill), new_database(create, fill)], 'mode = "watermark", column = "w"')
    both.refresh()
    both.run("us", "UPDATE orders SET w = 1000 + id WHERE id % 2 = 0")
    both.refresh()
    both.run("eu", "UPDATE orders SET w = 5000 WHERE id = 2")
    both.refresh()
    assert both.differences("orders") == []


def test_what_is_not_alike_fails_alone_and_is_named(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    price = "CREATE DOMAIN price AS"
    eu = new_database(
        ORDERS,
        "CREATE TABLE mismatched (id integer, x integer)",
        "CREATE TABLE lengths (id integer, x varchar(10))",
        "CREATE TABLE missing (id integer, x integer)",
        "CREATE TABLE more (id integer)",
        "CREATE TABLE clash (id integer, shard text)",
        f"{price} integer",
        "CREATE TABLE domains (id integer, x price)",
        "CREATE TABLE bare ()",
    )
    us = new_database(
        ORDERS,
        numbered(1, 3),
        "CREATE TABLE mismatched (id integer, x text)",
        "CREATE TABLE lengths (id integer, x varchar(12))",
        "CREATE TABLE missing (id integer)",
        "CREATE TABLE more (id integer, y integer)",
        "CREATE TABLE clash (id integer)",
        f"{price} bigint",
        "CREATE TABLE domains (id integer, x price)",
        "CREATE TABLE bare (id integer)",
    )
    both_there = 'in shard "eu" and {} in shard "us"'
    wanted = {
        "mismatched": ['column "x" is integer', both_there.format("text"), "exclude"],
        "lengths": ['column "x" is character varying(10)', both_there.format("character varying(12)")],
        "missing": ['shard "eu" has a column "x"', 'shard "us" has none'],
        "more": ['shard "us" has a column "y"', 'shard "eu" has none'],
        "clash": ['"shard"', "set shard_column"],
        "domains": ['column "x" is price', "not the same type"],
        "bare": ['in shard "eu"', "no columns"],
    }
    server = serve({}, *configuration(tmp_path, sharded([eu, us])))
    with shards(server, [eu, us]) as both:
        errors = both.errors()
        assert errors.keys() == wanted.keys()
        for table, words in wanted.items():
            assert f"shop.public.{table}" in errors[table]
            for word in words:
                assert word in errors[table]
        assert both.differences("orders") == []
        status = {table.table: table.error for table in both.client.status().tables}
        assert status == {**errors, "orders": None}
        # Once they are alike, they are served, and when they are not any more, as they were.
        both.run("us", "ALTER TABLE mismatched ALTER COLUMN x TYPE integer USING 1")
        both.run("us", "INSERT INTO mismatched VALUES (1, 2)")
        assert "mismatched" not in both.errors()
        assert both.differences("mismatched") == []
        both.run("eu", "ALTER TABLE mismatched RENAME COLUMN x TO z")
        assert "mismatched" in both.errors()
        assert answer(server, "SELECT id, x, shard FROM mismatched") == [(1, 2, "us")]


def test_the_column_can_have_another_name(new_database: NewDatabase, start: Start) -> None:
    tables = ["CREATE TABLE t (id integer, shard text)", "INSERT INTO t VALUES (1, 'own')"]
    both = start([new_database(*tables), new_database(*tables)], None, 'shard_column = "The Region"')
    both.refresh()
    assert both.differences("t", column="The Region") == []
    assert both.client.sql("SELECT shard FROM t WHERE \"The Region\" = 'eu'").rows() == [("own",)]


ODD_NAMES = [
    "O'Brien",
    "back\\slash",
    "\\'; DROP TABLE t; --",
    "größe 表 😀",
    "new\nline",
    'with "quotes"',
    " ",
]


@pytest.mark.parametrize("reader", ["copy", "connectorx"])
@pytest.mark.parametrize("conforming", ["on", "off"])
def test_odd_names_of_shards(conforming: str, reader: str, new_database: NewDatabase, start: Start) -> None:
    urls = [new_database("CREATE TABLE t AS SELECT 1 AS id") for _ in ODD_NAMES]
    for url in urls:
        with psycopg.connect(url, autocommit=True) as database:
            name = sql.Identifier(database.info.dbname).as_string()
            database.execute(f"ALTER DATABASE {name} SET standard_conforming_strings = {conforming}".encode())
    both = start(urls, 'mode = "diff"', f'reader = "{reader}"', names=ODD_NAMES)
    both.refresh()
    assert both.differences("t") == []
    for name in ODD_NAMES:
        both.run(name, "INSERT INTO t VALUES (2)")
    assert both.refresh() == {"t": 2 * len(ODD_NAMES)}
    assert both.differences("t") == []
    assert both.client.sql("SELECT DISTINCT shard FROM t ORDER BY 1").rows() == [
        (name,) for name in sorted(ODD_NAMES)
    ]


LIBRARY = [
    "CREATE TABLE shelf (room integer, place integer, PRIMARY KEY (place, room))",
    """CREATE TABLE book (id bigint CONSTRAINT book_key PRIMARY KEY, at_place integer, in_room integer,
           sequel_to bigint REFERENCES book ON DELETE CASCADE,
           CONSTRAINT stands FOREIGN KEY (in_room, at_place) REFERENCES shelf (room, place))""",
]


def test_keys_have_the_shard_too(new_database: NewDatabase, start: Start) -> None:
    loose = "CREATE TABLE loose (id integer {}, other integer {})"
    eu = new_database(*LIBRARY, loose.format("PRIMARY KEY", ""))
    us = new_database(*LIBRARY, loose.format("", "PRIMARY KEY"))
    both = start([eu, us])
    both.refresh()

    def columns(name: str, table: str, *wanted: str) -> list[tuple[object, ...]]:
        return rows(command(stock, name, table=table).select(wanted))

    with flight.connect(both.any.server.flight) as stock:
        key = ("column_name", "key_name", "key_sequence")
        primary = "CommandGetPrimaryKeys"
        assert columns(primary, "shelf", *key) == [
            ("place", "shelf_pkey", 1),
            ("room", "shelf_pkey", 2),
            ("shard", "shelf_pkey", 3),
        ]
        assert columns(primary, "book", *key) == [("id", "book_key", 1), ("shard", "book_key", 2)]
        assert columns(primary, "loose", *key) == []
        both_sides = ("fk_key_name", "fk_column_name", "pk_column_name", "pk_key_name", "key_sequence")
        assert sorted(columns("CommandGetImportedKeys", "book", *both_sides)) == [
            ("book_sequel_to_fkey", "sequel_to", "id", "book_key", 1),
            ("book_sequel_to_fkey", "shard", "shard", "book_key", 2),
            ("stands", "at_place", "place", "shelf_pkey", 2),
            ("stands", "in_room", "room", "shelf_pkey", 1),
            ("stands", "shard", "shard", "shelf_pkey", 3),
        ]


def test_one_of_them_is_down_and_back(
    stoppable_postgres: EmbeddedPostgres, new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    near = new_database(ORDERS, numbered(1, 30))
    far = stoppable_postgres.create_database("far_shard")
    run(far, ORDERS, numbered(1, 5))
    server = serve({}, *configuration(tmp_path, sharded([near, far], 'mode = "diff"')))
    with shards(server, [near, far]) as both:
        both.refresh()
        assert both.differences("orders") == []
        before = both.client.status().tables
    stoppable_postgres.stop()
    run(near, numbered(31, 31))
    with rail_forge.connect(server.flight) as client:
        place = f"127.0.0.1:{stoppable_postgres.port}/far_shard"
        with pytest.raises(rail_forge.ServerUnavailable, match=f'source "shop": {place} cannot be reached'):
            client.refresh()
        assert client.sql("SELECT count(*) FROM orders").rows() == [(35,)]
        after = client.status()
        assert [table.as_of for table in after.tables] == [table.as_of for table in before]
        [source] = after.sources
        assert source.state == "failing"
        assert place in str(source.message)
    stoppable_postgres.start()
    with shards(server, [near, far]) as both:
        assert both.refresh() == {"orders": 1}
        assert both.differences("orders") == []
        assert both.client.status().sources[0].state == "ready"


@pytest.mark.parametrize("mode", ['mode = "full"', 'mode = "diff"', BY_ID])
def test_other_shards_after_a_restart(
    mode: str, new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    eu = new_database(ORDERS, numbered(1, 10), "CREATE TABLE only_eu (id integer)")
    us = new_database(ORDERS, numbered(5, 40), "CREATE TABLE only_us (id integer)")
    asia = new_database(ORDERS, numbered(1, 1))
    for names, urls in [
        (["eu", "us"], [eu, us]),
        (["emea", "us"], [eu, us]),
        (["us", "emea"], [eu, us]),
        (["us"], [us]),
        (["us", "asia"], [us, asia]),
        (["asia", "us"], [asia, us]),
    ]:
        server = serve(
            {}, *configuration(tmp_path, sharded(urls, mode, names=names)), data_dir=tmp_path / "data"
        )
        with shards(server, urls, names) as both:
            both.refresh()
            assert both.differences("orders") == [], names
            tables = {table.table for table in both.client.status().tables}
            assert ("only_eu" in tables) == (eu in urls)
            both.run(names[0], "INSERT INTO orders SELECT max(id) + 1 FROM orders")
            both.refresh()
            assert both.differences("orders") == [], names
        server.stop()


def test_other_databases_are_read_at_the_start(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    eu, us = new_database(ORDERS, numbered(1, 10)), new_database(ORDERS, numbered(1, 40))
    only_eu = f'[[source]]\nname = "shop"\nurl = "{eu}"\n'
    for settings, wanted in [
        (only_eu, 10),
        (sharded([eu, us]), 50),
        (sharded([eu, us]), 50),
        (sharded([us]), 40),
        (only_eu, 10),
    ]:
        file = configuration(tmp_path, settings)
        server = serve({}, *file, "--initial-refresh", "missing", data_dir=tmp_path / "data")
        with rail_forge.connect(server.flight) as client:

            def is_read(client: rail_forge.Client = client, wanted: int = wanted) -> bool:
                return [table.rows for table in client.status().tables] == [wanted]

            until(is_read, f"{wanted} rows")
        server.stop()


def test_from_one_database_to_several_and_back(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    eu, us = new_database(ORDERS, numbered(1, 10)), new_database(ORDERS, numbered(1, 40))
    alone = f'[[source]]\nname = "shop"\nurl = "{eu}"\nrefresh = {{ mode = "diff" }}\n'
    several = sharded([eu, us], 'mode = "diff"')
    for settings, columns in [(alone, 3), (several, 4), (alone, 3)]:
        server = serve({}, *configuration(tmp_path, settings), data_dir=tmp_path / "data")
        refresh(server)
        refresh(server)
        [row] = answer(server, "SELECT * FROM orders WHERE id = 3 ORDER BY note LIMIT 1")
        assert len(row) == columns
        [(count,)] = answer(server, "SELECT count(*) FROM orders")
        assert count == (50 if columns == 4 else 10)
        server.stop()


@contextmanager
def transfers(url: str) -> Iterator[None]:
    """During the block, money moves from one table to the other and back."""
    stop = threading.Event()

    def work() -> None:
        with psycopg.connect(url) as connection:
            for number in count():
                tables = ("here", "there")[:: 1 if number % 2 else -1]
                for table, change in zip(tables, (-1, 1), strict=True):
                    sets = f"balance = balance + {change}, moment = {number}"
                    connection.execute(f"UPDATE {table} SET {sets} WHERE id = {number % 50}".encode())
                connection.commit()
                if stop.is_set():
                    return

    with ThreadPoolExecutor(1) as thread:
        working = thread.submit(work)
        try:
            yield
        finally:
            stop.set()
        working.result()


@pytest.mark.parametrize("mode", ['mode = "full"', 'mode = "diff"'])
def test_the_tables_of_a_shard_are_of_one_moment(mode: str, new_database: NewDatabase, start: Start) -> None:
    create = """CREATE TABLE {} AS SELECT i AS id, 10 AS balance, 0 AS moment, repeat('x', 500) AS note
                FROM generate_series(0, 49) AS i"""
    urls = [new_database(*(create.format(table) for table in ("here", "there"))) for _ in NAMES]
    both = start(urls, mode)
    both_tables = (
        "(SELECT shard, balance, moment FROM here UNION ALL SELECT shard, balance, moment FROM there)"
    )
    query = f"SELECT shard, sum(balance), max(moment) FROM {both_tables} AS t GROUP BY shard ORDER BY shard"
    moments = set()
    with transfers(urls[0]), transfers(urls[1]):
        for _ in range(15):
            both.refresh()
            result = both.client.sql(query).rows()
            assert [row[:2] for row in result] == [("eu", 1000), ("us", 1000)]
            moments.add(tuple(row[2] for row in result))
    assert len(moments) > 10
    both.refresh()
    assert both.differences("here", "there") == []


@pytest.mark.parametrize("mode", ['mode = "full"', BY_ID, 'mode = "diff"'])
def test_one_of_them_is_killed_in_the_middle_of_a_pull(
    mode: str, stoppable_postgres: EmbeddedPostgres, new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    create = """CREATE TABLE t AS SELECT i AS id, 0 AS v, repeat('x', 500) AS x
                FROM generate_series(1, {}) AS i"""
    held = "CREATE TABLE held (id integer)"
    near = new_database(create.format(10), held)
    far = stoppable_postgres.create_database(f"killed_shard_{secrets.token_hex(4)}")
    run(far, create.format(1000), held)
    server = serve({}, *configuration(tmp_path, sharded([near, far], mode, 'lock_timeout = "1m"')))
    before = refresh(server)[0].as_of
    change = """INSERT INTO t SELECT 1000 + i, 1, repeat('x', 500) FROM generate_series(1, 150000) AS i;
                UPDATE t SET v = 1"""
    # The servers of tests lose what was committed last when they are killed.
    run(far, f"SET synchronous_commit = on; {change}")
    run(near, "INSERT INTO t VALUES (11, 1)")
    sums = "SELECT shard, count(*), sum(v) FROM t GROUP BY shard ORDER BY shard"
    # A refresh that waits for another table does not end before PostgreSQL.
    with rail_forge.connect(server.flight) as client, locked(far, "held"):
        answers = client._connection._client.do_action(("rail_forge.refresh", b""))
        # More than the whole of the near one.
        next(body for body in answers if json.loads(body.body.to_pybytes()).get("rows", 0) > 1000)
        stoppable_postgres.kill()
        with pytest.raises(Exception, match=r'source "shop": (shard "us" \(|127)'):
            list(answers)
        result = client.sql(sums)
        assert (result.rows(), result.as_of) == ([("eu", 10, 0), ("us", 1000, 0)], before)
    stoppable_postgres.start()
    refresh(server)
    new = 0 if mode == BY_ID else 1000
    assert answer(server, sums) == [("eu", 11, 1), ("us", 151_000, 150_000 + new)]


def test_moments_and_locations(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> None:
    urls = [new_database(ORDERS, numbered(1, 2)) for _ in range(3)]
    file = configuration(tmp_path, sharded(urls, names=None))
    server = serve({}, *file)
    with shards(server, urls) as both:
        now = "SELECT clock_timestamp()"
        before = both.any.database.execute(now).fetchall()[0][0]
        both.refresh()
        after = both.any.database.execute(now).fetchall()[0][0]
        [status] = both.client.status().tables
        result = both.client.sql("SELECT DISTINCT shard FROM orders ORDER BY 1")
        assert result.as_of == status.as_of
        assert status.as_of is not None
        assert before <= status.as_of.time <= after
        # Positions of several databases cannot be compared.
        assert status.as_of.lsn == "0/0"
        named = result.rows()
    places = [url.rpartition("@")[2].partition("?")[0] for url in urls]
    assert named == [(place,) for place in sorted(places)]
    checked = run_cli("check", *file)
    assert f"source shop: {', '.join(places)}" in checked.stdout
    shown = json.loads(run_cli("check", "--json", *file).stdout)
    assert shown["sources"] == [{"name": "shop", "location": ", ".join(places)}]


def test_one_url_is_a_shard_too(new_database: NewDatabase, start: Start) -> None:
    both = start([new_database(ORDERS, numbered(1, 2))])
    both.refresh()
    assert both.differences("orders") == []
    assert both.client.sql("SELECT DISTINCT shard FROM orders").rows() == [("eu",)]


def test_labels_of_enums_are_those_of_each_shard(
    new_database: NewDatabase, twin: Callable[[str], str], start: Start
) -> None:
    first = new_database(
        "CREATE TYPE mood AS ENUM ('good', 'bad')",
        "CREATE TABLE t AS SELECT i AS id, 'good'::mood AS m FROM generate_series(1, 9) AS i",
    )
    both = start([first, twin(first)], 'mode = "diff"')
    both.refresh()
    both.run("us", "ALTER TYPE mood RENAME VALUE 'good' TO 'fine'")
    assert both.refresh() == {"t": 18}
    assert both.differences("t") == []


def test_a_value_of_one_shard_decides_for_all(new_database: NewDatabase, start: Start) -> None:
    create = "CREATE TABLE t (id integer PRIMARY KEY, a integer[], n numeric, r numeric(8,2))"
    eu = new_database(create, "INSERT INTO t VALUES (1, '{1,2}', 1.25, 1)")
    us = new_database(create, "INSERT INTO t VALUES (1, '{{1},{2}}', 12345678901234567890.5, 2)")
    both = start([eu, us], 'mode = "diff"')
    both.refresh()
    assert both.differences("t") == []
    assert both.client.sql("SELECT a FROM t ORDER BY shard").rows() == [("{1,2}",), ("{{1},{2}}",)]
    both.run("us", "UPDATE t SET r = 'NaN'")
    [error] = both.errors().values()
    assert 'column "r": in shard "us": row id = 1: ' in error


def test_nulls_for_what_arrow_cannot_hold(new_database: NewDatabase, start: Start) -> None:
    create = "CREATE TABLE t AS SELECT 'infinity'::date AS d"
    both = start([new_database(create), new_database(create)], None, 'unrepresentable = "null"')
    both.refresh()
    frame = both.client.sql("SELECT * FROM t ORDER BY shard").arrow()
    assert rows(frame) == [(None, "eu"), (None, "us")]
    assert [field.nullable for field in frame.schema] == [True, False]


def test_a_role_that_may_not_read_in_one_shard(
    own_postgres: EmbeddedPostgres, serve: Serve, tmp_path: Path
) -> None:
    urls = []
    for number, rights in enumerate(["t, c", "u"]):
        name = f"rights_{number}_{secrets.token_hex(4)}"
        run(
            own_postgres.create_database(name),
            *(f"CREATE TABLE {table} (id integer, x integer)" for table in "tuc"),
            f"GRANT SELECT ON {rights} TO locked",
            *(["GRANT SELECT (id) ON c TO locked"] if number else []),
        )
        urls.append(own_postgres.url(name, "locked", "right"))
    server = serve({}, *configuration(tmp_path, sharded(urls)))
    with mirror(server, own_postgres.url()) as both:
        errors = both.try_refresh().errors
    assert 'in shard "us", the role of the connection may not read it; grant SELECT' in errors["t"]
    assert 'in shard "eu", the role of the connection may not read it; grant SELECT' in errors["u"]
    assert 'shard "eu" has a column "x", and shard "us" has none that the role may read' in errors["c"]


def test_a_lock_in_one_shard_names_it(new_database: NewDatabase, start: Start) -> None:
    tables = ["CREATE TABLE busy AS SELECT 1 AS id", "CREATE TABLE free AS SELECT 1 AS id"]
    urls = [new_database(*tables), new_database(*tables)]
    both = start(urls, None, 'lock_timeout = "200ms"')
    both.refresh()
    with psycopg.connect(urls[1]) as other:
        other.execute("LOCK TABLE busy IN ACCESS EXCLUSIVE MODE")
        both.run("eu", "INSERT INTO free VALUES (2)")
        errors = both.errors()
    assert errors.keys() == {"busy"}
    assert 'in shard "us": somebody holds a lock' in errors["busy"]
    assert both.differences("busy", "free") == []


def test_connections_are_those_to_all_databases_together(new_database: NewDatabase, start: Start) -> None:
    tables = ["CREATE TABLE busy AS SELECT 1 AS id", "CREATE TABLE free AS SELECT 1 AS id"]
    urls = [new_database(*tables), new_database(*tables)]
    both = start(urls, None, "connections = 1", 'lock_timeout = "1m"')
    waiting = """SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database
                 WHERE NOT granted AND datname = current_database()"""
    connected = """SELECT application_name, count(*) FROM pg_stat_activity
                   WHERE datname = ANY(%s) AND application_name LIKE 'rail-forge%%' GROUP BY 1 ORDER BY 1"""
    with psycopg.connect(urls[1]) as other, ThreadPoolExecutor(1) as thread:
        other.execute("LOCK TABLE busy IN ACCESS EXCLUSIVE MODE")
        refreshing = thread.submit(refresh, both.any.server)
        eu, us = (both.mirrors[name].database for name in NAMES)
        until(lambda: us.execute(waiting).fetchone() == (1,), "the refresh waits for the table")
        databases = [eu.info.dbname, us.info.dbname]
        assert us.execute(connected, [databases]).fetchall() == [
            ("rail-forge catalogue", 2),
            ("rail-forge pull", 1),
        ]
        other.rollback()
        refreshing.result()
        until(lambda: us.execute(connected, [databases]).fetchall() == [], "no connection stays")
    assert both.differences("busy", "free") == []


def test_many_pages_in_several_databases(new_database: NewDatabase, start: Start) -> None:
    # More than one range of pages (64 MiB) in each, so that connections go from one database to another.
    create = """CREATE TABLE large AS SELECT i AS id, repeat('x', 1000) AS filler
                FROM generate_series(1, 70000) AS i"""
    small = [f"CREATE TABLE small_{number} AS SELECT {number} AS id" for number in range(8)]
    both = start([new_database(create, *small, "ANALYZE") for _ in range(2)], 'mode = "diff"')
    both.refresh()
    for shard in NAMES:
        both.run(shard, f"UPDATE large SET filler = '{shard}' WHERE id % 10000 = 1")
    assert both.refresh() == {"large": 14}
    query = "SELECT count(*), sum(id), min(filler), sum(length(filler)) FROM large"
    for shard in NAMES:
        wanted = both.mirrors[shard].database.execute(query.encode()).fetchall()
        assert both.client.sql(f"{query} WHERE shard = '{shard}'").rows() == wanted
    assert both.differences(*(f"small_{number}" for number in range(8))) == []
