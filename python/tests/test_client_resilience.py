"""`rail_forge` over restarts of the server and snapshots that are gone; and what notebooks show."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from conftest import refresh, run
from pyarrow import flight
from waiting import until, until_idle

import rail_forge
from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import NewDatabase, Serve, Served


ENDLESS = "SELECT a.id AS a, b.id AS b FROM order_line a CROSS JOIN order_line b"


def test_a_client_outlives_its_server(new_database: NewDatabase, tmp_path: Path) -> None:
    url = new_database("CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1)")
    port = 0
    with RailForgeServer({"shop": url}, data_dir=tmp_path / "data") as server:
        refresh(server)
        port = int(server.flight.rpartition(":")[2])
        with rail_forge.connect(server.flight) as client:
            assert client.sql("SELECT id FROM t").rows() == [(1,)]
            planned = client.sql("SELECT id FROM t")
            server.kill()
            with pytest.raises(rail_forge.ServerUnavailable):
                client.sql("SELECT id FROM t")
            server.listen_again(port)
            server.start()
            assert client.sql("SELECT id FROM t").rows() == [(1,)]
            # Tickets hold all that is needed.
            assert planned.rows() == [(1,)]


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.sql("SELECT id FROM t").rows(),
        lambda client: client.sql("SELECT id FROM t WHERE id = $1", [1]).rows(),
        lambda client: [(table.rows,) for table in client.status().tables],
    ],
)
def test_a_call_waits_for_a_server_that_restarts(
    ask: Callable[[rail_forge.Client], list[Any]], new_database: NewDatabase, tmp_path: Path
) -> None:
    url = new_database("CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1)")
    with RailForgeServer({"shop": url}, data_dir=tmp_path / "data") as server:
        refresh(server)
        with rail_forge.connect(server.flight) as client:
            assert ask(client) == [(1,)]
            server.listen_again(int(server.flight.rpartition(":")[2]))
            server.stop()
            started = threading.Thread(target=server.start)
            started.start()
            got: list[Any] = []
            while not got:  # a start may take longer than a call waits
                try:
                    got = ask(client)
                except rail_forge.ServerUnavailable:
                    assert started.is_alive()
            started.join()
            assert got == [(1,)]


def test_a_result_whose_snapshot_is_gone_is_planned_again(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database("CREATE TABLE t (id integer)", "INSERT INTO t VALUES (1)")
    one_version = ("--keep-versions", "1", "--keep-replaced", "1ms")
    server = serve({"shop": url}, *one_version, "--result-cache-memory", "0B")
    refresh(server)
    with rail_forge.connect(server.flight) as client, flight.connect(server.flight) as stock:

        def replaced(*statements: str) -> None:
            """Change the table, refresh, and wait until the version before is gone."""
            asked = flight.FlightDescriptor.for_command(b"SELECT id FROM t")
            [endpoint] = stock.get_flight_info(asked).endpoints
            run(url, *statements)
            refresh(server)

            def is_gone() -> bool:
                try:
                    stock.do_get(endpoint.ticket).read_all()
                except pa.ArrowInvalid as error:
                    return "is no longer kept" in str(error)
                return False

            until(is_gone, "the version before is gone")

        result = client.sql("SELECT id FROM t ORDER BY id")
        before = result.as_of
        replaced("INSERT INTO t VALUES (2)")
        assert result.rows() == [(1,), (2,)]
        assert result.as_of is not None
        assert before is not None
        assert result.as_of.time > before.time
        changed = client.sql("SELECT * FROM t")
        replaced("ALTER TABLE t ADD COLUMN name text")
        with pytest.raises(rail_forge.ServerError, match="tables have changed since the query was planned"):
            changed.rows()


@pytest.mark.parametrize(
    ("sql", "params", "wanted"),
    [
        ("SELECT id FROM region WHERE id = :id OR id = :id + 1 ORDER BY id", {"id": 3}, [(3,), (4,)]),
        ("SELECT :a::text || ':a' || \":x\" FROM (SELECT 'y' AS \":x\") AS s -- :b", {"a": "z"}, [("z:ay",)]),
        ("SELECT /* :c */ $$:d$$, $t$:e$t$, E'\\':f', 'it''s :g', :größe::int", {"größe": 1}, None),
        ("SELECT (ARRAY[1, 2, 3])[1:2], (ARRAY[1, 2, 3])[1 : :n]", {"n": 2}, [([1, 2], [1, 2])]),
        ("SELECT /* /* :a */ :b */ :c::int -- /*\n, ':d /*', :c /* /**/ */", {"c": 1}, [(1, ":d /*", 1)]),
        ("SELECT 1", {}, [(1,)]),
    ],
)
def test_parameters_by_name(
    sql: str, params: dict[str, object], wanted: list[Any] | None, client: rail_forge.Client
) -> None:
    rows = client.sql(sql, params).rows()
    assert rows == (wanted or [(":d", ":e", "':f", "it's :g", 1)])


@pytest.mark.parametrize(
    ("sql", "params", "said"),
    [
        ("SELECT :a, :b", {"a": 1}, "no value is given for :b"),
        ("SELECT :a", {"a": 1, "b": 2, "c": 3}, "the query has no :b, :c"),
        ("SELECT ':a'", {"a": 1}, "the query has no :a"),
    ],
)
def test_names_and_values_have_to_fit(
    sql: str, params: dict[str, object], said: str, client: rail_forge.Client
) -> None:
    with pytest.raises(ValueError, match=said):
        client.sql(sql, params)


def test_a_notebook_shows_the_first_rows(client: rail_forge.Client, shop: Served) -> None:
    result = client.sql("SELECT id, '<b>' || coalesce(coupon, '&') AS text, coupon FROM orders ORDER BY id")
    html = result._repr_html_()
    assert html is not None
    assert "<th>coupon<br><small>string</small></th>" in html
    assert "&lt;b&gt;" in html
    assert "<i>NULL</i>" in html
    assert html.count("<tr>") == 21
    assert "computed by datafusion" in html
    # What it showed is still to be read.
    assert len(result.rows()) == shop.rows["orders"]
    assert f"{shop.rows['orders']:,} rows, of which 20 are shown" in (result._repr_html_() or "")
    assert "12 rows, as of" in (client.sql("SELECT id FROM region")._repr_html_() or "")
    assert "1 row, computed" in (client.sql("SELECT 1")._repr_html_() or "")
    empty = client.sql("SELECT id FROM region WHERE false")
    assert "0 rows" in (empty._repr_html_() or "")
    assert empty.rows() == []


def test_a_notebook_does_not_read_all_rows(client: rail_forge.Client, shop: Served) -> None:
    result = client.sql(ENDLESS)
    assert "the first rows" in (result._repr_html_() or "")
    batches = result.batches()
    assert next(batches).num_rows > 0
    del batches
    result.close()
    until_idle(shop.server.pid)
    assert result._repr_html_() is None
