"""Statements made to do harm, sent by several clients at once while another one asks for a small table.

Each ends in words that say why, or is answered; the other client never waits long, the server keeps to its
memory, and computes nothing any more when the answer is there. More that is endless is in test_limits.py.
"""

from __future__ import annotations

import re
import resource
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

import attack_plans
import attack_values
import pyarrow as pa
import pytest
from attacks import TIME, Attack
from conftest import NO_REFRESH, NO_RESULTS, refresh
from flight_sql_messages import descriptor, packed, prepare, put
from pyarrow import flight
from waiting import Late, unless_late, until_idle

import rail_forge
from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import NewDatabase

TIMEOUT_SECONDS = 1
# From the deadline to the error at the client.
GRACE_SECONDS = 1.5
CLIENT_SECONDS = 20.0
IDLE_SECONDS = 15.0
# How long anybody else waits.
WAIT_SECONDS = 1.0
ATTACKERS = 2
MIB = 1 << 20
MEMORY_LIMIT_MIB = 64
# What a server may take beside its queries: code, batches on their way, what its allocator keeps.
OWN_MIB = 400
# A server that has more before an attack is started anew: what earlier ones have left is not counted.
FRESH_MIB = 250
# Of address space: a server that forgets its limits dies, instead of the machine.
RESERVE_BYTES = 8 << 30
LIMITS = (
    *("--query-timeout", f"{TIMEOUT_SECONDS}s", "--memory-limit", f"{MEMORY_LIMIT_MIB}MiB"),
    *("--cache-memory", "16MiB", "--spill-limit", "64MiB"),
    *NO_RESULTS,
)


@pytest.fixture(scope="module")
def shared_victim(new_database: NewDatabase) -> Iterator[RailForgeServer]:
    url = new_database(
        """CREATE TABLE n AS SELECT i AS id, md5(i::text) || repeat('x', 200) AS t
           FROM generate_series(1, 60000) AS i""",
        "CREATE TABLE s AS SELECT i AS id, md5(i::text) AS t FROM generate_series(1, 10) AS i",
    )
    with RailForgeServer({"shop": url}, arguments=[*NO_REFRESH, *LIMITS]) as server:
        refresh(server)
        start_anew(server)
        yield server


@pytest.fixture
def victim(shared_victim: RailForgeServer) -> RailForgeServer:
    """A server with little of everything, as good as new."""
    server = shared_victim
    if server.exit_code() is None:
        server.forget_peak_memory()
        if server.peak_memory_bytes // MIB <= FRESH_MIB:
            return server
    start_anew(server)
    return server


def start_anew(server: RailForgeServer) -> None:
    server.kill()
    server.start()
    resource.prlimit(server.pid, resource.RLIMIT_AS, (RESERVE_BYTES, RESERVE_BYTES))
    server.forget_peak_memory()


def longest_wait(server: RailForgeServer, done: threading.Event, ready: threading.Event) -> float:
    """Ask for a small table until the attack is over, and at least once."""
    longest = 0.0
    with rail_forge.connect(server.flight, timeout=CLIENT_SECONDS) as client:
        client.sql("SELECT count(*) FROM s").rows()
        ready.set()
        while True:
            started = time.monotonic()
            # One that the server stops has waited for longer than it may.
            with suppress(rail_forge.QueryTimeout):
                assert client.sql("SELECT count(*) FROM s").rows() == [(10,)]
            longest = max(longest, time.monotonic() - started)
            if done.is_set():
                return longest


def outcome(server: RailForgeServer, attack: Attack) -> list[tuple[object, ...]] | str:
    """The rows, or the words of the error."""
    with rail_forge.connect(server.flight, timeout=CLIENT_SECONDS) as client:
        try:
            return client.sql(attack.sql, attack.params).rows()
        except (rail_forge.QueryError, rail_forge.QueryTimeout, rail_forge.ServerError) as error:
            assert not isinstance(error, rail_forge.ServerUnavailable), error  # noqa: PT017
            return str(error)


def withstands(server: RailForgeServer, attack: Attack) -> None:
    try:
        unless_late(lambda: is_withstood(server, attack), before_another=lambda: start_anew(server))
    except BaseException:
        # One that computes on would be blamed on the next attack.
        server.kill()
        raise


def is_withstood(server: RailForgeServer, attack: Attack) -> None:
    ready, done = threading.Event(), threading.Event()
    with ThreadPoolExecutor(ATTACKERS + 1) as threads:
        another = threads.submit(longest_wait, server, done, ready)
        try:
            assert ready.wait(CLIENT_SECONDS)
            started = time.monotonic()
            attacks = [threads.submit(outcome, server, attack) for _ in range(ATTACKERS)]
            outcomes = [attack.result() for attack in attacks]
            took = time.monotonic() - started
        finally:
            done.set()
    assert server.exit_code() is None, server.log[-2000:]
    waited = another.result()
    # On a slow machine, time can be over before there is an answer, or what is said otherwise.
    stopped = [got for got in outcomes if isinstance(got, str) and re.search(TIME, got)]
    for got in outcomes:
        if got in stopped:
            continue
        if attack.words:
            assert isinstance(got, str), f"it was answered: {got[:1]}"
            assert re.search(attack.words, got), got
        else:
            assert got == [(attack.answer,)]
    assert server.peak_memory_bytes // MIB < MEMORY_LIMIT_MIB + OWN_MIB
    if took > TIMEOUT_SECONDS / 2:
        until_idle(server.pid, IDLE_SECONDS)
    if stopped and not attack.words:
        raise Late(f"it was not answered: {stopped[0]}")
    if took >= TIMEOUT_SECONDS + GRACE_SECONDS or waited >= WAIT_SECONDS:
        raise Late(f"it took {took:.1f} s, and another client waited for {waited:.1f} s")


ATTACKS = {
    f"{what}: {kind}": attack
    for what, attacks in {
        "patterns": attack_values.PATTERNS,
        "values": attack_values.VALUES,
        "constants": attack_values.CONSTANTS,
        "kernels": attack_values.KERNELS,
        "values of rows": attack_values.ROWS_TIMES_VALUE,
        "arrays": attack_values.ARRAYS,
        "statements": attack_plans.STATEMENTS,
        "rows": attack_plans.ROWS,
    }.items()
    for kind, attack in attacks.items()
}


@pytest.mark.parametrize("kind", ATTACKS)
def test_an_attack_ends_and_others_are_answered(kind: str, victim: RailForgeServer) -> None:
    withstands(victim, ATTACKS[kind])


CHANGES = [
    "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
    "COPY orders TO '{target}' STORED AS CSV",
    "EXPLAIN COPY orders TO '{target}' STORED AS CSV",
    "EXPLAIN ANALYZE COPY orders TO '{target}' STORED AS CSV",
    "EXPLAIN ANALYZE VERBOSE COPY orders TO '{target}' STORED AS CSV",
    "SET datafusion.runtime.memory_limit = '1K'",
]
ROW = pa.RecordBatch.from_pylist([{"a": 1}])


def as_text(sql: str) -> flight.FlightDescriptor:
    return flight.FlightDescriptor.for_command(sql.encode())


def as_statement(sql: str) -> flight.FlightDescriptor:
    return descriptor("CommandStatementQuery", query=sql)


PATHS: dict[str, Callable[[flight.FlightClient, str], object]] = {
    "info of text": lambda client, sql: client.get_flight_info(as_text(sql)),
    "info of a statement": lambda client, sql: client.get_flight_info(as_statement(sql)),
    "schema of text": lambda client, sql: client.get_schema(as_text(sql)),
    "schema of a statement": lambda client, sql: client.get_schema(as_statement(sql)),
    "prepared statement": prepare,
    "update": lambda client, sql: put(client, descriptor("CommandStatementUpdate", query=sql), ROW),
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("sql", CHANGES)
def test_no_path_takes_a_change(sql: str, path: str, stock: flight.FlightClient, tmp_path: Path) -> None:
    target = tmp_path / "written"
    with pytest.raises((pa.ArrowInvalid, NotImplementedError), match="changes nothing"):
        PATHS[path](stock, sql.replace("{target}", str(target)))
    assert not target.exists()


@pytest.mark.parametrize("sql", CHANGES)
def test_no_ticket_is_a_change(sql: str, stock: flight.FlightClient, tmp_path: Path) -> None:
    target = tmp_path / "written"
    for name in ("CommandStatementQuery", "CommandStatementUpdate"):
        ticket = flight.Ticket(packed(name, query=sql.replace("{target}", str(target))))
        with pytest.raises((pa.ArrowException, KeyError, NotImplementedError, flight.FlightError)):
            stock.do_get(ticket).read_all()
    assert not target.exists()


# Requests of a few MB.
ENTRIES = 3_000_000
LONG_REQUESTS: dict[str, Callable[[flight.FlightClient], object]] = {
    "kinds of tables": lambda client: client.do_get(
        flight.Ticket(packed("CommandGetTables", table_types=[""] * ENTRIES))
    ).read_all(),
    "criteria": lambda client: list(client.list_flights(b"_a" * ENTRIES)),
    "a path": lambda client: client.get_flight_info(flight.FlightDescriptor.for_path(*[""] * ENTRIES)),
}


@pytest.mark.parametrize("kind", LONG_REQUESTS)
def test_a_long_request_costs_little_more_than_it_is_long(kind: str, victim: RailForgeServer) -> None:
    with flight.connect(victim.flight) as client, suppress(pa.ArrowInvalid):
        LONG_REQUESTS[kind](client)
    assert victim.exit_code() is None, victim.log[-2000:]
    assert victim.peak_memory_bytes // MIB < MEMORY_LIMIT_MIB + OWN_MIB
