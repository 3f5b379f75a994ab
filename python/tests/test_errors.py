"""Which of our errors stands for which of pyarrow's, and that its text is what the server said."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pyarrow import flight

from rail_forge import (
    AuthenticationError,
    Error,
    NotFoundError,
    QueryCancelled,
    QueryError,
    QueryTimeout,
    RefreshedTable,
    RefreshError,
    ServerError,
    ServerUnavailable,
    UnsupportedError,
)
from rail_forge._errors import expected, from_pyarrow, server_errors

SAID = 'column "totl" does not exist: did you mean "total"?'

# What pyarrow 26 raises for each gRPC status code of a server that sets nothing but code and message.
BY_STATUS_CODE = [
    ("CANCELLED", flight.FlightCancelledError, "Flight cancelled call, with message: ", QueryCancelled),
    ("UNKNOWN", flight.FlightServerError, "Flight RPC failed with message: ", ServerError),
    (
        "INVALID_ARGUMENT",
        pa.ArrowInvalid,
        "Flight returned invalid argument error, with message: ",
        QueryError,
    ),
    (
        "DEADLINE_EXCEEDED",
        flight.FlightTimedOutError,
        "Flight returned timeout error, with message: ",
        QueryTimeout,
    ),
    ("NOT_FOUND", pa.ArrowKeyError, "Flight returned not found error, with message: ", NotFoundError),
    (
        "ALREADY_EXISTS",
        pa.ArrowException,
        "Unknown: Flight returned already exists error, with message: ",
        ServerError,
    ),
    (
        "PERMISSION_DENIED",
        flight.FlightUnauthorizedError,
        "Flight returned unauthorized error, with message: ",
        AuthenticationError,
    ),
    (
        "RESOURCE_EXHAUSTED",
        pa.ArrowInvalid,
        "gRPC returned resource exhausted error, with message: ",
        ServerError,
    ),
    (
        "FAILED_PRECONDITION",
        pa.ArrowInvalid,
        "gRPC returned precondition failed error, with message: ",
        ServerError,
    ),
    ("ABORTED", flight.FlightInternalError, "gRPC returned aborted error, with message: ", ServerError),
    ("OUT_OF_RANGE", pa.ArrowInvalid, "gRPC returned out-of-range error, with message: ", QueryError),
    (
        "UNIMPLEMENTED",
        pa.ArrowNotImplementedError,
        "Flight returned unimplemented error, with message: ",
        UnsupportedError,
    ),
    ("INTERNAL", flight.FlightInternalError, "Flight returned internal error, with message: ", ServerError),
    (
        "UNAVAILABLE",
        flight.FlightUnavailableError,
        "Flight returned unavailable error, with message: ",
        ServerUnavailable,
    ),
    ("DATA_LOSS", flight.FlightInternalError, "gRPC returned data loss error, with message: ", ServerError),
    (
        "UNAUTHENTICATED",
        flight.FlightUnauthenticatedError,
        "Flight returned unauthenticated error, with message: ",
        AuthenticationError,
    ),
]


@pytest.mark.parametrize(("code", "raised", "prefix", "ours"), BY_STATUS_CODE)
def test_each_status_code_is_one_of_our_errors(
    code: str, raised: type[Exception], prefix: str, ours: type[Error]
) -> None:
    # A planned query is answered without the context that a broken stream adds.
    suffix = f". gRPC client debug context: {code}:{SAID}. Client context: OK"
    for text in (prefix + SAID, prefix + SAID + suffix):
        error = from_pyarrow(raised(text))
        assert type(error) is ours
        assert str(error) == SAID


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "with message: nothing of pyarrow's", "with message: nothing of pyarrow's", id="no prefix"
        ),
        pytest.param(
            "Flight returned internal error, with message: two\nlines: of text. Client context: OK",
            "two\nlines: of text",
            id="several lines, client context only",
        ),
        pytest.param(
            "gRPC returned invalid argument error, with message: Flight failed with message: no",
            "Flight failed with message: no",
            id="the server's own text looks like a prefix",
        ),
        pytest.param(
            "Flight returned unauthenticated error, with message: ",
            "Flight returned unauthenticated error, with message: ",
            id="the server said nothing",
        ),
        pytest.param(
            "Flight returned internal error, with message: no. gRPC client debug context: UNKNOWN:Error "
            'from peer ipv4:127.0.0.1:1 {grpc_message:"no"}. Client context: IOError: x. Detail: y',
            "no",
            id="the longer context of older versions",
        ),
    ],
)
def test_the_text_is_the_servers_alone(text: str, said: str) -> None:
    assert str(from_pyarrow(flight.FlightInternalError(text))) == said


def test_an_error_of_the_network_is_the_servers() -> None:
    assert type(from_pyarrow(OSError("Connection reset by peer"))) is ServerError


def test_the_original_exception_stays_attached() -> None:
    original = pa.ArrowKeyError("Flight returned not found error, with message: table 'ordrs' not found")
    with pytest.raises(NotFoundError, match=r"^table 'ordrs' not found$") as caught, server_errors():
        raise original
    assert caught.value.__cause__ is original


def test_ctrl_c_is_not_an_error_of_the_server() -> None:
    with pytest.raises(KeyboardInterrupt), server_errors():
        raise KeyboardInterrupt


def test_errors_are_caught_by_what_to_do_next() -> None:
    assert issubclass(NotFoundError, QueryError)
    assert issubclass(QueryTimeout, TimeoutError)
    assert issubclass(ServerUnavailable, ConnectionError)
    kinds = [QueryError, UnsupportedError, QueryTimeout, QueryCancelled, ServerUnavailable]
    assert all(issubclass(kind, Error) for kind in [*kinds, AuthenticationError, ServerError, RefreshError])


@pytest.mark.parametrize("cause", [KeyError("as_of"), IndexError(), ValueError("no JSON"), TypeError()])
def test_an_answer_that_cannot_be_read_is_named(cause: Exception) -> None:
    with pytest.raises(ServerError, match="the server's status") as caught, expected("status"):
        raise cause
    assert caught.value.__cause__ is cause


def test_a_refresh_error_lists_every_table_that_failed() -> None:
    def table(name: str, error: str | None) -> RefreshedTable:
        return RefreshedTable("shop", "public", name, rows=1, bytes=8, as_of=None, error=error)

    tables = [table("orders", "permission denied"), table("items", None), table("events", "too large")]
    error = RefreshError(tables)
    assert error.tables == tables
    assert str(error) == (
        "2 of 3 tables not refreshed: shop.public.orders: permission denied; shop.public.events: too large"
    )
