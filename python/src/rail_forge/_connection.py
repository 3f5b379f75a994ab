"""The calls that a client makes of a server, each interruptible, bounded by the timeout and with our errors.

Everything that touches pyarrow's FlightClient is here; what the bytes mean is not.
"""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, TypeVar

import pyarrow as pa
from pyarrow import flight

from ._errors import Error, server_errors
from ._interrupt import interruptible

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ._address import Address, Tls

T = TypeVar("T")


class Channel:
    """What goes to one server; gRPC opens it with the first call and reopens it when it breaks."""

    def __init__(self, address: Address, tls: Tls) -> None:
        # gRPC goes through the proxy of `http_proxy` to this host too, which would read what has no TLS.
        options = [("grpc.enable_http_proxy", 0)] if address.is_here else None
        self.client = flight.FlightClient(
            address.url,
            tls_root_certs=tls.roots,
            cert_chain=tls.certificate,
            private_key=tls.key,
            generic_options=options,
        )
        self.closed = Event()


class Connection:
    """Calls over a channel.

    `headers` go with every call; `timeout` bounds each call, in seconds. May be shared between threads.
    """

    def __init__(self, channel: Channel, headers: Mapping[str, str], timeout: float | None) -> None:
        self._channel = channel
        self._client = channel.client
        self._headers = headers
        self._timeout = timeout
        # As bytes, since pyarrow encodes text by the platform's rules.
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        self._options = flight.FlightCallOptions(timeout=timeout, headers=encoded)

    def with_headers(self, headers: Mapping[str, str]) -> Connection:
        """Return the same connection, whose calls have more headers."""
        return Connection(self._channel, {**self._headers, **headers}, self._timeout) if headers else self

    def flight_info(self, command: bytes) -> flight.FlightInfo:
        """Ask the server to plan a command: the schema of its result and where to read it."""
        descriptor = flight.FlightDescriptor.for_command(command)
        return self.call(lambda: self._client.get_flight_info(descriptor, self._options))

    def act(self, action: str, body: bytes) -> list[bytes]:
        """Have the server perform an action and return the bodies of all its results."""
        results = self.call(lambda: self._client.do_action((action, body), self._options))
        bodies = []
        # One call for each result, so that an interrupted action is cancelled with its next result.
        while (result := self.call(lambda: next(results, None))) is not None:
            bodies.append(result.body.to_pybytes())
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

    def read(self, endpoints: Sequence[flight.FlightEndpoint]) -> BatchStream:
        """Return the batches of a planned command; nothing is sent before the first is asked for."""
        return BatchStream(self, [endpoint.ticket for endpoint in endpoints])

    def open_reader(self, ticket: flight.Ticket) -> flight.FlightStreamReader:
        """Start to read one endpoint. For BatchStream, which runs it inside of `call`."""
        return self._client.do_get(ticket, self._options)

    def call(self, call: Callable[[], T], abandon: Callable[[], None] | None = None) -> T:
        """Run `call`; see `interruptible` for `abandon`."""
        if self._channel.closed.is_set():
            raise Error("this client is closed")
        with server_errors():
            return interruptible(call, abandon)

    def close(self) -> None:
        """Refuse further calls. May be called again."""
        self._channel.closed.set()
        self._client.close()


class BatchStream:
    """The record batches of one result, endpoint after endpoint, to be read once and by one thread.

    Any RailForge server answers any ticket, so every endpoint is read over the same connection, wherever else
    it might be read as well.
    """

    def __init__(self, connection: Connection, tickets: Sequence[flight.Ticket]) -> None:
        self._connection = connection
        self._reader: flight.FlightStreamReader | None = None
        self._cancelled = False
        self._batches = self._read(tickets)

    def __iter__(self) -> BatchStream:
        return self

    def __next__(self) -> pa.RecordBatch:
        batch = self._connection.call(lambda: next(self._batches, None), abandon=self.cancel)
        if batch is None:
            raise StopIteration
        return batch

    def read_all(self) -> list[pa.RecordBatch]:
        """Return all batches that are left."""
        return self._connection.call(lambda: list(self._batches), abandon=self.cancel)

    def cancel(self) -> None:
        """Tell the server to stop, from any thread; reading on raises, unless everything had arrived."""
        self._cancelled = True
        if self._reader is not None:
            self._reader.cancel()

    def _read(self, tickets: Sequence[flight.Ticket]) -> Iterator[pa.RecordBatch]:
        for ticket in tickets:
            self._reader = self._connection.open_reader(ticket)
            if self._cancelled:  # while the server was still opening the stream
                self._reader.cancel()
            # Not read_all, which answers a query that the server cancelled with a KeyboardInterrupt.
            yield from (chunk.data for chunk in self._reader if chunk.data is not None)
