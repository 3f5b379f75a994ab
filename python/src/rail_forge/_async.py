"""The client with `await`: the calls of the other one, on threads, so that the event loop goes on meanwhile.

pyarrow has no calls of its own for event loops. A task that is cancelled stops the query that it reads.
"""

from __future__ import annotations

import asyncio
import os
import sys
import weakref
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Semaphore, Thread
from typing import TYPE_CHECKING, Any, Self, TypeAlias, TypeVar

from ._client import connect
from ._errors import Error
from ._stored_queries import StoredFunctions, execute_statement, split_arguments

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping, Sequence
    from datetime import timedelta
    from types import TracebackType

    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from ._actions import RefreshedTable, ServerStatus
    from ._as_of import AsOf
    from ._catalogue import Table
    from ._client import Client
    from ._result import Result
    from ._stored_queries import StoredQuery

T = TypeVar("T")
_Call: TypeAlias = "tuple[Callable[[], Any], Future[Any]]"

# As many calls of one client as are on their way at a time; others wait.
_THREADS = 64


def aconnect(url: str, token: str | None = None, **options: Any) -> AsyncClient:
    """Return a client of the server at `url` whose calls are awaited; arguments are those of `connect`.

    It can be awaited itself, or be used with `async with`. Nothing is sent yet.
    """
    return AsyncClient(connect(url, token, **options), _Threads())


class _Threads:
    """The threads on which the calls of a client wait.

    Unlike those of a ThreadPoolExecutor, the process does not wait for them when it ends: a call that was
    cancelled goes on until the server answers.
    """

    def __init__(self) -> None:
        self._closed = False
        self._begin()
        _all.add(self)

    def _begin(self) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._idle = Semaphore(0)
        self._started = 0
        # The threads end with the client, closed or not.
        self._end = weakref.finalize(self, self._calls.put, None)

    def begin_again(self) -> None:
        """Begin without threads, in a child in which those of its parent are not."""
        self._end.detach()
        self._begin()

    async def run(self, call: Callable[[], T], abandon: Callable[[], None] | None = None) -> T:
        """Run `call` on a thread; `abandon` is called when the task is cancelled meanwhile."""
        if self._closed:
            raise Error("this client is closed")
        running = asyncio.wrap_future(self._start(call))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            # What it ends with is heard by nobody.
            running.add_done_callback(_hear)
            if abandon is not None:
                abandon()
            raise

    def close(self) -> None:
        """Take no more calls; those that are on their way end in their own time."""
        self._closed = True
        self._end()

    def _start(self, call: Callable[[], T]) -> Future[T]:
        done: Future[T] = Future()
        if not self._idle.acquire(blocking=False) and self._started < _THREADS:
            Thread(target=_work, args=(self._calls, self._idle), name="rail-forge", daemon=True).start()
            self._started += 1
        self._calls.put((call, done))
        return done


_all: weakref.WeakSet[_Threads] = weakref.WeakSet()


def _after_fork() -> None:
    for threads in _all:
        threads.begin_again()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_after_fork)


def _work(calls: SimpleQueue[_Call | None], idle: Semaphore) -> None:
    while (given := calls.get()) is not None:
        call, done = given
        try:
            value = call()
        except BaseException as error:  # noqa: BLE001 - the task raises it
            done.set_exception(error)
        else:
            done.set_result(value)
            del value
        # Nothing of a call stays here until the next one.
        del given, call, done
        idle.release()
    calls.put(None)  # for the next thread


def _hear(done: asyncio.Future[Any]) -> None:
    if not done.cancelled():
        done.exception()


class AsyncClient:
    """A connection to a RailForge server, made by `aconnect`. May be used by several tasks at a time."""

    def __init__(self, client: Client, threads: _Threads) -> None:
        self._client = client
        self._threads = threads

    @property
    def timezone(self) -> str:
        """The time zone of the session."""
        return self._client.timezone

    @property
    def blocking(self) -> Client:
        """The client whose calls these are, for where nothing can be awaited."""
        return self._client

    def with_session(
        self, *, catalog: str | None = None, schema: str | None = None, timezone: str | None = None
    ) -> AsyncClient:
        """Return a client of the same connection with other session options; what is None stays as it is."""
        other = self._client.with_session(catalog=catalog, schema=schema, timezone=timezone)
        return AsyncClient(other, self._threads)

    async def sql(
        self,
        sql: str,
        params: Sequence[object] | Mapping[str, object] | None = None,
        *,
        max_staleness: float | timedelta | None = None,
        cache: bool = True,
    ) -> AsyncResult:
        """Have the server plan a query and return its result, as `Client.sql` does."""
        plan = lambda: self._client.sql(sql, params, max_staleness=max_staleness, cache=cache)  # noqa: E731
        return AsyncResult(await self._threads.run(plan), self._threads)

    async def call(
        self,
        name: str,
        arguments: Sequence[object] | Mapping[str, object] = (),
        *,
        max_staleness: float | timedelta | None = None,
        cache: bool = True,
    ) -> AsyncResult:
        """Run a stored query of the server's configuration, as `Client.call` does."""
        statement, values = execute_statement(name, *split_arguments(arguments))
        return await self.sql(statement, values, max_staleness=max_staleness, cache=cache)

    @property
    def queries(self) -> StoredFunctions[Awaitable[AsyncResult]]:
        """The stored queries, as functions: `await client.queries.sales(region="NA")`."""
        return StoredFunctions(self.sql, self._client.stored_queries)

    async def stored_queries(self) -> list[StoredQuery]:
        """Return the stored queries that the caller may run, as `Client.stored_queries` does."""
        return await self._threads.run(self._client.stored_queries)

    async def refresh(self, *tables: str) -> list[RefreshedTable]:
        """Bring tables up to date with PostgreSQL, as `Client.refresh` does."""
        return await self._threads.run(lambda: self._client.refresh(*tables))

    async def tables(
        self, table: str | None = None, *, schema: str | None = None, catalog: str | None = None
    ) -> list[Table]:
        """Return the tables that are served, as `Client.tables` does."""
        return await self._threads.run(lambda: self._client.tables(table, schema=schema, catalog=catalog))

    async def status(self) -> ServerStatus:
        """Return the state of the server, its sources and their tables."""
        return await self._threads.run(self._client.status)

    async def close(self) -> None:
        """Refuse further calls. May be called again."""
        self._client.close()
        self._threads.close()

    def __await__(self) -> Generator[Any, None, Self]:
        return self._itself().__await__()

    async def _itself(self) -> Self:
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return repr(self._client).replace("Client", "AsyncClient", 1)


class AsyncResult:
    """One query's result, as `Result`, whose reading is awaited. For one task at a time."""

    def __init__(self, result: Result, threads: _Threads) -> None:
        self._result = result
        self._threads = threads

    @property
    def schema(self) -> pa.Schema:
        """The columns' names and Arrow types, known without reading."""
        return self._result.schema

    @property
    def as_of(self) -> AsOf | None:
        """The database's moment that the result is true for; None when it depends on no table."""
        return self._result.as_of

    @property
    def engine(self) -> str:
        """What computed the result: `datafusion`, or `postgres` for what was handed on to PostgreSQL."""
        return self._result.engine

    async def arrow(self) -> pa.Table:
        """Return the result as an Arrow table, which shares the memory that it arrived in."""
        return await self._read(self._result.arrow)

    async def polars(self) -> pl.DataFrame:
        """Return the result as a Polars frame."""
        return await self._read(self._result.polars)

    async def pandas(self) -> pd.DataFrame:
        """Return the result as a pandas frame with Arrow-backed columns."""
        return await self._read(self._result.pandas)

    async def rows(self) -> list[tuple[Any, ...]]:
        """Return the result as tuples."""
        return await self._read(self._result.rows)

    async def batches(self) -> AsyncIterator[pa.RecordBatch]:
        """Iterate over the record batches as they arrive, keeping none; leaving the loop stops the server."""
        batches = self._result.batches()
        try:
            while (batch := await self._read(lambda: next(batches, None))) is not None:
                yield batch
        finally:
            self._result.close()

    async def close(self) -> None:
        """Stop the server if it is still sending."""
        self._result.close()

    async def _read(self, read: Callable[[], T]) -> T:
        return await self._threads.run(read, abandon=self._result.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return repr(self._result).replace("Result", "AsyncResult", 1)
