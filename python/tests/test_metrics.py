"""What `/metrics` tells: counters that move with what happens, levels that are right, and no secrets."""

from __future__ import annotations

import time
import urllib.request
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from configuration import configuration, source
from conftest import NO_REFRESH, refresh
from pyarrow import flight
from tokens import create_token, guarded_server, stock_client
from waiting import until

import rail_forge
from rail_forge_testbed.probes import Metrics, get, metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from conftest import NewDatabase, Serve

    from rail_forge_testbed.server import RailForgeServer

CANARY = "canary-of-a-metric"
ROWS = 300_000
TABLES = (
    f"""CREATE TABLE t AS SELECT i AS id, repeat(md5(i::text), 10) AS words
        FROM generate_series(1, {ROWS}) AS i""",
    'CREATE TABLE "a ""quoted"" table" AS SELECT 1 AS id',
    "CREATE TABLE empty (id integer)",
)
DONE = {"engine": "datafusion", "outcome": "done", "reason": ""}
MIB = 1 << 20


@pytest.fixture(scope="module")
def url(new_database: NewDatabase) -> str:
    return new_database(*TABLES)


@pytest.fixture
def server(url: str, serve: Serve) -> RailForgeServer:
    started = serve({"shop": url}, "--memory-limit", "300MiB", "--spill-limit", "1GiB", "--max-queries", "3")
    refresh(started)
    return started


@pytest.fixture
def client(server: RailForgeServer) -> Iterator[rail_forge.Client]:
    with rail_forge.connect(server.flight) as connected:
        yield connected


def counted(server: RailForgeServer, enough: Callable[[Metrics], bool], what: str) -> Metrics:
    """The metrics, once they tell what a client may have heard before the server has counted it.

    A query is counted before its call, which runs until it is counted.
    """

    def told() -> bool:
        found = metrics(server)
        return enough(found) and found.value("rail_forge_calls_running") == 0

    until(told, what)
    return metrics(server)


def queries(found: Metrics, **labels: str) -> float:
    return found.value("rail_forge_queries_total", **labels)


def test_the_text_is_what_prometheus_reads(server: RailForgeServer) -> None:
    with urllib.request.urlopen(f"{server.http}/metrics", timeout=10) as answer:
        assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    found = metrics(server)
    assert found.value("rail_forge_build_info", version="0.1.0") == 1
    assert time.time() - 300 < found.value("process_start_time_seconds") <= time.time()
    assert 10 * MIB < found.value("process_resident_memory_bytes") < 4096 * MIB
    assert found.value("rail_forge_ready") == 1
    assert all(family.documentation for family in found.families.values())


def test_queries_are_counted_by_how_they_end(server: RailForgeServer, client: rail_forge.Client) -> None:
    before = metrics(server)
    assert client.sql("SELECT count(*) FROM t").rows() == [(ROWS,)]
    assert client.sql("SELECT id FROM t WHERE id <= 10").arrow().num_rows == 10
    after = counted(server, lambda found: queries(found, **DONE) >= 2, "two queries are done")
    assert queries(after, **DONE) - queries(before, **DONE) == 2
    assert after.value("rail_forge_sent_rows_total", engine="datafusion") == 11
    assert (
        after.value("rail_forge_query_duration_seconds_count", engine="datafusion", outcome="done")
        == after.value(
            "rail_forge_query_duration_seconds_bucket", engine="datafusion", outcome="done", le="+Inf"
        )
        == 2
    )
    assert 0 < after.value("rail_forge_query_duration_seconds_sum", engine="datafusion", outcome="done") < 60
    assert after.value("rail_forge_calls_total", call="DoGet", code="OK") == 2
    assert after.value("rail_forge_sent_bytes_total") > before.value("rail_forge_sent_bytes_total") + 100


@pytest.mark.parametrize(
    ("sql", "call", "reason", "code"),
    [
        ("SELEC 1", "GetFlightInfo", "SYNTAX_ERROR", "INVALID_ARGUMENT"),
        ("SELECT * FROM nothing", "GetFlightInfo", "UNKNOWN_TABLE", "NOT_FOUND"),
        ("SELECT id / (id - id) FROM t", "DoGet", "INVALID_VALUE", "INVALID_ARGUMENT"),
    ],
)
def test_failures_are_counted_by_their_reasons(
    sql: str, call: str, reason: str, code: str, server: RailForgeServer
) -> None:
    with rail_forge.connect(server.flight) as client, pytest.raises(rail_forge.Error):
        client.sql(sql).rows()
    # Nobody has begun to answer what could not be planned.
    engine = "datafusion" if call == "DoGet" else "none"
    failed = {"engine": engine, "outcome": "failed", "reason": reason}
    after = counted(server, lambda found: queries(found, **failed) > 0, "the failure is counted")
    assert queries(after, **failed) == 1
    assert not after.has("rail_forge_queries_total", **DONE)
    assert after.value("rail_forge_calls_total", call=call, code=code) == 1


def test_a_client_that_goes_away_has_cancelled(server: RailForgeServer) -> None:
    asked = flight.FlightDescriptor.for_command(b"SELECT t.* FROM t, t AS u WHERE u.id <= 20")
    with flight.connect(server.flight) as leaving:
        [endpoint] = leaving.get_flight_info(asked).endpoints
        reader = leaving.do_get(endpoint.ticket)
        reader.read_chunk()
        until(lambda: metrics(server).value("rail_forge_calls_running") == 1, "this call runs and no other")
        reader.cancel()
    cancelled = {"engine": "datafusion", "outcome": "cancelled", "reason": ""}
    after = counted(server, lambda found: queries(found, **cancelled) == 1, "the cancelled query is counted")
    assert after.value("rail_forge_calls_total", call="DoGet", code="CANCELLED") == 1
    assert after.value("rail_forge_sent_rows_total", engine="datafusion") > 0


def test_limits_and_levels(server: RailForgeServer, client: rail_forge.Client) -> None:
    found = metrics(server)
    assert found.value("rail_forge_queries_limit") == 3
    assert found.value("rail_forge_query_memory_limit_bytes") == 300 * MIB
    assert found.value("rail_forge_spill_limit_bytes") == 1024 * MIB
    for level in ("queries_running", "queries_waiting", "query_memory_bytes", "spill_bytes"):
        assert found.value(f"rail_forge_{level}") == 0
        assert found.has(f"rail_forge_{level}")
    result = client.sql("SELECT t.words FROM t, t AS u WHERE u.id <= 2 ORDER BY t.words, t.id")
    reading = result.batches()
    next(reading)
    held = metrics(server)
    assert held.value("rail_forge_query_memory_bytes") + held.value("rail_forge_spill_bytes") > MIB
    result.close()
    until(
        lambda: metrics(server).value("rail_forge_query_memory_bytes") == 0, "the memory has been given back"
    )
    until(lambda: metrics(server).value("rail_forge_spill_bytes") == 0, "so has the disk")


def test_results_that_are_kept(server: RailForgeServer, client: rail_forge.Client) -> None:
    for _ in range(3):
        client.sql("SELECT sum(id) FROM t").rows()
    found = counted(server, lambda found: queries(found, **DONE) == 3, "all three are counted")
    assert found.value("rail_forge_result_cache_misses_total") == 1
    assert found.value("rail_forge_result_cache_hits_total") == 2
    assert found.value("rail_forge_result_cache_results") == 1
    limit = found.value("rail_forge_result_cache_limit_bytes")
    assert 0 < found.value("rail_forge_result_cache_bytes") < limit


def test_tables_and_refreshes(server: RailForgeServer) -> None:
    before = metrics(server)
    for table, rows in (("t", ROWS), ('a "quoted" table', 1), ("empty", 0)):
        labels = {"catalog": "shop", "schema": "public", "table": table}
        assert before.value("rail_forge_table_rows", **labels) == rows
        assert before.has("rail_forge_table_bytes", **labels)
        assert 0 <= before.value("rail_forge_table_age_seconds", **labels) < 300
    assert before.value("rail_forge_tables", state="served") == 3
    assert before.value("rail_forge_tables", state="refused") == 0
    done = {"source": "shop", "outcome": "done"}
    assert before.value("rail_forge_refreshes_total", **done) == 1
    refresh(server)
    after = metrics(server)
    assert after.value("rail_forge_refreshes_total", **done) == 2
    assert after.value("rail_forge_refresh_duration_seconds_count", **done) == 2


def test_a_refresh_that_fails(serve: Serve) -> None:
    server = serve({"shop": "postgres://app@127.0.0.1:1/shop"})
    with rail_forge.connect(server.flight) as client, pytest.raises(rail_forge.Error):
        client.refresh()
    found = metrics(server)
    assert found.value("rail_forge_refreshes_total", source="shop", outcome="failed") == 1
    assert found.value("rail_forge_ready") == 0
    assert not found.has("rail_forge_refreshes_total", source="shop", outcome="done")


def test_a_refresh_in_which_a_table_fails_has_failed(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database(
        "CREATE TABLE good AS SELECT 1 AS id", "CREATE TABLE bad AS SELECT date 'infinity' AS day"
    )
    server = serve({"shop": url})
    with rail_forge.connect(server.flight) as client:
        with pytest.raises(rail_forge.RefreshError):
            client.refresh()
        # The other table is served, and the source is well.
        assert client.sql("SELECT id FROM good").rows() == [(1,)]
        assert client.status().sources == [rail_forge.SourceStatus("shop", "ready", None)]
    found = metrics(server)
    assert found.value("rail_forge_refreshes_total", source="shop", outcome="failed") == 1
    assert found.value("rail_forge_refresh_duration_seconds_count", source="shop", outcome="failed") == 1
    assert not found.has("rail_forge_refreshes_total", source="shop", outcome="done")


def test_what_postgresql_answers_is_counted_by_kind(url: str, serve: Serve, tmp_path: Path) -> None:
    settings = source(url, None, 'fallback = "unsupported"', 'fallback_functions = ["int4range"]')
    server = serve({}, *configuration(tmp_path, settings), *NO_REFRESH)
    refresh(server)
    with rail_forge.connect(server.flight) as client:
        assert client.sql("SELECT count(*) FROM t WHERE int4range(3, 7) @> id").rows() == [(4,)]
    by_postgres = {"engine": "postgres", "outcome": "done", "reason": ""}
    found = counted(server, lambda found: queries(found, **by_postgres) == 1, "the query is counted")
    kinds = found.families["rail_forge_fallback_queries"].samples
    assert [(sample.value, set(sample.labels)) for sample in kinds] == [(1, {"reason"})]
    assert kinds[0].labels["reason"] in ("function", "operator", "type")
    assert "int4range" not in found.text


def test_failed_authentications(serve: Serve) -> None:
    server = guarded_server(serve)
    token = create_token(server, CANARY)
    asked = flight.FlightDescriptor.for_command(b"SELECT 1")
    shown = [f"Bearer {token}", f"Bearer {token[:-1]}x", f"Bearer {CANARY}", None]
    for authorization in shown:
        with stock_client(server, authorization) as connected:
            try:
                connected.get_flight_info(asked)
            except flight.FlightUnauthenticatedError:
                assert authorization != shown[0]
    found = counted(
        server, lambda found: found.value("rail_forge_failed_authentications_total") == 3, "all are counted"
    )
    assert found.value("rail_forge_calls_total", call="GetFlightInfo", code="UNAUTHENTICATED") == 3
    assert found.value("rail_forge_calls_total", call="GetFlightInfo", code="OK") == 1
    assert CANARY not in found.text
    assert token not in found.text


def ask_with_canaries(server: RailForgeServer) -> None:
    asks: list[Any] = [
        lambda client: client.sql(f"SELECT '{CANARY}', id FROM t LIMIT 1").rows(),
        lambda client: client.sql("SELECT id FROM t WHERE words = $1", [CANARY]).rows(),
        lambda client: client.sql(f'SELECT "{CANARY}" FROM t').rows(),
        lambda client: client.sql(f'SELECT * FROM "{CANARY}"').rows(),
        lambda client: client.sql(f"SELECT '{CANARY}'::integer").rows(),
        lambda client: client.sql(f'SELECT "{CANARY}"(id) FROM t').rows(),
        lambda client: client.refresh(CANARY),
    ]
    with rail_forge.connect(server.flight, timezone="UTC") as client:
        for ask in asks:
            try:
                ask(client)
            except rail_forge.Error:
                continue
    with flight.connect(server.flight) as plain, pytest.raises((flight.FlightError, pa.ArrowException)):
        list(plain.do_action((CANARY, CANARY.encode())))


def test_nothing_that_is_asked_is_told(url: str, serve: Serve, tmp_path: Path) -> None:
    settings = source(url, None, 'fallback = "unsupported"', 'fallback_functions = ["*"]')
    server = serve({}, *configuration(tmp_path, settings), *NO_REFRESH)
    refresh(server)
    ask_with_canaries(server)
    assert CANARY not in metrics(server).text
    for place in ("healthz", "readyz", ""):
        assert CANARY not in get(f"{server.http}/{place}")[1]


def test_metrics_can_be_turned_off(url: str, serve: Serve) -> None:
    server = serve({"shop": url}, "--metrics", "false")
    assert get(f"{server.http}/metrics")[0] == 404
    assert get(f"{server.http}/healthz")[0] == 200
