"""The mirror of a test database, and the RailForge server in front of it."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

import rail_forge
from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from collections.abc import Iterable

_WORD = re.compile(r"\w+")
_QUOTED = re.compile(r'"((?:[^"]|"")+)"')
_CHANGES_TABLES = re.compile(r"\s*(?:CREATE|ALTER|DROP|COMMENT)\b", re.IGNORECASE)

# What the suite's queries may have that RailForge leaves to PostgreSQL where it is allowed to.
_FALLBACK_FUNCTIONS = '["*"]'


class Mirror:
    """A copy of a test database whose tables are brought up to date before they are read."""

    def __init__(self, url: str, *, fallback: bool) -> None:
        self._url = url
        self._copy = psycopg.connect(url, autocommit=True)
        # Rows come one table after the other, whatever refers to what.
        self._copy.execute("SET session_replication_role = replica")
        self._lock = threading.RLock()
        self._columns: dict[str, list[str]] = {}
        self._dirty: set[str] = set()
        self._describe()
        config = f'[[source]]\nname = "suite"\nurl = "{url}"\n'
        if fallback:
            config += f'fallback = "unsupported"\nfallback_functions = {_FALLBACK_FUNCTIONS}\n'
        # Each version knows all tables, and there are many versions a second.
        arguments = ["--config", "suite.toml", "--keep-replaced", "5s"]
        self._server = RailForgeServer({}, arguments=arguments)
        self._server.place("suite.toml", config)
        self._server.start()
        self.client = rail_forge.connect(self._server.flight)
        self.client.refresh()

    @property
    def address(self) -> str:
        """Where the server is."""
        return self._server.flight

    def touched(self, statement: str) -> set[str]:
        """Take note of a statement that may change tables, and return which."""
        with self._lock:
            if _CHANGES_TABLES.match(statement):
                self._follow(statement)
            names = set(_WORD.findall(statement)) | set(_QUOTED.findall(statement))
            tables = names & self._columns.keys()
            self._dirty |= tables
            return tables

    def dirty(self, tables: Iterable[str]) -> None:
        """Take note that tables are not as they were."""
        with self._lock:
            self._dirty |= set(tables) & self._columns.keys()

    def bring_up_to_date(self, writer: psycopg.Connection, statement: str) -> None:
        """Copy what a statement reads and what has changed, as the writer sees it."""
        with self._lock:
            names = set(_WORD.findall(statement)) | set(_QUOTED.findall(statement))
            tables = sorted(self._dirty & names)
            if not tables:
                return
            with self._copy.transaction():
                for table in tables:
                    self._copy_table(writer, table)
            self.client.refresh(*tables)
            self._dirty -= set(tables)

    def close(self) -> None:
        """End the server, and leave the database to be dropped."""
        self.client.close()
        self._copy.close()
        self._server.close()

    def _copy_table(self, writer: psycopg.Connection, table: str) -> None:
        columns = sql.SQL(", ").join(map(sql.Identifier, self._columns[table]))
        name = sql.Identifier(table)
        self._copy.execute(sql.SQL("DELETE FROM {}").format(name))
        with (
            psycopg.Cursor(writer) as reading,
            self._copy.cursor() as writing,
            reading.copy(sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(columns, name)) as rows,
            writing.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(name, columns)) as copied,
        ):
            for row in rows:
                copied.write(row)

    def _describe(self) -> None:
        rows = self._copy.execute(
            "SELECT relname, array_agg(attname::text ORDER BY attnum) FILTER (WHERE attgenerated = '')"
            " FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
            " WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND attnum > 0"
            " AND NOT attisdropped GROUP BY relname"
        )
        self._columns = {name: columns or [] for name, columns in rows}

    def _follow(self, statement: str) -> None:
        """Make the same change to the mirror, which stays when the writer takes it back."""
        try:
            self._copy.execute(statement.encode())
        except psycopg.Error:
            return
        self._describe()
