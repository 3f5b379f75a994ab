"""Columns in memory: the same answers, bounded memory, and what was hot is hot after a restart."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from comparison import connect_as_reference, multiset, reference_rows
from conftest import NO_REFRESH, NO_RESULTS, refresh, run
from object_storage import BUCKET, PREFIX, object_storage
from test_tpch import ORDER_KEYS, QUERIES
from waiting import until

import rail_forge
from rail_forge_testbed.server import RailForgeServer, run_cli
from rail_forge_testbed.tpch import load_tpch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import psycopg
    from conftest import NewDatabase, Serve, Served

SMALL_SCALE_FACTOR = 0.01
MIB = 1 << 20
SQL = {number: (QUERIES / f"q{number:02}.sql").read_text() for number in ORDER_KEYS}
FROM_MEMORY = re.compile(r"from_memory=(\d+)/(\d+)")
# Rows of four files or so, which refreshes replace.
TABLE = """CREATE TABLE t AS SELECT i AS id, i % 7 AS kind, md5(i::text) AS code
           FROM generate_series(1, 200000) AS i"""
SUM = "SELECT kind, count(*), sum(id), min(code) FROM t GROUP BY kind ORDER BY kind"
COLUMNS_OF_SUM = 3


@pytest.fixture
def small_tpch(new_database: NewDatabase) -> str:
    """The URL of a small TPC-H that the test may change."""
    url = new_database()
    load_tpch(url, SMALL_SCALE_FACTOR)
    return url


@pytest.fixture
def numbers(new_database: NewDatabase) -> str:
    return new_database(TABLE)


@pytest.fixture
def reference(small_tpch: str) -> Iterator[psycopg.Connection]:
    with connect_as_reference(small_tpch) as connection:
        yield connection


def cache(client: rail_forge.Client) -> rail_forge.CacheStatus:
    found = client.status().cache
    assert found is not None
    assert found.bytes <= found.limit_bytes
    return found


def from_memory(client: rail_forge.Client, sql: str) -> tuple[int, int]:
    """How many files the query would read from memory, and how many in all; running it is no part of this."""
    plan = "\n".join(line for (line,) in client.sql(f"EXPLAIN {sql}").rows())
    counts = [(int(some), int(all_of_them)) for some, all_of_them in FROM_MEMORY.findall(plan)]
    return sum(some for some, _ in counts), sum(all_of_them for _, all_of_them in counts)


def all_from_memory(client: rail_forge.Client, sql: str) -> bool:
    some, all_of_them = from_memory(client, sql)
    return some == all_of_them


def warm(client: rail_forge.Client, *statements: str) -> None:
    """Run queries until they read nothing but memory. Files that they can do without are not loaded."""
    for sql in statements:

        def is_warm(sql: str = sql) -> bool:
            before = cache(client).misses
            client.sql(sql).rows()
            return cache(client).misses == before

        until(is_warm, f"all that is read is in memory: {sql}", seconds=60)


def answers(client: rail_forge.Client) -> dict[int, object]:
    return {number: multiset(client.sql(sql).rows()) for number, sql in SQL.items()}


def test_answers_are_the_same_without_cold_and_hot(tpch: Served, serve: Serve) -> None:
    without = serve({"tpch": tpch.url}, *NO_RESULTS, "--cache-memory", "0B")
    server = serve({"tpch": tpch.url}, *NO_RESULTS, "--cache-memory", "1GiB")
    refresh(without)
    refresh(server)
    with rail_forge.connect(without.flight) as client:
        wanted = answers(client)
        assert client.status().cache is None
        assert from_memory(client, SQL[1]) == (0, 0)
    with rail_forge.connect(server.flight) as client:
        assert cache(client).columns == 0
        assert from_memory(client, SQL[1])[0] == 0
        assert answers(client) == wanted
        warm(client, *SQL.values())
        before = cache(client)
        assert answers(client) == wanted
        assert cache(client).hits > before.hits


def test_answers_follow_what_a_diff_deletes(
    small_tpch: str, reference: psycopg.Connection, serve: Serve, tmp_path: Path
) -> None:
    configuration = tmp_path / "rail-forge.toml"
    configuration.write_text(
        f'[server]\ncache_memory = "500MiB"\n[[source]]\nname = "tpch"\nurl = {json.dumps(small_tpch)}\n'
        'refresh = { mode = "diff" }\n'
    )
    server = serve({}, "--config", str(configuration), *NO_RESULTS)
    refresh(server)
    with rail_forge.connect(server.flight) as client:
        warm(client, *SQL.values())
        for step in (97, 31):
            run(
                small_tpch,
                f"DELETE FROM lineitem WHERE l_orderkey % {step} = 0",
                f"UPDATE lineitem SET l_quantity = l_quantity + 1 WHERE l_orderkey % {step} = 5",
                f"UPDATE orders SET o_totalprice = o_totalprice * 2 WHERE o_orderkey % {step} = 3",
                f"UPDATE customer SET c_mktsegment = 'BUILDING' WHERE c_custkey % {step} = 1",
            )
            client.refresh()
            wanted = {number: multiset(reference_rows(reference, sql)) for number, sql in SQL.items()}
            # Now some of the files are in memory, and the new ones need not be.
            assert answers(client) == wanted
            warm(client, *SQL.values())
            assert answers(client) == wanted


def test_columns_of_every_kind_can_be_in_memory(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database(
        """CREATE TABLE t AS SELECT i AS id, i * 0.5 AS free, i::numeric(12, 3) AS fixed, i AS "a.b",
               CASE WHEN i % 3 > 0 THEN i::real / 3 END AS single, i % 3 = 0 AS flag, 'NaN'::float8 AS nan,
               ARRAY[i, NULL] AS list, ARRAY[i * 0.25] AS free_list, make_interval(days => i) AS span,
               decode(md5(i::text), 'hex') AS hash, 'mood ' || i AS text,
               now() - make_interval(hours => i) AS at
           FROM generate_series(1, 20000) AS i""",
        "CREATE VIEW v AS SELECT avg(id) AS mean FROM t GROUP BY id % 10",
    )
    server = serve({"numbers": url}, *NO_RESULTS, "--cache-memory", "100MiB")
    refresh(server)
    questions = [
        "SELECT * FROM t ORDER BY id",
        'SELECT "a.b", free FROM t WHERE free > 9999.5 ORDER BY "a.b"',
        "SELECT count(*) FROM t WHERE nan > 5",
        "SELECT sum(mean) FROM v",
    ]
    with rail_forge.connect(server.flight) as client:
        before = [client.sql(question).rows() for question in questions]
        assert before[2] == [(20_000,)]
        warm(client, *questions)
        assert all(all_from_memory(client, question) for question in questions)
        # NaN is not itself.
        assert [repr(client.sql(question).rows()) for question in questions] == [
            repr(rows) for rows in before
        ]


def test_the_budget_holds(tpch: Served, serve: Serve) -> None:
    server = serve({"tpch": tpch.url}, *NO_RESULTS, "--cache-memory", "10MiB")
    refresh(server)
    with rail_forge.connect(server.flight) as client:
        assert cache(client).limit_bytes == 10 * MIB
        wanted = answers(client)
        until(lambda: cache(client).columns > 0, "something is in memory")
        for _ in range(3):
            for number, sql in SQL.items():
                assert multiset(client.sql(sql).rows()) == wanted[number]
                cache(client)
        # One file's columns of lineitem take more than there is.
        assert not all_from_memory(client, SQL[1])


def test_what_is_used_most_stays(numbers: str, serve: Serve) -> None:
    run(numbers, TABLE.replace("CREATE TABLE t", "CREATE TABLE large"))
    # There is room for the numbers of one of the tables.
    server = serve({"shop": numbers}, *NO_RESULTS, "--cache-memory", "3MiB")
    refresh(server)
    often, once = ("SELECT sum(id), sum(kind) FROM t", "SELECT sum(id), sum(kind) FROM large")
    with rail_forge.connect(server.flight) as client:
        warm(client, often)
        client.sql(often).rows()
        for _ in range(2):
            client.sql(once).rows()
            assert all_from_memory(client, often)
        # What has become more frequent takes its place.
        warm(client, once)
        assert not all_from_memory(client, often)


def test_a_restart_brings_memory_back(numbers: str, serve: Serve, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    server = serve({"shop": numbers}, *NO_RESULTS, data_dir=data_dir)
    refresh(server)
    with rail_forge.connect(server.flight) as client:
        warm(client, SUM)
        wanted = client.sql(SUM).rows()
    assert server.stop() == 0
    summary = data_dir / "hot.json"
    assert summary.exists()
    server.start()
    with rail_forge.connect(server.flight) as client:
        until(lambda: all_from_memory(client, SUM), "what was hot is hot again")
        assert cache(client).misses == 0
        assert client.sql(SUM).rows() == wanted
        assert cache(client).misses == 0
    for damage in (b"", b"{", b'{"format":1,"files":{"data/x":{"id":1e308}}}', b"\xff" * 1000):
        server.kill()
        summary.write_bytes(damage)
        server.start()
        with rail_forge.connect(server.flight) as client:
            assert cache(client).columns == 0
            assert client.sql(SUM).rows() == wanted


def test_a_refresh_replaces_what_is_in_memory(numbers: str, serve: Serve) -> None:
    server = serve({"shop": numbers}, *NO_RESULTS, "--keep-versions", "1", "--keep-replaced", "1s")
    refresh(server)
    with rail_forge.connect(server.flight) as client:
        warm(client, SUM)
        before = cache(client)
        _, files = from_memory(client, SUM)
        assert before.columns == COLUMNS_OF_SUM * files
        run(numbers, "UPDATE t SET id = -id WHERE kind = 3")
        client.refresh()
        # Without a query, the new files come and the old ones go.
        until(lambda: all_from_memory(client, SUM), "the new files are in memory")
        _, files = from_memory(client, SUM)
        until(lambda: cache(client).columns == COLUMNS_OF_SUM * files, "the old files are not", seconds=30)
        assert cache(client).misses == before.misses
        with connect_as_reference(numbers) as connection:
            assert client.sql(SUM).rows() == reference_rows(connection, SUM)
        run(numbers, "DROP TABLE t", "CREATE TABLE t (id integer, kind integer, code text)")
        client.refresh()
        until(lambda: cache(client).bytes == 0, "nothing is left of it", seconds=30)


def test_columns_in_memory_need_no_bucket(numbers: str, tmp_path: Path) -> None:
    with object_storage() as storage:
        environment = {**storage.environment, "TMPDIR": str(tmp_path)}
        place = f"s3://{BUCKET}/{PREFIX}"
        with (
            RailForgeServer(
                {"shop": numbers}, data_dir=place, arguments=[*NO_REFRESH, *NO_RESULTS], env=environment
            ) as server,
            rail_forge.connect(server.flight) as client,
        ):
            client.refresh()
            warm(client, SUM)
            wanted = client.sql(SUM).rows()
            storage.line.cut()
            assert client.sql(SUM).rows() == wanted
            storage.line.mend()
            assert server.stop() == 0
        assert not [name for name in storage.objects() if "hot" in name]


def test_status_tells_what_is_in_memory(numbers: str, serve: Serve) -> None:
    server = serve({"shop": numbers}, *NO_RESULTS, "--cache-memory", "100MiB")
    refresh(server)
    with rail_forge.connect(server.flight) as client:
        warm(client, SUM)
    ended = run_cli("status", "--url", server.flight)
    assert re.search(
        r"of 100\.0 MiB in memory, \d+ columns; \d+ of \d+ files were read from there", ended.stdout
    )
    ended = run_cli("status", "--json", "--url", server.flight)
    assert set(json.loads(ended.stdout)["cache"]) == {"limit_bytes", "bytes", "columns", "hits", "misses"}
