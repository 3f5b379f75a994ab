"""The client: a URL in, results out.

It puts the pieces of the other modules in order; it knows neither bytes nor pyarrow's calls.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from math import isfinite
from typing import TYPE_CHECKING, Literal, Self, get_args
from urllib.parse import quote

from . import _flight_sql
from ._actions import (
    REFRESH,
    STATUS,
    RefreshedTable,
    ServerStatus,
    read_refresh,
    read_status,
    refresh_request,
)
from ._address import read_tls, read_url
from ._catalogue import Table, read_default_catalog, read_tables
from ._channel import Channel
from ._connection import Connection
from ._errors import NotFoundError, expected
from ._named_parameters import positional
from ._parameters import parameter_batch
from ._progress import RefreshProgress, require_tqdm
from ._result import Result
from ._scan import scan
from ._stored_queries import (
    LIST,
    StoredFunctions,
    execute_statement,
    read_stored_queries,
    split_arguments,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    import polars as pl
    import pyarrow as pa
    from pyarrow import flight

    from ._address import Address, Pem
    from ._stored_queries import StoredQuery

_TOKEN_VARIABLE = "RAIL_FORGE_TOKEN"
# Those of a session for which nobody says others.
_DEFAULT_TIMEZONE, _DEFAULT_SCHEMA = "UTC", "public"
Priority = Literal["interactive", "batch"]


def connect(  # noqa: PLR0913 - each is a setting by its name
    url: str,
    token: str | None = None,
    *,
    catalog: str | None = None,
    schema: str | None = None,
    timezone: str | None = None,
    timeout: float | None = None,
    priority: Priority = "interactive",
    progress: bool = False,
    tls_roots: Pem | None = None,
    tls_certificate: Pem | None = None,
    tls_key: Pem | None = None,
) -> Client:
    """Return a client of the server at `url`, such as `grpc://127.0.0.1:32010`.

    With TLS it is `grpc+tls://HOST:PORT`, and `grpc+unix:///PATH` through a Unix domain socket.

    Nothing is sent yet: a server that cannot be reached, or that does not know the token, shows with the
    first call.

    `token` is an API token, as `rail-forge token create` prints it; when None, that of the environment
    variable RAIL_FORGE_TOKEN, and none when that is not set. That of the environment is refused where others
    could read it on the way: without TLS, to another host.
    `catalog` and `schema` are where names without them are looked up, the server's defaults when None.
    `timezone` is the time zone of the session, such as `Europe/Berlin`: timestamps without one are of it,
    and days begin in it. It is UTC when None.
    `timeout`, in seconds, bounds every call to the server; reading a result is one call, from its first batch
    to its last. Without it a call takes as long as the server does.
    `priority` says who waits for the answers: somebody at a screen, or a `batch` job, whose queries leave
    some of the places in which queries run to others.
    With `progress`, refreshes, and results that are read whole, show how far they have come when they take
    longer than a second: a line of tqdm in a terminal, its widget in a notebook.
    `tls_roots` are the authorities that sign the server's certificate; those of the system when None.
    `tls_certificate` and `tls_key` are a certificate to show to the server, and its private key. Each is in
    PEM format: the path of a file, or what is in one, as bytes.

    Raises ValueError when `url`, `token`, `timeout`, `priority` or what is for TLS cannot be used, and
    OSError when a file cannot be read.
    """
    if timeout is not None and timeout <= 0:
        raise ValueError(f"timeout must be more than 0 seconds, not {timeout}")
    if priority not in get_args(Priority):
        raise ValueError(f"priority must be one of {', '.join(get_args(Priority))}, not {priority!r}")
    address = read_url(url)
    tls = read_tls(address, tls_roots, tls_certificate, tls_key)
    headers = _headers(catalog, schema, timezone) | _authorization(token, address)
    headers["x-rail-forge-priority"] = priority
    if progress:
        require_tqdm()
    connection = Connection(Channel(address, tls), headers, timeout, progress=progress)
    return Client(address.url, connection, catalog, schema, timezone)


class Client:
    """A connection to a RailForge server, made by `connect`. May be shared between threads."""

    def __init__(
        self, url: str, connection: Connection, catalog: str | None, schema: str | None, timezone: str | None
    ) -> None:
        self._url = url
        self._connection = connection
        self._catalog = catalog
        # What the server says it is, when nobody else does; another caller's may be another.
        self._default_catalog: str | None = None
        self._schema = schema or _DEFAULT_SCHEMA
        self._timezone = timezone or _DEFAULT_TIMEZONE

    @property
    def timezone(self) -> str:
        """The time zone of the session."""
        return self._timezone

    def with_session(
        self,
        *,
        catalog: str | None = None,
        schema: str | None = None,
        timezone: str | None = None,
        token: str | None = None,
    ) -> Client:
        """Return a client of the same connection with other session options; what is None stays as it is.

        With a `token` it is another caller's: one connection can carry the calls of many, and to close one of
        these clients closes it for all. Raises ValueError when it cannot be one.
        """
        if token is not None and not token.strip():
            raise ValueError("the token is empty: the calls would be those of the caller before")
        headers = _headers(catalog, schema, timezone) | ({} if token is None else _bearer(token))
        connection = self._connection.with_headers(headers)
        return Client(
            self._url,
            connection,
            catalog or self._catalog,
            schema or self._schema,
            timezone or self._timezone,
        )

    def sql(
        self,
        sql: str,
        params: Sequence[object] | Mapping[str, object] | None = None,
        *,
        max_staleness: float | timedelta | None = None,
        cache: bool = True,
    ) -> Result:
        """Have the server plan a query and return its result, which is read when it is first asked for.

        `params` are the values of `$1`, `$2`, ... in the query, or those of `:name` by their names, sent
        beside it and never as part of its text. Tables that are older than `max_staleness`, in seconds, are
        refreshed before the query is planned. Without `cache` the result is computed anew, though the server
        has it and its tables have not changed.

        Raises QueryError when the query cannot be answered as it is written, TypeError when `params` is
        neither a sequence nor a mapping, and ValueError when names and values do not go together, one of the
        values cannot be sent or `max_staleness` is less than 0.
        """
        connection = self._connection.with_headers(_demands(max_staleness, cache=cache))
        if isinstance(params, Mapping):
            sql, params = positional(sql, params)
        parameters = None if params is None else parameter_batch(params)
        if parameters is None or parameters.num_columns == 0:
            return Result(connection, lambda: connection.flight_info(sql.encode()))
        return Result(connection, lambda: _plan_prepared(connection, sql, parameters))

    def call(
        self,
        name: str,
        arguments: Sequence[object] | Mapping[str, object] = (),
        *,
        max_staleness: float | timedelta | None = None,
        cache: bool = True,
    ) -> Result:
        """Run a stored query of the server's configuration, with the values of its parameters.

        The rest is as with `sql`. Raises NotFoundError when there is no such query that the caller may run.
        """
        statement, values = execute_statement(name, *split_arguments(arguments))
        return self.sql(statement, values, max_staleness=max_staleness, cache=cache)

    @property
    def queries(self) -> StoredFunctions[Result]:
        """The stored queries, as functions: `client.queries.sales(region="NA")`."""
        return StoredFunctions(self.sql, self.stored_queries)

    def stored_queries(self) -> list[StoredQuery]:
        """Return the stored queries that the caller may run, with parameters, columns and descriptions."""
        return read_stored_queries(self._connection.again(lambda: self._connection.act(LIST, b"")))

    def refresh(self, *tables: str) -> list[RefreshedTable]:
        """Bring tables up to date with PostgreSQL, all of them when none is named, and wait until it is done.

        A name is `table`, `schema.table` or `catalog.schema.table`.

        Raises RefreshError when a table could not be refreshed; the others were.
        """
        progress = RefreshProgress(on=self._connection.progress)
        with progress:
            answers = self._connection.act(REFRESH, refresh_request(tables), progress.heard)
        return read_refresh(answers)

    def tables(
        self, table: str | None = None, *, schema: str | None = None, catalog: str | None = None
    ) -> list[Table]:
        """Return the tables that are served, with columns and keys; those of a name and schema if given.

        `catalog` is that of the session when None. Tables that the caller may not read are not among them.
        """
        return read_tables(self._connection, catalog or self.catalog, schema, table)

    def scan(self, table: str, *, schema: str | None = None, catalog: str | None = None) -> pl.LazyFrame:
        """Return a table as a Polars LazyFrame: the server sends the columns and rows that a query needs.

        Names are those of the table itself; `schema` and `catalog` are those of the session when None. A
        query reads the newest snapshot when it is collected, and one that scans several tables may see each
        at a moment of its own: `sql` sees all of a query at one.

        Raises NotFoundError when there is no such table.
        """
        found = self.tables(table, schema=schema or self._schema, catalog=catalog)
        if not found:
            raise NotFoundError(f'there is no table "{table}" in the schema "{schema or self._schema}"')
        return scan(self, found[0])

    @property
    def catalog(self) -> str:
        """The catalogue in which names without one are looked up; asks the server if it was not said."""
        if self._catalog is not None:
            return self._catalog
        if self._default_catalog is None:
            catalog = read_default_catalog(self._connection)
            if not catalog:
                raise NotFoundError("the server has no catalogue that the caller may read")
            self._default_catalog = catalog
        return self._default_catalog

    def status(self) -> ServerStatus:
        """Return the state of the server, its sources and their tables."""
        return read_status(self._connection.again(lambda: self._connection.act(STATUS, b"")))

    def close(self) -> None:
        """Refuse further calls. May be called again; a result that is being read cannot be read on."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<rail_forge.Client of {self._url}>"


def _plan_prepared(connection: Connection, sql: str, parameters: pa.RecordBatch) -> flight.FlightInfo:
    """Plan a query with parameters.

    The server keeps no state: the handle carries the query, and binding answers another that carries the
    parameters too. So a failure halfway leaves nothing behind, and there is nothing to close.
    """
    created = _flight_sql.create_prepared_statement(sql)
    answers = connection.again(lambda: connection.act("CreatePreparedStatement", created))
    with expected("answer to CreatePreparedStatement"):
        [answer] = answers
    command = _flight_sql.prepared_statement_query(_flight_sql.created_handle(answer))
    bound = _flight_sql.bound_handle(connection.again(lambda: connection.put(command, parameters)))
    return connection.flight_info(_flight_sql.prepared_statement_query(bound))


def _demands(max_staleness: float | timedelta | None, *, cache: bool) -> dict[str, str]:
    """Return the header that says what is demanded of a query's result."""
    directives = [] if cache else ["no-cache"]
    if max_staleness is not None:
        whole = max_staleness.total_seconds() if isinstance(max_staleness, timedelta) else max_staleness
        if not (whole >= 0 and isfinite(whole)):
            raise ValueError(f"max_staleness must be 0 seconds or more, not {max_staleness}")
        directives.append(f"max-staleness={whole:.6f}")
    return {"x-rail-forge-cache-control": ", ".join(directives)} if directives else {}


def _authorization(token: str | None, address: Address) -> dict[str, str]:
    """Return the header that says who is asking, none without a token."""
    shown = (os.environ.get(_TOKEN_VARIABLE) or "") if token is None else token
    if shown.strip() and token is None and address.exposed_host is not None:
        raise ValueError(
            f"the token of {_TOKEN_VARIABLE} is not sent to {address.exposed_host} without TLS, because"
            " others can read it on the way; use grpc+tls://, or give it as token= if the way is safe"
        )
    return _bearer(shown)


def _bearer(token: str) -> dict[str, str]:
    shown = token.strip()
    # The token itself is not in the error, because errors are logged.
    if not (shown.isascii() and shown.isprintable() and " " not in shown):
        raise ValueError("the token is not one: rail-forge token create makes tokens")
    return {"authorization": f"Bearer {shown}"} if shown else {}


def _headers(catalog: str | None, schema: str | None, timezone: str | None) -> dict[str, str]:
    """Return the headers that say where names are looked up, and what time it is.

    Percent-encoded, since gRPC refuses values beyond ASCII and names in PostgreSQL may hold any character.
    """
    named = {
        "x-rail-forge-catalog": catalog,
        "x-rail-forge-schema": schema,
        "x-rail-forge-timezone": timezone,
    }
    return {name: quote(value, safe="") for name, value in named.items() if value is not None}
