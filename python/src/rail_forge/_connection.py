"""The calls that a client makes of a server, each interruptible, bounded by the timeout and with our errors.

Everything that touches pyarrow's FlightClient is here; what the bytes mean is not.
"""

from __future__ import annotations

from contextlib import suppress
from inspect import GEN_CLOSED, getgeneratorstate
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa
from pyarrow import flight

from ._error_info import forget_last_call, trailers_of_last_call
from ._errors import Error, NotFoundError, QueryCancelled, ServerError, ServerUnavailable, server_errors
from ._failure import Failure
from ._flight_sql import cancel_ticket
from ._interrupt import interruptible

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from ._channel import Channel
    from ._error_info import CallTrailers
    from ._progress import ResultProgress

T = TypeVar("T")


# How long a call that can be made again waits before each time that it is, in seconds: a server that restarts
# is away for a moment.
_RETRY_AFTER_SECONDS = (0.05, 0.2, 0.8)
# What a server says that is about to end; one that cannot be reached gives no reason.
_AWAY = (None, "SHUTTING_DOWN")
_GONE = "this result is gone: it was closed before its end; run the query again"
# What a server says to a ticket that has become too old before it was read.
_TICKET_IS_OLD = "SNAPSHOT_GONE"


class Connection:
    """Calls over a channel.

    `headers` go with every call; `timeout` bounds each call, in seconds. With `progress`, long results and
    refreshes show how far they have come. May be shared between threads.
    """

    def __init__(
        self, channel: Channel, headers: Mapping[str, str], timeout: float | None, *, progress: bool = False
    ) -> None:
        self._channel = channel
        self.progress = progress
        self._headers = headers
        self._timeout = timeout
        # As bytes, since pyarrow encodes text by the platform's rules.
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._options = flight.FlightCallOptions(timeout=timeout, headers=encoded)

    def with_headers(self, headers: Mapping[str, str]) -> Connection:
        """Return the same connection, whose calls have more headers."""
        if not headers:
            return self
        return Connection(self._channel, {**self._headers, **headers}, self._timeout, progress=self.progress)

    def flight_info(self, command: bytes) -> flight.FlightInfo:
        """Ask the server to plan a command: the schema of its result and where to read it."""
        descriptor = flight.FlightDescriptor.for_command(command)
        return self.again(lambda: self.call(lambda: self._client.get_flight_info(descriptor, self._options)))

    def act(self, action: str, body: bytes, heard: Callable[[bytes], None] | None = None) -> list[bytes]:
        """Have the server perform an action and return the bodies of all its results.

        `heard` is called with each as it comes.
        """

        def start() -> tuple[Iterator[flight.Result], CallTrailers | None]:
            return self._client.do_action((action, body), self._options), trailers_of_last_call()

        results, trailers = self.call(start)

        def following() -> flight.Result | None:
            with server_errors(lambda: trailers):
                return next(results, None)

        bodies = []
        # One call for each result, so that an interrupted action is cancelled with its next result.
        while (result := self.call(following)) is not None:
            bodies.append(result.body.to_pybytes())
            if heard is not None:
                heard(bodies[-1])
        return bodies

    def put(self, command: bytes, batch: pa.RecordBatch) -> bytes:
        """Send one batch to a command and return the metadata that the server answers, empty if none."""
        descriptor = flight.FlightDescriptor.for_command(command)

        def exchange() -> bytes:
            writer, reader = self._client.do_put(descriptor, batch.schema, self._options)
            # Closing is what raises a refusal of the server; reading would answer None.
            with writer:
                writer.write_batch(batch)
                writer.done_writing()
                metadata = reader.read()
            return b"" if metadata is None else metadata.to_pybytes()

        return self.call(exchange)

    def read(
        self,
        endpoints: Sequence[flight.FlightEndpoint],
        plan_again: Callable[[], Sequence[flight.FlightEndpoint]] | None = None,
    ) -> BatchStream:
        """Return the batches of a planned command; nothing is sent before the first is asked for.

        `plan_again` gives other endpoints for the same command, for when the server does not know the tickets
        of these any more, or has gone away, before a batch has come.
        """
        return BatchStream(self, endpoints, plan_again)

    def open_reader(self, ticket: flight.Ticket) -> flight.FlightStreamReader:
        """Start to read one endpoint. For BatchStream, which runs it inside of `call`."""
        return self._client.do_get(ticket, self._options)

    def cancel(self, ticket: flight.Ticket) -> None:
        """Have the server end the query of a ticket, by a call of its own that nobody waits for."""

        def tell() -> None:
            # A server that cannot be told finds out when it sends rows.
            with suppress(Error):
                self.act("CancelFlightInfo", cancel_ticket(ticket.ticket))

        with suppress(RuntimeError):  # no thread begins when the process ends
            Thread(target=tell, name="rail-forge cancel", daemon=True).start()

    @property
    def _client(self) -> flight.FlightClient:
        return self._channel.client

    def again(self, call: Callable[[], T]) -> T:
        """Ask what changes nothing, and again a few times while the server cannot be reached.

        `call` is one of this connection's calls, or several.
        """
        for seconds in _RETRY_AFTER_SECONDS:
            try:
                return call()
            except ServerUnavailable as error:
                # One that is busy has had the call wait; to ask again would make it busier.
                if error.reason not in _AWAY or self._channel.closed.wait(seconds):
                    raise
        return call()

    def call(self, call: Callable[[], T], abandon: Callable[[], None] | None = None) -> T:
        """Run `call`, whose errors become ours; see `interruptible` for `abandon`."""
        if self._channel.closed.is_set():
            raise Error("this client is closed")

        def told() -> T:
            forget_last_call()
            with server_errors(), self._channel.in_use():
                return call()

        return interruptible(told, abandon)

    def close(self) -> None:
        """Refuse further calls. May be called again."""
        self._channel.close()

    def keep_open(self) -> AbstractContextManager[None]:
        """Keep the channel open for a stream, which is read by several calls."""
        return self._channel.in_use()


class BatchStream:
    """The record batches of one result, endpoint after endpoint, to be read once and by one thread.

    Once reading has failed, whoever reads on is told so again: see `failure`.
    Any RailForge server answers any ticket, so every endpoint is read over the same connection, wherever else
    it might be read as well.
    """

    def __init__(
        self,
        connection: Connection,
        endpoints: Sequence[flight.FlightEndpoint],
        plan_again: Callable[[], Sequence[flight.FlightEndpoint]] | None,
    ) -> None:
        self._connection = connection
        self._endpoints = endpoints
        self._plan_again = plan_again
        self._reader: flight.FlightStreamReader | None = None
        # The ticket whose reader there is not yet: that takes until the query waits and computes no longer.
        self._opening: flight.Ticket | None = None
        self._trailers: CallTrailers | None = None
        self._cancelled = False
        self.failure = Failure()
        self._batches = self._read()
        # Batches that were looked at and not taken yet.
        self._ahead: list[pa.RecordBatch] = []

    def __iter__(self) -> BatchStream:
        return self

    def __next__(self) -> pa.RecordBatch:
        batch = self._ahead.pop(0) if self._ahead else self._call(lambda: next(self._batches, None))
        if batch is None:
            raise StopIteration
        return batch

    def read_all(self, progress: ResultProgress | None = None) -> list[pa.RecordBatch]:
        """Return all batches that are left; `progress` is told of each as it comes."""
        ahead, self._ahead = self._ahead, []
        if progress is None:
            return ahead + self._call(lambda: list(self._batches))
        return ahead + self._call(lambda: [progress.read(batch) for batch in self._batches])

    def look_ahead(self, rows: int) -> tuple[list[pa.RecordBatch], bool]:
        """Return batches with so many rows, which are still to be read, and whether these are all."""
        is_whole = False
        while not is_whole and sum(batch.num_rows for batch in self._ahead) < rows:
            batch = self._call(lambda: next(self._batches, None))
            is_whole = batch is None
            self._ahead += [] if batch is None else [batch]
        return list(self._ahead), is_whole

    def cancel(self) -> None:
        """Tell the server to stop, from any thread; reading on raises, unless everything was read."""
        self._cancelled = True
        # What the thread that reads may drop meanwhile. A ticket is told of once.
        reader, opening, self._opening = self._reader, self._opening, None
        if reader is not None:
            reader.cancel()
        if getgeneratorstate(self._batches) == GEN_CLOSED:
            return
        self.failure.remember(QueryCancelled(_GONE))
        with suppress(ValueError):  # a thread is reading, which ends by what the server tells it
            self._batches.close()
        if reader is None and opening is not None:
            self._connection.cancel(opening)

    def _call(self, read: Callable[[], T]) -> T:
        with self.failure:
            given = self._connection.call(read, abandon=self.cancel)
            # What was cancelled meanwhile has not come to its end.
            self.failure.check()
            return given

    def _read(self) -> Generator[pa.RecordBatch, None, None]:
        with self._connection.keep_open():
            batches = self._read_endpoints()
            try:
                first = next(batches, None)
            except (NotFoundError, ServerError, ServerUnavailable) as error:
                is_again = error.reason == _TICKET_IS_OLD or (
                    isinstance(error, ServerUnavailable) and error.reason in _AWAY
                )
                if self._plan_again is None or self._cancelled or not is_again:
                    raise
                self._endpoints = self._plan_again()
                batches = self._read_endpoints()
                first = next(batches, None)
            if first is not None:
                yield first
                yield from batches

    def _read_endpoints(self) -> Iterator[pa.RecordBatch]:
        try:
            for endpoint in self._endpoints:
                self._reader = None
                self._opening = endpoint.ticket
                if self._cancelled:  # while there was no ticket that the server could be told of
                    raise QueryCancelled(_GONE)
                with server_errors():
                    self._reader = self._connection.open_reader(endpoint.ticket)
                self._trailers = trailers_of_last_call()
                if self._cancelled:  # while the server was still opening the stream
                    self._reader.cancel()
                # Not read_all, which answers a query that the server cancelled with a KeyboardInterrupt. The
                # next batch may be asked for by another thread, which has started other calls.
                with server_errors(lambda: self._trailers):
                    # No generator expression, which an error's traceback would keep, and with it the reader.
                    for chunk in self._reader:
                        if chunk.data is not None:
                            yield chunk.data
        finally:
            # A reader keeps gRPC from being shut down.
            self._reader = self._opening = None
