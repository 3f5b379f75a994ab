"""What can go wrong, by what the caller does next, and the one place where pyarrow's exceptions become ours.

pyarrow tells gRPC's status codes apart by exception class and wraps the server's text in its own; callers get
our classes and the server's words alone. The original exception stays attached as the cause.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import flight

from ._error_info import trailers_of_last_call

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from ._actions import RefreshedTable
    from ._error_info import CallTrailers, ErrorInfo


class Error(Exception):
    """Base of everything that this package raises about a server, a query or a result.

    `reason` is the server's word for programs, such as SYNTAX_ERROR, and `details` what it adds, such as
    `line` and `column`; None and empty when the server has told none. docs/flight-sql.md lists them.
    """

    reason: str | None = None
    details: Mapping[str, str] = MappingProxyType({})

    @property
    def sqlstate(self) -> str | None:
        """PostgreSQL's code of what went wrong, such as 22012, where it is an error of PostgreSQL's."""
        return self.details.get("sqlstate")


class QueryError(Error):
    """The query cannot be answered as it is written: syntax, types, parameters. Change the query."""


class NotFoundError(QueryError):
    """The query or request names a table or another object that the server does not have."""


class UnsupportedError(Error):
    """The server understood the request and does not support it."""


class QueryTimeout(Error, TimeoutError):
    """The answer took longer than the client's timeout or the server's limit allows."""


class QueryCancelled(Error):
    """The query was cancelled, by the server or by closing its result while it was being read."""


class ServerUnavailable(Error, ConnectionError):
    """The server cannot be reached, or is not ready to answer. Trying again later may work."""


class AuthenticationError(Error):
    """The server does not know who is asking, or does not let them."""


class ServerError(Error):
    """The server failed, refused for want of resources, or answered what this client cannot read."""


class RefreshError(Error):
    """Some tables could not be refreshed; the others were.

    `tables` holds every table of the refresh; those that failed have their `error` set.
    """

    def __init__(self, tables: Sequence[RefreshedTable]) -> None:
        self.tables = list(tables)
        failed = [f"{table.full_name}: {table.error}" for table in self.tables if table.error is not None]
        super().__init__(f"{len(failed)} of {len(self.tables)} tables not refreshed: {'; '.join(failed)}")


# The first match counts. What is not listed is a ServerError.
_OURS_BY_PYARROWS: tuple[tuple[type[Exception], type[Error]], ...] = (
    (flight.FlightTimedOutError, QueryTimeout),
    (flight.FlightCancelledError, QueryCancelled),
    (flight.FlightUnavailableError, ServerUnavailable),
    (flight.FlightUnauthenticatedError, AuthenticationError),
    (flight.FlightUnauthorizedError, AuthenticationError),
    (pa.ArrowKeyError, NotFoundError),
    (pa.ArrowNotImplementedError, UnsupportedError),
    (pa.ArrowInvalid, QueryError),
)

# pyarrow raises ArrowInvalid for these gRPC codes as well, though nothing is wrong with the query's text.
_NOT_ABOUT_THE_QUERY = re.compile(r"gRPC returned (?:resource exhausted|precondition failed) error")

# As in "Flight returned invalid argument error, with message: TEXT", "Flight RPC failed with message: TEXT".
_PREFIX = re.compile(r"(?:\w+: )?(?:Flight|gRPC) [^:]*with message: ")

# Streams append ". gRPC client debug context: INVALID_ARGUMENT:TEXT. Client context: OK".
_SUFFIX = re.compile(r"\. (?:gRPC client debug context|Client context): .*", re.DOTALL)


def from_pyarrow(error: Exception, info: ErrorInfo | None = None) -> Error:
    """Return the error of ours that says what pyarrow's `error` does, in the server's own words."""
    ours = _kind_of(error)(_server_text(str(error)))
    if info is not None:
        ours.reason, ours.details = info.reason, info.details
    return ours


def _kind_of(error: Exception) -> type[Error]:
    if _NOT_ABOUT_THE_QUERY.match(str(error)):
        return ServerError
    return next((ours for pyarrows, ours in _OURS_BY_PYARROWS if isinstance(error, pyarrows)), ServerError)


def _server_text(text: str) -> str:
    prefix = _PREFIX.match(text)
    stripped = _SUFFIX.sub("", text[prefix.end() :] if prefix else text)
    return stripped or text


class server_errors:  # noqa: N801 - it reads as a function; as a generator it would take a while of each call
    """Turn what pyarrow raises while talking to the server into our errors.

    `trailers` gives those of the call that fails, by default the last one that this thread has started.
    """

    def __init__(self, trailers: Callable[[], CallTrailers | None] = trailers_of_last_call) -> None:
        self._trailers = trailers

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        # Some of ours are OSErrors.
        if isinstance(error, (pa.ArrowException, flight.FlightError, OSError)) and not isinstance(
            error, Error
        ):
            told = self._trailers()
            raise from_pyarrow(error, told and told.error_info) from error


@contextmanager
def expected(answer: str) -> Iterator[None]:
    """Turn the failure to read an `answer` of the server into a ServerError that names it."""
    try:
        yield
    except (LookupError, TypeError, ValueError) as error:
        raise ServerError(
            f"cannot read the server's {answer} ({error!r}): is it RailForge, and of a version that fits?"
        ) from error
