"""What cannot be carried over exactly is refused by name, and the other tables are served all the same."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
import pytest
from configuration import configuration, source
from conftest import NO_REFRESH, answer, refresh, run

import rail_forge
from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from conftest import NewDatabase, Serve

    from rail_forge_testbed.postgres import PostgresServer


@dataclass(frozen=True)
class Refusal:
    """A table, and words that its error has to have."""

    columns: str
    rows: Sequence[str]
    words: Sequence[str]
    settings: str = ""
    """What its settings are, as lines of the configuration."""


KEYED = "id integer PRIMARY KEY, "
LOCKED = "locked"

REFUSALS = {
    "nan": Refusal(f"{KEYED}bad numeric(10,2)", ["1, 1", "2, 'NaN'"], ['column "bad"', "row id = 2: NaN"]),
    "wide_nan": Refusal(f"{KEYED}bad numeric(50,2)", ["1, 'NaN'"], ['column "bad"', "row id = 1: NaN"]),
    "any_nan": Refusal(f"{KEYED}bad numeric", ["1, 1.5", "2, 'NaN'"], ['column "bad"', "row id = 2: NaN"]),
    "huge": Refusal(f"{KEYED}bad numeric", ["1, '-Infinity'"], ['column "bad"', "row id = 1: ", "infinity"]),
    "among": Refusal(f"{KEYED}bad numeric(4,1)[]", ["1, '{1,NaN}'"], ['column "bad"', "row id = 1: NaN"]),
    "forever": Refusal(f"{KEYED}bad timestamp", ["1, 'infinity'"], ['column "bad"', "row id = 1: infinity"]),
    "ever": Refusal(f"{KEYED}bad timestamptz", ["1, '-infinity'"], ['column "bad"', "row id = 1: infinity"]),
    "any_day": Refusal(
        f"{KEYED}bad date", ["1, now()", "2, 'infinity'"], ['column "bad"', "row id = 2: infinity"]
    ),
    "too_late": Refusal(
        f"{KEYED}bad timestamp", ["1, '294276-12-31'"], ['column "bad"', "row id = 1: ", "range"]
    ),
    "midnight": Refusal(f"{KEYED}bad time", ["1, '24:00:00'"], ['column "bad"', "row id = 1: 24:00:00"]),
    "long": Refusal(
        f"{KEYED}bad interval", ["1, '3000000:00:00'"], ['column "bad"', "row id = 1: ", "292 years"]
    ),
    "keyless": Refusal("bad date", ["'infinity'"], ['column "bad"', "row 1 of those read: infinity"]),
    "nothing": Refusal("", [], ["it has no columns; exclude it"]),
    LOCKED: Refusal("id integer", [], ["somebody holds a lock on it"]),
    "other_text": Refusal(
        "id integer", [], ['no column "gone"', "correct text_columns"], settings='text_columns = ["gone"]'
    ),
    "other_order": Refusal(
        "id integer",
        [],
        ['no column "gone" to sort by', "correct sort_by"],
        settings='sort_by = ["id", "gone"]',
    ),
    "no_order": Refusal(
        "id integer, bad interval",
        [],
        ['column "bad"', "type interval has no order"],
        settings='sort_by = ["bad"]',
    ),
    "other_mark": Refusal(
        "id integer",
        [],
        ['no column "gone" for its watermark', "correct its refresh settings"],
        settings='refresh = { mode = "watermark", column = "gone" }',
    ),
    "no_mark": Refusal(
        "id integer, bad boolean",
        [],
        ['column "bad"', "type boolean is no watermark"],
        settings='refresh = { mode = "watermark", column = "bad" }',
    ),
}


def statements() -> Iterator[str]:
    yield "CREATE TABLE good (id integer)"
    yield "INSERT INTO good VALUES (1), (2)"
    for name, refusal in REFUSALS.items():
        yield f"CREATE TABLE {name} ({refusal.columns})"
        yield from (f"INSERT INTO {name} VALUES ({row})" for row in refusal.rows)


@pytest.fixture(scope="module")
def outcome(
    new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RailForgeServer, dict[str, rail_forge.RefreshedTable]]]:
    """A server of a database that has all these tables beside a good one, and what its refresh said."""
    url = new_database(*statements())
    settings = [
        f"[source.tables.'public.{name}']\n{refusal.settings}\n"
        for name, refusal in REFUSALS.items()
        if refusal.settings
    ]
    arguments = configuration(
        tmp_path_factory.mktemp("refused"),
        source(url, None, 'lock_timeout = "200ms"', name="mixed"),
        *settings,
    )
    with (
        RailForgeServer({}, arguments=[*arguments, *NO_REFRESH]) as server,
        rail_forge.connect(server.flight) as client,
    ):
        with psycopg.connect(url) as connection:
            connection.execute(f"LOCK TABLE {LOCKED} IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(rail_forge.RefreshError) as raised:
                client.refresh()
        yield server, {table.table: table for table in raised.value.tables}


Outcome = tuple[RailForgeServer, dict[str, rail_forge.RefreshedTable]]


@pytest.mark.parametrize("name", REFUSALS)
def test_error_names_table_column_and_reason(name: str, outcome: Outcome) -> None:
    _, tables = outcome
    error = tables[name].error
    assert error is not None
    for words in [f"table mixed.public.{name}", *REFUSALS[name].words]:
        assert words in error


@pytest.mark.parametrize("name", REFUSALS)
def test_query_of_a_refused_table_says_why(name: str, outcome: Outcome) -> None:
    server, tables = outcome
    with pytest.raises(rail_forge.NotFoundError) as raised:
        answer(server, f"SELECT * FROM {name}")
    assert name in str(raised.value)
    assert str(tables[name].error) in str(raised.value)


def test_the_other_tables_are_served(outcome: Outcome) -> None:
    server, tables = outcome
    assert {name for name, table in tables.items() if table.error is None} == {"good"}
    assert answer(server, "SELECT id FROM good ORDER BY id") == [(1,), (2,)]


def test_status_and_log_name_every_refusal(outcome: Outcome) -> None:
    server, tables = outcome
    with rail_forge.connect(server.flight) as client:
        status = {table.table: table for table in client.status().tables}
    assert {name: table.error for name, table in status.items()} == {
        name: table.error for name, table in tables.items()
    }
    for name in REFUSALS:
        assert status[name].as_of is None
        assert str(status[name].error) in server.log


@pytest.fixture
def reader(postgres: PostgresServer) -> Iterator[tuple[str, str]]:
    """A role that may log in and nothing else: its name and password."""
    name, password = f"reader_{secrets.token_hex(4)}", secrets.token_hex(8)
    run(postgres.url(), f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
    yield name, password
    run(postgres.url(), f"DROP ROLE {name}")


def test_table_without_select_is_refused(
    postgres: PostgresServer, new_database: NewDatabase, serve: Serve, reader: tuple[str, str]
) -> None:
    name, password = reader
    url = new_database("CREATE TABLE open (id integer)", "CREATE TABLE secret (id integer)")
    run(url, f"GRANT SELECT ON open TO {name}")
    database = url.rpartition("/")[2]
    try:
        server = serve({"shop": postgres.url(database, name, password)})
        with rail_forge.connect(server.flight) as client:
            with pytest.raises(rail_forge.RefreshError, match=r"1 of 2 tables.*shop\.public\.secret.*SELECT"):
                client.refresh()
            assert client.sql("SELECT count(*) FROM open").rows() == [(0,)]
    finally:
        run(url, f"REVOKE ALL ON open FROM {name}")


def test_what_cannot_be_selected_is_not_there(
    postgres: PostgresServer, new_database: NewDatabase, serve: Serve, reader: tuple[str, str]
) -> None:
    name, password = reader
    url = new_database(
        "CREATE TABLE partly (id integer PRIMARY KEY, secret text, note text)",
        "INSERT INTO partly VALUES (1, 'canary', 'seen')",
    )
    run(url, f"GRANT SELECT (id, note) ON partly TO {name}")
    try:
        server = serve({"shop": postgres.url(url.rpartition("/")[2], name, password)})
        refresh(server)
        with rail_forge.connect(server.flight) as client:
            assert client.sql("SELECT * FROM partly").arrow().to_pylist() == [{"id": 1, "note": "seen"}]
            with pytest.raises(rail_forge.Error, match="secret"):
                client.sql("SELECT secret FROM partly")
            run(url, f"GRANT SELECT ON partly TO {name}")
            refresh(server)
            assert client.sql("SELECT * FROM partly").rows() == [(1, "canary", "seen")]
            run(url, f"REVOKE ALL ON partly FROM {name}", f"REVOKE ALL (id, note) ON partly FROM {name}")
            with pytest.raises(rail_forge.RefreshError, match=r"shop\.public\.partly.*grant SELECT"):
                client.refresh()
    finally:
        run(url, f"REVOKE ALL ON partly FROM {name}", f"REVOKE ALL (id, note) ON partly FROM {name}")


def test_a_table_that_turns_bad_keeps_its_rows(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database("CREATE TABLE t (id integer, n numeric(10,2))", "INSERT INTO t VALUES (1, 1.5)")
    server = serve({"shop": url})
    with rail_forge.connect(server.flight) as client, psycopg.connect(url, autocommit=True) as database:
        [before] = client.refresh()
        database.execute("INSERT INTO t VALUES (2, 'NaN')")
        with pytest.raises(rail_forge.RefreshError, match=r'shop\.public\.t, column "n": row 2'):
            client.refresh()
        result = client.sql("SELECT id FROM t")
        assert result.rows() == [(1,)]
        assert result.as_of == before.as_of
        [status] = client.status().tables
        assert "row 2" in str(status.error)
        database.execute("UPDATE t SET n = 2 WHERE id = 2")
        client.refresh()
        assert client.sql("SELECT count(*) FROM t").rows() == [(2,)]
        assert client.status().tables[0].error is None


def test_a_dropped_table_disappears_and_a_new_one_comes(new_database: NewDatabase, serve: Serve) -> None:
    url = new_database("CREATE TABLE old (id integer)")
    server = serve({"shop": url})
    with rail_forge.connect(server.flight) as client:
        client.refresh()
        run(url, "DROP TABLE old", "CREATE TABLE new (id integer)")
        assert [table.table for table in client.refresh()] == ["new"]
        with pytest.raises(rail_forge.NotFoundError, match="old"):
            client.sql("SELECT * FROM old")
        assert client.sql("SELECT * FROM new").rows() == []
