"""EXPLAIN: by which engine, on what, and how; as text and as JSON, and measured."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from configuration import configuration, source
from conftest import NO_REFRESH, refresh

import rail_forge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import NewDatabase, Serve

ROWS = 5_000
COUNT = "SELECT k, count(*) FROM kept WHERE id > 10 GROUP BY k"


@pytest.fixture
def client(new_database: NewDatabase, serve: Serve, tmp_path: Path) -> Iterator[rail_forge.Client]:
    url = new_database(
        f"CREATE TABLE kept AS SELECT i AS id, i % 7 AS k FROM generate_series(1, {ROWS}) AS i",
        "CREATE TABLE read_live AS SELECT i AS id FROM generate_series(1, 10) AS i",
    )
    settings = source(url, name="shop", tables={"public.read_live": 'mode = "live"'})
    server = serve({}, *configuration(tmp_path, settings), *NO_REFRESH)
    refresh(server)
    with rail_forge.connect(server.flight) as connected:
        yield connected


def lines(client: rail_forge.Client, sql: str) -> list[str]:
    result = client.sql(sql)
    assert result.schema.names == ["QUERY PLAN"]
    return [line for (line,) in result.rows()]


def explained(client: rail_forge.Client, sql: str) -> dict[str, Any]:
    [text] = lines(client, sql)
    [explanation] = json.loads(text)
    assert isinstance(explanation, dict)
    return explanation


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from nodes(inner)


def test_an_explanation_says_what_is_read(client: rail_forge.Client) -> None:
    said = lines(client, f"EXPLAIN {COUNT}")
    status = {table.table: table for table in client.status().tables}
    assert said[0] == "Engine: datafusion"
    assert re.fullmatch(r"Snapshot: version \d+", said[1])
    kept = status["kept"]
    assert said[2].startswith("Table shop.public.kept: version ")
    assert said[2].endswith(f"at {kept.as_of.lsn}, 1 files, {ROWS} rows" if kept.as_of else "")
    plan = "\n".join(said[3:])
    assert "AggregateExec" in plan
    assert "DataSourceExec" in plan
    assert "Time" not in plan


def test_what_postgresql_is_asked_is_shown(client: rail_forge.Client) -> None:
    said = lines(client, "EXPLAIN SELECT id FROM read_live WHERE id = 3")
    assert "Table shop.public.read_live: live, read from PostgreSQL" in said
    assert any("LiveScan" in line and '"id" = ' in line for line in said)


def test_an_analysed_query_was_run(client: rail_forge.Client) -> None:
    said = lines(client, f"EXPLAIN ANALYZE {COUNT}")
    assert "Rows: 7" in said
    planning, execution = said[-2:]
    assert re.fullmatch(r"Planning Time: \d+\.\d{3} ms", planning)
    assert re.fullmatch(r"Execution Time: \d+\.\d{3} ms", execution)
    assert any("AggregateExec" in line and "output_rows=7" in line for line in said)
    assert any("DataSourceExec" in line and "pruned" in line for line in said)


def test_it_can_be_read_by_programs(client: rail_forge.Client) -> None:
    explanation = explained(client, f"EXPLAIN (FORMAT JSON) {COUNT}")
    assert explanation["Engine"] == "datafusion"
    assert [table["Name"] for table in explanation["Tables"]] == ["shop.public.kept"]
    assert (explanation["Tables"][0]["Rows"], explanation["Tables"][0]["Live"]) == (ROWS, False)
    assert "DataSourceExec" in {node["Node Type"] for node in nodes(explanation["Plan"])}
    assert not {"Planning Time", "Execution Time"} & explanation.keys()
    analysed = explained(client, f"EXPLAIN (ANALYZE, FORMAT JSON, BUFFERS off) {COUNT}")
    assert analysed["Rows"] == 7
    assert analysed["Planning Time"] > 0
    assert analysed["Execution Time"] > 0
    metrics = [node["Metrics"] for node in nodes(analysed["Plan"]) if node["Node Type"] == "AggregateExec"]
    assert any(each.get("output_rows") == 7 for each in metrics)


def test_times_are_told_as_the_summary_says(client: rail_forge.Client) -> None:
    planned = explained(client, f"EXPLAIN (SUMMARY, FORMAT JSON) {COUNT}")
    assert planned["Planning Time"] > 0
    assert "Execution Time" not in planned
    run = explained(client, f"EXPLAIN (ANALYZE, SUMMARY off, FORMAT JSON) {COUNT}")
    assert run["Rows"] == 7
    assert not {"Planning Time", "Execution Time"} & run.keys()


def test_a_query_with_parameters_can_be_explained(client: rail_forge.Client) -> None:
    plan = "\n".join(row for (row,) in client.sql("EXPLAIN SELECT id FROM kept WHERE k = $1", [3]).rows())
    assert "k@" in plan


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("EXPLAIN (FORMAT yaml) SELECT 1", "FORMAT yaml"),
        ("EXPLAIN (COLOUR) SELECT 1", 'unrecognized EXPLAIN option "colour"'),
        ("EXPLAIN SHOW TABLES", "EXPLAIN is of a query"),
        ("EXPLAIN SELECT nothing FROM kept", "nothing"),
        ("EXPLAIN EXPLAIN SELECT 1", "EXPLAIN"),
        ("EXPLAIN ANALYZE SELECT 1 / (id - id) FROM kept", "division by zero"),
    ],
)
def test_what_cannot_be_explained_is_said(sql: str, words: str, client: rail_forge.Client) -> None:
    with pytest.raises(rail_forge.Error, match=re.escape(words)):
        client.sql(sql).rows()
