"""What clients write into statements, parameters and headers stays between them and the server.

Canaries are looked for in the log at its most talkative, in the data folder, and in what the HTTP endpoints
and the command line tell. Passwords and tokens are in test_cli.py and test_authentication.py.
"""

from __future__ import annotations

import secrets
import urllib.error
import urllib.request
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from configuration import configuration, source
from conftest import NO_REFRESH, refresh

import rail_forge
from rail_forge_testbed.server import run_cli

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import NewDatabase, Serve

    from rail_forge_testbed.server import RailForgeServer

TABLES = (
    "CREATE TABLE t (id integer, name text, r int4range)",
    "INSERT INTO t SELECT i, 'name ' || i, int4range(i, i + 2) FROM generate_series(1, 20) AS i",
    "CREATE TABLE live AS SELECT * FROM t",
)
# What only PostgreSQL has, so that it is asked for all of the query.
ELSEWHERE = "r && '[3,4]'::int4range"
PLACES = ("healthz", "readyz", "metrics", "status", "")

Ask = tuple[str, list[object] | None]
# The canary is put in the place of {}; none of it is known to the server before.
ASKED: dict[str, Callable[[str], Ask]] = {
    "a constant": lambda canary: (f"SELECT count(*) FROM t WHERE name = '{canary}'", None),
    "a constant of a value that fails": lambda canary: (f"SELECT '{canary}'::integer FROM t", None),
    "a constant in a cast of rows": lambda canary: (f"SELECT (name || '{canary}')::integer FROM t", None),
    "a column that is not there": lambda canary: (f'SELECT "{canary}" FROM t', None),
    "a table that is not there": lambda canary: (f'SELECT * FROM "{canary}"', None),
    "no SQL": lambda canary: (f"SELEC '{canary}'", None),
    "a comment": lambda canary: (f"SELECT 1 -- {canary}", None),
    "a parameter": lambda canary: ("SELECT count(*) FROM t WHERE name = $1", [canary]),
    "a parameter that fails": lambda canary: ("SELECT $1::text::integer", [canary]),
    "a constant for a live table": lambda canary: (f"SELECT * FROM live WHERE name = '{canary}'", None),
    "a parameter for a live table": lambda canary: ("SELECT * FROM live WHERE name = $1", [canary]),
    "a constant for PostgreSQL": lambda canary: (
        f"SELECT count(*) FROM t WHERE {ELSEWHERE} AND name <> '{canary}'",
        None,
    ),
    "a parameter for PostgreSQL": lambda canary: (
        f"SELECT count(*) FROM t WHERE {ELSEWHERE} AND name <> $1",
        [canary],
    ),
    "a value that fails in PostgreSQL": lambda canary: (
        f"SELECT count(*) FROM t WHERE {ELSEWHERE} AND ('{canary}' || name)::integer = 1",
        None,
    ),
    "a parameter that PostgreSQL cannot read": lambda canary: (
        f"SELECT count(*) FROM t WHERE {ELSEWHERE} AND $1::int4range = r",
        [canary],
    ),
    "a change": lambda canary: (f"INSERT INTO t VALUES (1, '{canary}')", None),
}


@pytest.fixture(scope="module")
def url(new_database: NewDatabase) -> str:
    return new_database(*TABLES)


@pytest.fixture
def server(url: str, serve: Serve, tmp_path: Path) -> RailForgeServer:
    tables = {"public.live": 'mode = "live"'}
    settings = source(url, None, 'fallback = "unsupported"', tables=tables)
    started = serve({}, *configuration(tmp_path, settings), *NO_REFRESH, "--log-level", "trace")
    refresh(started)
    return started


def told(server: RailForgeServer) -> str:
    """What the server tells whoever asks it for its state."""
    texts = []
    for place in PLACES:
        try:
            with urllib.request.urlopen(f"{server.http}/{place}", timeout=5) as response:
                texts.append(response.read().decode())
        except urllib.error.HTTPError as error:
            texts.append(error.read().decode())
    ended = run_cli("status", "--json", "--url", server.flight)
    return "\n".join([*texts, ended.stdout, ended.stderr])


def test_nothing_that_is_asked_is_written_anywhere(server: RailForgeServer) -> None:
    canaries = {what: f"canary{secrets.token_hex(8)}" for what in ASKED}
    with rail_forge.connect(server.flight) as client:
        for what, ask in ASKED.items():
            with suppress(rail_forge.Error):
                client.sql(*ask(canaries[what])).rows()
    state = told(server)
    server.stop()
    written = {file: file.read_bytes() for file in server.data_dir.rglob("*") if file.is_file()}
    for what, canary in canaries.items():
        assert canary not in server.log, what
        assert canary not in state, what
        assert not [file for file, content in written.items() if canary.encode() in content], what


def test_what_a_client_shows_of_its_session_is_not_written(server: RailForgeServer) -> None:
    canaries = [f"canary{secrets.token_hex(8)}" for _ in range(3)]
    catalog, schema, timezone = canaries
    for client in (
        rail_forge.connect(server.flight, catalog=catalog),
        rail_forge.connect(server.flight, schema=schema),
        rail_forge.connect(server.flight, timezone=timezone),
    ):
        with client, suppress(rail_forge.Error):
            client.sql("SELECT count(*) FROM t").rows()
    server.stop()
    assert not [canary for canary in canaries if canary in server.log]
