"""Scans leave out what their filters cannot match: files, row groups, pages, and chunks in memory.

Tables whose settings say how they are sorted have narrow bounds of those columns, and the same rows.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from configuration import configuration, source
from conftest import NO_REFRESH, NO_RESULTS, refresh, run
from histories import History, problems
from mirror import mirror
from waiting import until

import rail_forge
from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import NewDatabase, Serve

# Rows of a page, and of a chunk in memory.
PAGE_ROWS, CHUNK_ROWS = 16_384, 8_192
ROWS = 5 * PAGE_ROWS
PAGES, CHUNKS = ROWS // PAGE_ROWS, ROWS // CHUNK_ROWS
# Keys come at random, times and references in their order.
ORDERS = f"""AS SELECT md5('order ' || i)::uuid AS id,
    timestamptz '2024-01-01Z' + i * interval '1 minute' AS created_at,
    timestamp '2024-01-01' + i * interval '1 minute' AS local_at,
    time '00:00' + i * interval '1 second' AS clock,
    i * 7919 % 10007 AS customer, 'ORD-' || to_char(i, 'FM00000000') AS reference,
    convert_to('ORD-' || to_char(i, 'FM00000000'), 'UTF8') AS code, i::numeric(20, 2) AS amount,
    repeat('a long text that no bound is kept of ', 2) || i AS note, CASE WHEN i % 3 > 0 THEN i END AS some
    FROM generate_series(1, {ROWS}) AS i"""
# A filter of each type, that one page can match, and what the bounds of the whole file leave out.
FILTERS = {
    "timestamptz": "created_at BETWEEN '2024-01-02Z' AND '2024-01-03Z'",
    "timestamp": "local_at BETWEEN '2024-01-02' AND '2024-01-03'",
    "time": "clock BETWEEN '00:20' AND '00:30'",
    "text": "reference = 'ORD-00000777'",
    "ranges of text": "reference BETWEEN 'ORD-00000777' AND 'ORD-00000800'",
    "bytea": "code = convert_to('ORD-00000777', 'UTF8')",
    "numeric": "amount BETWEEN 100 AND 200",
    "with NULLs": "some BETWEEN 100 AND 200",
}
NOWHERE = {
    "timestamptz": "created_at < '2023-12-31Z'",
    "timestamp": "local_at > '2030-01-01'",
    "time": "clock > '23:59'",
    "text": "reference = 'ORD-99999999'",
    "numeric": "amount < 0",
}
ODD = '"Wann? ""é"'
# Which columns, and the filter that one page of each part, or one chunk, can match.
SORTED = {
    "by_customer": ('["customer", "created_at"]', "customer = 4711"),
    "by_key": ('["id"]', "id = md5('order 4711')::uuid"),
    "by_some": ('["some"]', "some BETWEEN 100 AND 200"),
    "\"Sorted, 'odd'\"": ('["Wann? \\"é"]', f"{ODD} = 4711"),
}
NO_MEMORY, MEMORY = '[server]\ncache_memory = "0B"\n', '[server]\ncache_memory = "256MiB"\n'


def table(name: str, sort_by: str) -> str:
    pattern = name.strip('"')
    return f'[source.tables."public.{pattern}"]\nsort_by = {sort_by}\n'


@pytest.fixture(scope="module")
def clients(
    new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, rail_forge.Client]]:
    """Clients of a server that reads Parquet, and of one that keeps columns in memory."""
    url = new_database(
        f"CREATE TABLE orders {ORDERS}",
        *(
            f"CREATE TABLE {name} {ORDERS.replace('AS customer', f'AS {ODD}') if 'odd' in name else ORDERS}"
            for name in SORTED
        ),
        "CREATE TABLE parted (at date, what text) PARTITION BY RANGE (at)",
        *(
            f"CREATE TABLE parted_{year} PARTITION OF parted"
            f" FOR VALUES FROM ('{year}-01-01') TO ('{year + 1}-01-01')"
            for year in (2022, 2023, 2024)
        ),
        "INSERT INTO parted SELECT '2022-01-01'::date + i, 'day ' || '2022-01-01'::date + i"
        " FROM generate_series(0, 1000) AS i",
    )
    with ExitStack() as stack:
        connected = {}
        for name, settings in {"parquet": NO_MEMORY, "memory": MEMORY}.items():
            tables = [table(name, sort_by) for name, (sort_by, _) in SORTED.items()]
            file = configuration(tmp_path_factory.mktemp(name), settings, source(url), *tables)
            server = stack.enter_context(RailForgeServer({}, arguments=[*file, *NO_REFRESH, *NO_RESULTS]))
            refresh(server)
            connected[name] = stack.enter_context(rail_forge.connect(server.flight))
        yield connected


def plan(client: rail_forge.Client, sql: str) -> str:
    """The scan of a query that was run, with what it has left out."""
    lines = [line for (line,) in client.sql(f"EXPLAIN ANALYZE {sql}").rows()]
    [scan] = [str(line) for line in lines if "DataSourceExec" in line]
    return scan


def kept(scan: str, what: str) -> tuple[int, int]:
    """How many of what there is were read, and how many there are."""
    found = re.search(rf"\b{what}=(\d+) total → (\d+) matched", scan)
    assert found is not None, scan
    return int(found[2]), int(found[1])


def from_memory(client: rail_forge.Client, sql: str) -> str:
    """The same, once all is in memory."""

    def scan_of_memory() -> str | None:
        client.sql(sql).rows()
        scan = plan(client, sql)
        return scan if "from_memory=1/1" in scan else None

    return until(scan_of_memory, f"what is read is in memory: {sql}") or ""


@pytest.mark.parametrize("name", FILTERS)
def test_pages_are_left_out(name: str, clients: dict[str, rail_forge.Client]) -> None:
    sql = f"SELECT count(*), min(reference), max(note) FROM orders WHERE {FILTERS[name]}"
    assert kept(plan(clients["parquet"], sql), "page_index_pages_pruned") == (1, PAGES)
    some = clients["parquet"].sql(sql).rows()
    assert some[0][0]
    if name != "bytea":  # Bytes have no bounds in memory.
        assert kept(from_memory(clients["memory"], sql), "chunks_pruned_statistics") == (1, CHUNKS)
    assert clients["memory"].sql(sql).rows() == some


@pytest.mark.parametrize("name", NOWHERE)
def test_files_are_left_out(name: str, clients: dict[str, rail_forge.Client]) -> None:
    sql = f"SELECT count(*), min(reference) FROM orders WHERE {NOWHERE[name]}"
    scan = plan(clients["parquet"], sql)
    assert kept(scan, "files_ranges_pruned_statistics")[0] == 0
    assert clients["parquet"].sql(sql).rows() == [(0, None)]


def test_files_of_partitions_are_left_out(clients: dict[str, rail_forge.Client]) -> None:
    for condition in ("at = '2023-05-06'", "what = 'day 2023-05-06'"):
        sql = f"SELECT at, what FROM parted WHERE {condition}"
        assert kept(plan(clients["parquet"], sql), "files_ranges_pruned_statistics") == (1, 3)
        assert [row[1] for row in clients["parquet"].sql(sql).rows()] == ["day 2023-05-06"]


@pytest.mark.parametrize("name", SORTED)
def test_sorted_files_are_left_out_by_what_they_are_sorted_by(
    name: str, clients: dict[str, rail_forge.Client]
) -> None:
    condition = SORTED[name][1]
    unsorted_condition = condition.replace(ODD, "customer")
    sql = f"SELECT id, created_at FROM {name} WHERE {condition} ORDER BY id"
    unsorted = f"SELECT id, created_at FROM orders WHERE {unsorted_condition} ORDER BY id"
    rows = clients["parquet"].sql(unsorted).rows()
    assert rows
    for client in clients.values():
        assert client.sql(sql).rows() == rows
    # Where one value ends and the next begins, two pages have it.
    assert kept(plan(clients["parquet"], sql), "page_index_pages_pruned")[0] <= 2
    assert kept(from_memory(clients["memory"], sql), "chunks_pruned_statistics")[0] <= 2
    if name != "by_some":
        assert kept(plan(clients["parquet"], unsorted), "page_index_pages_pruned") == (PAGES, PAGES)


# Changes of every kind, in tables with NULLs, duplicates and nothing at all in what they are sorted by.
BEGIN = [
    'CREATE TABLE t (id integer PRIMARY KEY, moved timestamptz NOT NULL, "Wann? ""é" text, n numeric)',
    """INSERT INTO t
       SELECT i, '2024-01-01'::timestamptz + i * interval '1 s', nullif(i * 7919 % 101, 5)::text,
       CASE WHEN i % 4 > 0 THEN i / 7.0 END FROM generate_series(1, 5000) AS i""",
    "CREATE TABLE nothing (LIKE t)",
]
STEPS: list[tuple[str | list[str], dict[str, int] | None]] = [
    (f"UPDATE t SET {ODD} = NULL, moved = now() WHERE id % 10 = 3", None),
    (f"UPDATE t SET {ODD} = 'zz' || id, moved = now() WHERE id % 50 = 1", None),
    ("INSERT INTO t SELECT i, now(), 'x', i FROM generate_series(6000, 6400) AS i", None),
    ("INSERT INTO nothing SELECT * FROM t WHERE id < 10", None),
    ("UPDATE t SET n = 12345678901234567890.123, moved = now() WHERE id = 7", None),
    # Small files, until they are merged.
    *[
        (f"INSERT INTO t SELECT i, now(), (i % 3)::text, i FROM generate_series({i}, {i + 30}) AS i", None)
        for i in range(10_000, 11_000, 100)
    ],
    ("UPDATE t SET n = -n, moved = now()", None),
]
DELETES: list[tuple[str | list[str], dict[str, int] | None]] = [
    ("DELETE FROM t WHERE id % 3 = 0", None),
    ("TRUNCATE nothing", None),
    ("DELETE FROM t WHERE id % 7 > 0", None),
]
MODES = {
    "full": ('mode = "full"', [*STEPS, *DELETES]),
    "diff": ('mode = "diff"', [*STEPS, *DELETES]),
    "watermark": ('mode = "watermark", column = "moved"', STEPS),
}


def test_sorted_tables_are_the_same_after_refreshes_of_every_mode(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    histories = {mode: History(settings, BEGIN, steps) for mode, (settings, steps) in MODES.items()}
    sort_by = '["Wann? \\"é", "n"]'
    found = problems(histories, new_database(), tmp_path, must_stay=True, sort_by=sort_by)
    assert found == {mode: [] for mode in MODES}


def test_a_table_is_sorted_anew_when_its_setting_changes(
    new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database(f"CREATE TABLE orders {ORDERS}", "ALTER TABLE orders ADD PRIMARY KEY (id)")
    condition = "SELECT count(*) FROM orders WHERE customer = 4711"
    for sort_by, reads in [(None, ROWS), ('["customer"]', ROWS), ('["customer"]', 0), ("[]", ROWS)]:
        lines = [table("orders", sort_by)] if sort_by else []
        settings = [NO_MEMORY, source(url, 'mode = "diff"'), *lines]
        server = serve({}, *configuration(tmp_path, *settings), data_dir=tmp_path / "data")
        with mirror(server, url) as both:
            assert both.refresh()["orders"] == reads, sort_by
            assert both.differences() == []
            assert both.client.sql(condition).rows() == [(8,)]
            pages, _ = kept(plan(both.client, condition), "page_index_pages_pruned")
            assert pages <= 2 if sort_by == '["customer"]' else pages == PAGES
            run(url, "VACUUM orders")
        server.stop()
