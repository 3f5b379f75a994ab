"""What plans leave out, because primary keys and conditions say that it changes nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from configuration import configuration, source
from conftest import NO_REFRESH, refresh

import rail_forge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import NewDatabase, Serve

TABLES = (
    "CREATE TABLE author (id int PRIMARY KEY, name text, tags text[], about jsonb)",
    "CREATE TABLE book (id int PRIMARY KEY, author_id int, title text, year int)",
    "CREATE TABLE mark (a int, b int, note text, PRIMARY KEY (a, b))",
    "INSERT INTO author SELECT i, 'a' || i FROM generate_series(1, 100) AS i",
    "INSERT INTO book SELECT i, i % 90, 'b' || i, 1900 + i % 100 FROM generate_series(1, 500) AS i",
    "INSERT INTO mark SELECT i % 10, i, 'm' FROM generate_series(1, 100) AS i",
)


@pytest.fixture
def client(new_database: NewDatabase, serve: Serve) -> Iterator[rail_forge.Client]:
    server = serve({"library": new_database(*TABLES)}, *NO_REFRESH)
    refresh(server)
    with rail_forge.connect(server.flight) as connected:
        yield connected


def plan(client: rail_forge.Client, sql: str) -> str:
    return "\n".join(line for (line,) in client.sql(f"EXPLAIN {sql}").rows())


def keys(client: rail_forge.Client, sql: str) -> list[str]:
    """Return what the first aggregate from above groups by, by name."""
    found = re.search(r"AggregateExec: mode=\w+, gby=\[(.*?)\], aggr", plan(client, sql))
    assert found is not None
    return re.findall(r"(\w+)@\d+ as ", found[1])


@pytest.mark.parametrize(
    ("sql", "grouped_by"),
    [
        ("SELECT id, name, tags, about FROM author GROUP BY id, name, tags, about", ["id"]),
        ("SELECT count(*) FROM author GROUP BY id, name, tags, about", ["id"]),
        (
            "SELECT a.name, count(*) FROM book AS b JOIN author AS a ON a.id = b.author_id"
            " GROUP BY b.author_id, a.id, a.name",
            ["author_id"],
        ),
        (
            "SELECT b.id, a.name, count(*) FROM book AS b JOIN author AS a ON a.id = b.author_id"
            " CROSS JOIN mark GROUP BY b.id, b.title, a.id, a.name",
            ["id"],
        ),
        (
            "SELECT b.author_id, a.name, count(*) FROM book AS b LEFT JOIN author AS a ON a.id = b.author_id"
            " GROUP BY b.author_id, a.name",
            ["author_id"],
        ),
        # Whether there is an author depends on more than the key.
        (
            "SELECT b.author_id, a.name, count(*) FROM book AS b LEFT JOIN author AS a"
            " ON a.id = b.author_id AND a.name < b.title GROUP BY b.author_id, a.name",
            ["author_id", "name"],
        ),
        ("SELECT a, note, count(*) FROM mark GROUP BY a, note", ["a", "note"]),
        ("SELECT a, b, note, count(*) FROM mark CROSS JOIN book GROUP BY a, b, note", ["a", "b"]),
    ],
)
def test_rows_are_grouped_by_no_more_than_tells_them_apart(
    client: rail_forge.Client, sql: str, grouped_by: list[str]
) -> None:
    assert sorted(keys(client, sql)) == sorted(grouped_by)


def test_conditions_come_below_keys_that_go(client: rail_forge.Client) -> None:
    said = plan(
        client,
        "SELECT * FROM (SELECT a.id, a.name, count(*) FROM author AS a JOIN book AS b ON b.author_id = a.id"
        " GROUP BY a.id, a.name) AS g WHERE name = 'a7'",
    )
    assert said.index("AggregateExec") < said.index("FilterExec: name@")


def test_a_subquery_with_one_row_is_not_counted(client: rail_forge.Client) -> None:
    of_one = "(SELECT count(*) FROM book WHERE author_id = author.id GROUP BY author_id{})"
    assert "only_value" not in plan(client, f"SELECT {of_one.format('')} FROM author WHERE id < 10")
    assert "only_value" in plan(client, f"SELECT {of_one.format(', title')} FROM author WHERE id < 10")


def test_a_subquery_of_all_rows_is_asked_for_no_values_first(client: rail_forge.Client) -> None:
    subquery = "(SELECT {} FROM book WHERE author_id = author.id GROUP BY author_id)"

    def scans_of_authors(value: str, condition: str = "") -> int:
        sql = f"SELECT name, {subquery.format(value)} FROM author{condition}"
        return len(re.findall(r"projection=\[id(?:, name)?\b", plan(client, sql)))

    assert scans_of_authors("max(title)") == 1
    # Of fewer rows, of what could fail for others.
    assert scans_of_authors("max(title)", " WHERE name > 'a5'") > 1
    assert scans_of_authors("max(10 / year)") > 1


@pytest.mark.parametrize("mode", ["full", "live"])
def test_keys_whose_values_may_have_become_null_tell_nothing_apart(
    mode: str, new_database: NewDatabase, serve: Serve, tmp_path: Path
) -> None:
    url = new_database(
        "CREATE TABLE held (id int, since date, name text, PRIMARY KEY (id, since))",
        "INSERT INTO held VALUES (1, 'infinity', 'a'), (1, '-infinity', 'b'), (1, '2020-01-01', 'c')",
    )
    settings = source(url, f'mode = "{mode}"', 'unrepresentable = "null"')
    server = serve({}, *configuration(tmp_path, settings), *NO_REFRESH)
    refresh(server)
    with rail_forge.connect(server.flight) as client:
        for sql in (
            "SELECT DISTINCT h.id, h.since, h.name FROM held AS h CROSS JOIN held AS o",
            "SELECT h.id, h.since, h.name FROM held AS h CROSS JOIN held AS o GROUP BY h.id, h.since, h.name",
            "SELECT id, since, name FROM held GROUP BY id, since",
        ):
            assert sorted(name for _, _, name in client.sql(sql).rows()) == ["a", "b", "c"]
        counted = client.sql(
            "SELECT count(*) FROM held AS h CROSS JOIN held AS o GROUP BY h.id, h.since, h.name"
        )
        assert counted.rows() == [(3,)] * 3
