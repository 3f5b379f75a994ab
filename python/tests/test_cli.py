"""The command line: what each command prints, as text and as JSON, how it exits; and that secrets stay in."""

from __future__ import annotations

import json
import os
import signal
import threading
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from comparison import reference_rows
from conftest import answer, refresh, run
from waiting import until

import rail_forge
from rail_forge_testbed.probes import get
from rail_forge_testbed.server import run_cli

if TYPE_CHECKING:
    import psycopg
    from conftest import NewDatabase, Serve, Served

    from rail_forge_testbed.postgres import PostgresServer

CANARY = "canary-91d27"
NOBODY = "grpc://127.0.0.1:1"
# A table with a value that Arrow has no place for.
BAD_TABLE = ("CREATE TABLE bad (id integer PRIMARY KEY, n numeric(4,2))", "INSERT INTO bad VALUES (7, 'NaN')")


def json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line, parse_float=Decimal) for line in text.splitlines()]


def test_sql_prints_a_table(shop: Served) -> None:
    ended = run_cli("sql", "--url", shop.server.flight, "SELECT id, name FROM region WHERE id = 4")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "| id | name |" in ended.stdout
    assert "| 4  | DACH |" in ended.stdout
    assert '"as_of"' in ended.stdout


def test_sql_prints_json(shop: Served, shop_reference: psycopg.Connection) -> None:
    sql = "SELECT id, coupon, total FROM orders ORDER BY id LIMIT 50"
    ended = run_cli("sql", "--json", "--url", shop.server.flight, sql)
    assert (ended.returncode, ended.stderr) == (0, "")
    got = json_lines(ended.stdout)
    wanted = reference_rows(shop_reference, sql)
    assert [list(row) for row in got] == [["id", "coupon", "total"]] * 50
    assert [(row["id"], row["coupon"], Decimal(row["total"])) for row in got] == wanted


def test_sql_without_rows(shop: Served) -> None:
    sql = "SELECT id, name FROM region WHERE false"
    text = run_cli("sql", "--url", shop.server.flight, sql)
    assert text.returncode == 0
    assert "name" in text.stdout
    ended = run_cli("sql", "--json", "--url", shop.server.flight, sql)
    assert (ended.returncode, ended.stdout.strip()) == (0, "")


def test_sql_that_fails(shop: Served) -> None:
    for json_flag in ([], ["--json"]):
        ended = run_cli("sql", *json_flag, "--url", shop.server.flight, "SELECT * FROM ordres")
        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr.strip() == (
            "rail-forge: table ordres does not exist; did you mean shop.public.orders?"
        )


def test_status(shop: Served) -> None:
    text = run_cli("status", "--url", shop.server.flight)
    assert (text.returncode, text.stderr) == (0, "")
    assert "source shop is ready" in text.stdout.lower()
    for table, rows in shop.rows.items():
        [line] = [line for line in text.stdout.splitlines() if line.startswith(f"shop.public.{table} ")]
        assert f" {rows} " in line
        assert "UTC" in line
    ended = run_cli("status", "--json", "--url", shop.server.flight)
    assert ended.returncode == 0
    status = json.loads(ended.stdout)
    assert {table["table"]: table["rows"] for table in status["tables"]} == shop.rows
    assert status["sources"] == [{"catalog": "shop", "state": "ready", "message": None}]


def test_refresh(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database("CREATE TABLE good (id integer)", "CREATE TABLE other (id integer)")
    server = serve({"shop": url})
    text = run_cli("refresh", "--url", server.flight)
    assert text.returncode == 0
    assert "public.good: 0 rows" in text.stderr + text.stdout
    run(url, "INSERT INTO good VALUES (1)")
    ended = run_cli("refresh", "--json", "--url", server.flight, "good")
    assert ended.returncode == 0
    messages = json_lines(ended.stdout)
    assert [message["table"] for message in messages if message["event"] == "table"] == ["good"]
    assert messages[-1]["event"] == "done"
    assert messages[-1]["lsn"]
    assert answer(server, "SELECT id FROM good") == [(1,)]


def test_refresh_with_a_table_that_fails(new_database: NewDatabase, serve: Serve) -> None:
    server = serve({"shop": new_database("CREATE TABLE good (id integer)", *BAD_TABLE)})
    for json_flag in ([], ["--json"]):
        ended = run_cli("refresh", *json_flag, "--url", server.flight)
        assert ended.returncode == 1
        assert "row id = 7: NaN" in ended.stdout + ended.stderr
        assert "1 table" in ended.stderr
    status = run_cli("status", "--url", server.flight)
    assert status.returncode == 0
    assert "not served" in status.stdout
    assert 'column "n"' in status.stdout


def test_refresh_of_an_unknown_table(shop: Served) -> None:
    ended = run_cli("refresh", "--url", shop.server.flight, "ordres")
    assert ended.returncode == 1
    assert "did you mean orders?" in ended.stderr


@pytest.mark.parametrize("command", [["status"], ["refresh"], ["sql", "SELECT 1"]])
def test_nobody_listens(command: list[str]) -> None:
    ended = run_cli(*command, "--url", NOBODY)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"no server answers at {NOBODY}" in ended.stderr


@pytest.mark.parametrize(
    "arguments", [["sql"], ["frobnicate"], ["status", "--nonsense"], ["sql", "SELECT 1", "extra"], []]
)
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    ended = run_cli(*arguments)
    assert ended.returncode == 2
    assert "Usage" in ended.stderr


def test_the_url_comes_from_the_environment(shop: Served) -> None:
    ended = run_cli("sql", "--json", "SELECT 1 AS one", env={"RAIL_FORGE_URL": shop.server.flight})
    assert json.loads(ended.stdout) == {"one": 1}


def test_check(shop: Served) -> None:
    ended = run_cli("check", "--source", f"shop={shop.url}", "--data-dir", "somewhere")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "source shop: 127.0.0.1" in ended.stdout
    assert "data folder: somewhere" in ended.stdout
    as_json = run_cli("check", "--json", "--source", f"shop={shop.url}", "--data-dir", "somewhere")
    assert as_json.returncode == 0, as_json.stderr
    assert "shop" in json.dumps(json.loads(as_json.stdout))


def test_probes(new_database: NewDatabase, serve: Serve) -> None:
    server = serve({"shop": new_database("CREATE TABLE t (id integer)")})
    assert get(f"{server.http}/healthz")[0] == 200
    code, text = get(f"{server.http}/readyz")
    assert code == 503
    assert "no table" in text
    refresh(server)
    assert get(f"{server.http}/readyz")[0] == 200
    assert get(f"{server.http}/nonsense")[0] == 404


def test_sigterm_lets_a_running_query_finish(shop: Served, serve: Serve) -> None:
    server = serve({"shop": shop.url})
    refresh(server)
    ready = server._ready_file
    assert json.loads(ready.read_text()) == {"flight": server.flight, "http": server.http}
    with rail_forge.connect(server.flight) as client:
        batches = client.sql("SELECT l.* FROM order_line l, region r").batches()
        rows = next(batches).num_rows
        os.kill(server.pid, signal.SIGTERM)
        until(lambda: "stopping" in server.log, "the server has heard the signal")
        with rail_forge.connect(server.flight) as late, pytest.raises(rail_forge.ServerUnavailable):
            late.sql("SELECT 1")
        rows += sum(batch.num_rows for batch in batches)
    assert rows == 12 * shop.rows["order_line"]
    assert until(lambda: server.exit_code() is not None, "the server has ended")
    assert server.exit_code() == 0
    assert not ready.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_query_without_end_does_not_keep_the_server(
    number: signal.Signals, shop: Served, serve: Serve
) -> None:
    server = serve({"shop": shop.url})
    refresh(server)

    def ask() -> None:
        with rail_forge.connect(server.flight) as client, pytest.raises(rail_forge.Error):
            client.sql("SELECT sum(a.id * b.id) FROM order_line a, order_line b, order_line c").rows()

    thread = threading.Thread(target=ask)
    thread.start()
    os.kill(server.pid, number)
    until(lambda: server.exit_code() is not None, "the server has ended", seconds=60)
    assert server.exit_code() == 0
    thread.join()


@pytest.fixture
def canary_url(postgres: PostgresServer, new_database: NewDatabase) -> str:
    """A URL with a password that a server which trusts everybody does not ask for."""
    url = new_database("CREATE TABLE t (id integer)", *BAD_TABLE)
    name = url.rpartition("/")[2]
    return postgres.url(name, user="postgres", password=CANARY)


def test_json_log_lines_parse_and_hold_no_secret(canary_url: str, serve: Serve) -> None:
    server = serve({"shop": canary_url}, "--log-format", "json", "--log-level", "debug")
    with rail_forge.connect(server.flight) as client:
        with pytest.raises(rail_forge.RefreshError):
            client.refresh()
        with pytest.raises(rail_forge.NotFoundError):
            client.sql("SELECT * FROM nothing")
    server.stop()
    lines = json_lines(server.log)
    assert {"INFO", "WARN"} <= {line["level"] for line in lines}
    assert all("timestamp" in line and "fields" in line for line in lines)
    assert CANARY not in server.log


def test_no_output_holds_the_password(canary_url: str, serve: Serve) -> None:
    source = f"shop={canary_url}"
    server = serve({"shop": canary_url}, "--log-level", "trace")
    outputs = [
        run_cli("refresh", "--url", server.flight),
        run_cli("status", "--url", server.flight),
        run_cli("status", "--json", "--url", server.flight),
        run_cli("check", "--source", source),
        run_cli("check", "--source", f"{source}?sslmode=require"),
        run_cli("check", "--source", source.replace("postgres://", "mysql://")),
        run_cli("check", "--source", source.replace("127.0.0.1:", "127.0.0.1:x")),
        run_cli("check", "--source", source, "--source", source),
        run_cli("check", "--nonsense", "--source", source),
        run_cli("check", "--help", env={"RAIL_FORGE_SOURCE": source}),
        run_cli("check", "--nonsense", env={"RAIL_FORGE_SOURCE": source}),
        run_cli("serve", "--source", source, "--data-dir", str(server.data_dir)),
    ]
    for output in outputs:
        assert CANARY not in output.stdout + output.stderr, output.args
    for query in ("SHOW ALL", "SELECT * FROM information_schema.df_settings", "SELECT * FROM bad"):
        try:
            assert CANARY not in repr(answer(server, query))
        except rail_forge.Error as error:
            assert CANARY not in str(error)  # noqa: PT017
    for place in ("healthz", "readyz", "metrics", "status", ""):
        assert CANARY not in get(f"{server.http}/{place}")[1]
    assert CANARY not in server.log
    for file in server.data_dir.rglob("*"):
        assert not file.is_file() or CANARY.encode() not in file.read_bytes()
