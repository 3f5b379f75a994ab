"""A connection: whose session options hold for its cursors, and which has no transactions to speak of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

from rail_forge._client import Client
from rail_forge._client import connect as connect_client

from . import _exceptions
from ._cursor import Cursor
from ._exceptions import InterfaceError, database_errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from types import TracebackType

    from rail_forge._actions import RefreshedTable, ServerStatus
    from rail_forge._catalogue import Table
    from rail_forge._values import ReadText


def connect(url: str, token: str | None = None, **options: Any) -> Connection:
    """Return a connection to the server at `url`; `token` and `options` are those of `rail_forge.connect`.

    Nothing is sent yet: a server that cannot be reached shows with the first statement.
    """
    return Connection(connect_client(url, token, **options))


class Connection:
    """A connection by PEP 249, over a client. Threads may share it.

    `max_staleness`, in seconds, holds for every statement: tables that are older are refreshed before it.
    `reader_of` gives what reads PostgreSQL's text of a type by its name, for values that should not stay
    text.
    """

    Warning = _exceptions.Warning
    Error = _exceptions.Error
    InterfaceError = _exceptions.InterfaceError
    DatabaseError = _exceptions.DatabaseError
    DataError = _exceptions.DataError
    OperationalError = _exceptions.OperationalError
    IntegrityError = _exceptions.IntegrityError
    InternalError = _exceptions.InternalError
    ProgrammingError = _exceptions.ProgrammingError
    NotSupportedError = _exceptions.NotSupportedError

    # There is nothing to commit, whatever it is set to.
    autocommit = True

    def __init__(self, client: Client) -> None:
        self._client = client
        self._closed = False
        self.max_staleness: float | timedelta | None = None
        self.reader_of: Callable[[str], ReadText | None] = {"uuid": UUID}.get

    @property
    def client(self) -> Client:
        """The client that the statements go through; raises InterfaceError once the connection is closed."""
        if self._closed:
            raise InterfaceError("this connection is closed")
        return self._client

    @property
    def closed(self) -> bool:
        """Whether the connection was closed."""
        return self._closed

    @property
    def timezone(self) -> str:
        """The time zone of the session, in which timestamps with a time zone are shown."""
        return self._client.timezone

    @timezone.setter
    def timezone(self, name: str) -> None:
        self._client = self.client.with_session(timezone=name)

    def as_caller(self, token: str) -> Connection:
        """Return a connection over the same channel whose statements are another caller's, by its token."""
        other = Connection(self.client.with_session(token=token))
        other.max_staleness = self.max_staleness
        other.reader_of = self.reader_of
        return other

    def cursor(self) -> Cursor:
        """Return a new cursor."""
        self.client  # noqa: B018 - raises
        return Cursor(self)

    def tables(self, table: str | None = None, *, schema: str | None = None) -> list[Table]:
        """Return the tables that are served, as `Client.tables` does."""
        with database_errors():
            return self.client.tables(table, schema=schema)

    def refresh(self, *tables: str) -> list[RefreshedTable]:
        """Bring tables up to date with PostgreSQL, as `Client.refresh` does."""
        with database_errors():
            return self.client.refresh(*tables)

    def status(self) -> ServerStatus:
        """Return the state of the server, as `Client.status` does."""
        with database_errors():
            return self.client.status()

    def commit(self) -> None:
        """Do nothing, since nothing was changed; raises InterfaceError once the connection is closed."""
        self.client  # noqa: B018 - raises

    def rollback(self) -> None:
        """Do nothing, since nothing was changed; raises InterfaceError once the connection is closed."""
        self.client  # noqa: B018 - raises

    def close(self) -> None:
        """Refuse further statements. May be called again."""
        self._closed = True
        with database_errors():
            self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
