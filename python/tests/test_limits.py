"""Queries that want more than there is: time, memory, plans without end. They end, and the server goes on."""

from __future__ import annotations

import resource
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from comparison import connect_as_reference, reference_rows
from conftest import NO_RESULTS, answer, refresh, run
from pyarrow import flight
from waiting import in_time, until, until_equal, until_idle

import rail_forge
from rail_forge_testbed.probes import metrics

if TYPE_CHECKING:
    from conftest import NewDatabase, Serve

    from rail_forge_testbed.server import RailForgeServer

TIMEOUT_SECONDS = 1
# From the deadline to the error at the client.
GRACE_SECONDS = 1.5
CLIENT_SECONDS = 20.0
# More than the machine has processors; they end when their clients close them, and in any case after this.
LONG_QUERIES = 4
LONG_SECONDS = 60.0
# Long, because what has been given up may take a while to notice on a machine that has other work.
IDLE_SECONDS = 15.0
# Time for a sort that spills, and for a refresh, before the deadline of a query that nobody reads.
STALLED_SECONDS = 5
MIB = 1 << 20
MEMORY_LIMIT_MIB = 64
# What a server may take beside its queries: code, the pull's batches, results on their way.
OWN_MIB = 400
# Of address space: a server that forgets its limits dies, instead of the machine.
RESERVE_BYTES = 8 << 30


@pytest.fixture(scope="module")
def numbers(new_database: NewDatabase) -> str:
    """The URL of a database with a table of 60,000 numbers and texts."""
    return new_database(
        """CREATE TABLE n AS SELECT i AS id, md5(i::text) || repeat('x', 200) AS t
           FROM generate_series(1, 60000) AS i"""
    )


@pytest.fixture
def limited(numbers: str, serve: Serve) -> RailForgeServer:
    limits = ("--query-timeout", f"{TIMEOUT_SECONDS}s", "--memory-limit", f"{MEMORY_LIMIT_MIB}MiB")
    return guarded(serve({"shop": numbers}, *limits, *NO_RESULTS))


@pytest.fixture
def patient(numbers: str, serve: Serve) -> RailForgeServer:
    return guarded(serve({"shop": numbers}, *NO_RESULTS))


def guarded(server: RailForgeServer) -> RailForgeServer:
    resource.prlimit(server.pid, resource.RLIMIT_AS, (RESERVE_BYTES, RESERVE_BYTES))
    refresh(server)
    return server


def is_well(server: RailForgeServer) -> None:
    """The server lives, computes nothing any more and answers at once."""
    assert server.exit_code() is None, server.log[-2000:]
    until_idle(server.pid, IDLE_SECONDS)
    assert in_time(lambda: answer(server, "SELECT count(*) FROM n"), 1) == [(60_000,)]


CTE_DOUBLING = "WITH c0 AS (SELECT 1 AS x)" + "".join(
    f", c{level} AS (SELECT a.x FROM c{level - 1} a, c{level - 1} b)" for level in range(1, 17)
)

RECURSIVE = "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT {step} FROM r)"
ENDLESS = {
    "recursive aggregate": f"{RECURSIVE.format(step='x + 1')} SELECT count(*) FROM r",
    "recursive rows": f"{RECURSIVE.format(step='x')} SELECT x FROM r WHERE x = 2",
    "cross join, summed": "SELECT sum(a.id * b.id + c.id) FROM n a CROSS JOIN n b CROSS JOIN n c",
    "cross join, nothing found": "SELECT count(*) FROM n a, n b, n c WHERE a.id + b.id + c.id = 7",
    "cross join, sorted": "SELECT a.id FROM n a CROSS JOIN n b ORDER BY a.id + b.id",
    "cross join, grouped": "SELECT a.id + b.id, count(*) FROM n a CROSS JOIN n b GROUP BY 1",
    "range join": "SELECT count(*) FROM n a JOIN n b ON a.id < b.id JOIN n c ON b.id < c.id",
    "skewed join": "SELECT count(*) FROM n a JOIN n b ON a.id % 2 = b.id % 2 JOIN n c ON c.id % 2 = a.id % 2",
    "semi join": "SELECT count(*) FROM n a WHERE EXISTS (SELECT FROM n b WHERE b.t || a.t = 'x')",
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_an_endless_query_ends_at_its_deadline(kind: str, limited: RailForgeServer) -> None:
    def ends() -> None:
        with (
            rail_forge.connect(limited.flight, timeout=CLIENT_SECONDS) as client,
            pytest.raises((rail_forge.QueryTimeout, rail_forge.ServerError)) as raised,
        ):
            client.sql(ENDLESS[kind]).rows()
        if isinstance(raised.value, rail_forge.QueryTimeout):
            assert "stopped after 1 s" in str(raised.value)
            assert "query_timeout" in str(raised.value)
        else:  # it ran out of memory first
            assert "memory_limit" in str(raised.value)

    in_time(ends, TIMEOUT_SECONDS + GRACE_SECONDS)
    is_well(limited)


PLANS = {
    "CTEs that double": f"{CTE_DOUBLING} SELECT count(*) FROM c16",
    "a cube of twenty": f"SELECT count(*) FROM n GROUP BY CUBE ({', '.join(f'id + {i}' for i in range(20))})",
    "many columns": "SELECT " + ", ".join(f"id AS c{i}" for i in range(5_000)) + " FROM n LIMIT 1",
    "many tables": "SELECT count(*) FROM " + ", ".join(f"n AS n{i}" for i in range(300)) + " WHERE n1.id = 0",
    "many joins": "SELECT count(*) FROM n "
    + " ".join(f"JOIN n AS n{i} ON n.id = n{i}.id" for i in range(300)),
}


@pytest.mark.parametrize("kind", PLANS)
def test_a_plan_without_end_is_refused_or_answered(kind: str, limited: RailForgeServer) -> None:
    def ends() -> None:
        with rail_forge.connect(limited.flight, timeout=CLIENT_SECONDS) as client:
            try:
                client.sql(PLANS[kind]).rows()
            except (rail_forge.ServerError, rail_forge.QueryTimeout) as error:
                words = ("at most", "query_timeout", "memory_limit")
                assert any(word in str(error) for word in words), error  # noqa: PT017

    in_time(ends, TIMEOUT_SECONDS + GRACE_SECONDS)
    is_well(limited)


LARGE = {
    "sort": "SELECT t FROM n a, (SELECT id FROM n WHERE id <= 20) b ORDER BY t, a.id + b.id",
    "distinct": "SELECT count(DISTINCT a.t || b.id) FROM n a, (SELECT id FROM n WHERE id <= 20) b",
    "join": "SELECT count(*) FROM n a JOIN n b ON a.t || a.id = b.t || b.id",
}


@pytest.mark.parametrize("kind", LARGE)
def test_memory_stays_within_its_limit(kind: str, limited: RailForgeServer) -> None:
    with rail_forge.connect(limited.flight, timeout=CLIENT_SECONDS) as client:
        try:
            client.sql(LARGE[kind]).rows()
        except rail_forge.Error as error:
            assert not isinstance(error, rail_forge.ServerUnavailable), kind  # noqa: PT017
    assert limited.exit_code() is None, limited.log[-2000:]
    assert limited.peak_memory_bytes // MIB < MEMORY_LIMIT_MIB + OWN_MIB


def test_a_query_over_the_memory_limit_says_so(numbers: str, serve: Serve) -> None:
    server = guarded(serve({"shop": numbers}, *NO_RESULTS, "--memory-limit", "2MiB"))
    with pytest.raises(rail_forge.ServerError, match=r"more memory.*memory_limit") as raised:
        answer(server, "SELECT id, t FROM n ORDER BY t")
    assert not str(raised.value).rstrip().endswith(":")
    is_well(server)


JOINS = ["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]
UNDER_PRESSURE = [
    # PostgreSQL has no FULL JOIN by an inequality.
    *(f"SELECT count(*), count(a.id), count(b.id) FROM a {join} b ON a.t < b.t" for join in JOINS[:3]),
    *(f"SELECT count(*), count(a.id), count(b.id) FROM a {join} b ON a.t = b.t" for join in JOINS),
    "SELECT count(*), sum(id) FROM a WHERE EXISTS (SELECT FROM b WHERE a.t < b.t)",
    "SELECT count(*), sum(id) FROM a WHERE NOT EXISTS (SELECT FROM b WHERE a.t < b.t)",
    "SELECT count(*), sum(x.id) FROM a x JOIN a y ON x.t < y.t JOIN a z ON y.t < z.t AND z.id < 20",
    "SELECT t, count(*) FROM (SELECT t FROM a UNION ALL SELECT t FROM b) u GROUP BY t ORDER BY t",
    "SELECT id, t, row_number() OVER (ORDER BY t) FROM a ORDER BY id",
    "SELECT count(DISTINCT t), min(t), max(t) FROM a",
]


@pytest.mark.parametrize("limit", ["64KiB", "256KiB", "1MiB"])
def test_an_answer_with_little_memory_is_right_or_none(
    limit: str, new_database: NewDatabase, serve: Serve
) -> None:
    rows = "SELECT i AS id, md5(i::text) || repeat('x', 200) AS t FROM generate_series({}) AS i"
    url = new_database(
        f"CREATE TABLE a AS {rows.format('1, 2000')}", f"CREATE TABLE b AS {rows.format('1000, 3000')}"
    )
    server = guarded(serve({"shop": url}, *NO_RESULTS, "--memory-limit", limit))
    wrong = {}
    with rail_forge.connect(server.flight) as client, connect_as_reference(url) as reference:
        for sql in UNDER_PRESSURE:
            wanted = reference_rows(reference, sql)
            try:
                got = client.sql(sql).rows()
            except rail_forge.ServerError as error:
                if "memory_limit" not in str(error):
                    wrong[sql] = str(error)
            else:
                if got != wanted:
                    wrong[sql] = f"{got[:3]} instead of {wanted[:3]}"
    assert wrong == {}


def test_a_query_over_the_spill_limit_says_so(numbers: str, serve: Serve) -> None:
    limits = ("--memory-limit", "32MiB", "--spill-limit", "1MiB")
    server = guarded(serve({"shop": numbers}, *limits, *NO_RESULTS))
    with pytest.raises(rail_forge.ServerError, match="spill_limit"):
        answer(server, "SELECT a.t FROM n a, (SELECT id FROM n WHERE id <= 20) b ORDER BY a.t, a.id + b.id")
    is_well(server)


def test_a_query_that_spills_answers_and_leaves_nothing(numbers: str, serve: Serve) -> None:
    server = guarded(serve({"shop": numbers}, *NO_RESULTS, "--memory-limit", "32MiB"))
    got = answer(
        server,
        """SELECT count(*), min(t) FROM (
               SELECT a.t, row_number() OVER (ORDER BY a.t, a.id + b.id) AS place
               FROM n a, (SELECT id FROM n WHERE id <= 5) b) AS numbered""",
    )
    assert got[0][0] == 300_000
    spilled = [path for path in (server.data_dir / "spill").rglob("*") if path.is_file()]
    assert spilled == []


def test_a_client_that_goes_away_ends_its_query(patient: RailForgeServer) -> None:
    with (
        rail_forge.connect(patient.flight, timeout=0.5) as client,
        pytest.raises(rail_forge.QueryTimeout),
    ):
        client.sql(ENDLESS["cross join, nothing found"]).rows()
    is_well(patient)


def held(server: RailForgeServer) -> tuple[float, float]:
    """The bytes that queries hold in memory and on disk."""
    told = metrics(server)
    return told.value("rail_forge_query_memory_bytes"), told.value("rail_forge_spill_bytes")


def test_a_query_that_nobody_reads_gives_back_what_it_holds_at_its_deadline(
    numbers: str, serve: Serve
) -> None:
    limits = ("--query-timeout", f"{STALLED_SECONDS}s", "--memory-limit", "64MiB")
    one_version = ("--keep-versions", "1", "--keep-replaced", "1ms")
    server = guarded(serve({"shop": numbers}, *limits, *one_version, *NO_RESULTS))
    sql = b"SELECT a.t FROM n a, (SELECT id FROM n WHERE id <= 10) b ORDER BY a.t, a.id + b.id"
    with flight.connect(server.flight) as client:
        [endpoint] = client.get_flight_info(flight.FlightDescriptor.for_command(sql)).endpoints
        reader = client.do_get(endpoint.ticket)
        assert reader.read_chunk().data.num_rows > 0
        assert min(held(server)) > 0
        # The files that it reads are replaced.
        run(numbers, "UPDATE n SET t = t WHERE id = 1")
        refresh(server)
        until_equal(lambda: held(server), (0, 0), "its memory and its disk are free")
        until(lambda: len(list((server.data_dir / "data").iterdir())) == 1, "its snapshot has gone")
        # Nothing of what was on its way is left but what the client had been sent.
        with pytest.raises(flight.FlightTimedOutError, match="query_timeout"):
            list(reader)
    is_well(server)


@pytest.mark.parametrize("kind", ["cross join, summed", "range join"])
def test_others_are_answered_while_long_queries_run(kind: str, patient: RailForgeServer) -> None:
    def asked() -> rail_forge.Client:
        return stack.enter_context(rail_forge.connect(patient.flight, timeout=LONG_SECONDS))

    with ExitStack() as stack:
        results = [asked().sql(ENDLESS[kind]) for _ in range(LONG_QUERIES)]
        threads = stack.enter_context(ThreadPoolExecutor(LONG_QUERIES))
        for result in results:
            stack.callback(result.close)
        long = [threads.submit(list, result.batches()) for result in results]
        until(lambda: metrics(patient).value("rail_forge_queries_running") == LONG_QUERIES, "all of them run")
        with rail_forge.connect(patient.flight, timeout=3) as client:
            for _ in range(10):
                assert client.sql("SELECT count(*) FROM n WHERE id < 100").rows() == [(99,)]
        assert not any(query.done() for query in long)
    assert all(isinstance(query.exception(), rail_forge.Error) for query in long)
    is_well(patient)
