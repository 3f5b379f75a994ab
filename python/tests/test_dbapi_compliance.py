"""The public compliance suite of PEP 249, whose writes PostgreSQL executes: its reads are answered here.

Each test of it makes tables, fills them, and reads what it has written. So a statement that changes something
goes to PostgreSQL, and the tables are refreshed before the next one.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import dbapi20
import psycopg
import pytest
from conftest import NO_REFRESH

from rail_forge import dbapi
from rail_forge_testbed.server import RailForgeServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import NewDatabase


class Cursor(dbapi.Cursor):
    """A cursor whose changes are PostgreSQL's."""

    def execute(self, operation: str, parameters: Any = None) -> Any:
        if operation.startswith("select"):
            return super().execute(operation, parameters)
        self._check()
        self._end()
        self.written(operation, parameters)
        return self

    def executemany(self, operation: str, seq_of_parameters: Any) -> None:
        for parameters in seq_of_parameters:
            self.execute(operation, parameters)

    def written(self, operation: str, parameters: Any) -> None:
        connection = self.connection
        assert isinstance(connection, Connection)
        try:
            with psycopg.connect(connection.url, autocommit=True) as writer:
                writer.execute(operation.encode(), parameters)
        except psycopg.Error as error:
            raise dbapi.ProgrammingError(str(error)) from error
        connection.refresh()


class Connection(dbapi.Connection):
    """A connection with such cursors."""

    url: str

    def cursor(self) -> Cursor:
        assert self.client
        return Cursor(self)


class TestCompliance(dbapi20.DatabaseAPI20Test):  # type: ignore[misc]
    """The suite, but for what PEP 249 leaves open."""

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def driver_of_a_server(cls, new_database: NewDatabase) -> Iterator[None]:
        url = new_database()
        with RailForgeServer({"db": url}, arguments=NO_REFRESH) as server:

            def connect() -> Connection:
                connection = Connection(dbapi.connect(server.flight).client)
                connection.url = url
                return connection

            cls.driver = SimpleNamespace(**{**vars(dbapi), "connect": connect})
            yield

    def test_non_idempotent_close(self) -> None:
        """It wants an error of a second close(), about which, it says, reasonable persons differ."""
        connection = self._connect()
        connection.close()
        connection.close()

    def test_nextset(self) -> None:
        """A statement has one result; PEP 249 leaves the method out where there are no others."""
        assert not hasattr(self._connect().cursor(), "nextset")

    def test_setoutputsize(self) -> None:
        """Whatever the size, a value is whole."""
        cursor = self._connect().cursor()
        cursor.setoutputsize(3)
        cursor.execute("select repeat('x', 1000)")
        assert cursor.fetchall() == [("x" * 1000,)]
