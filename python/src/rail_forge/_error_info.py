"""What the server says of an error for programs: its reason and its details.

They come in a trailer (`grpc-status-details-bin`) that pyarrow's exceptions leave out, and that a middleware
sees. Each call has its own; it is found by the thread that makes the call, since pyarrow starts a call's
middleware there.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyarrow import flight

from ._protobuf import fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TRAILER = "grpc-status-details-bin"
_DOMAIN = "rail-forge"


@dataclass(frozen=True)
class ErrorInfo:
    """A `google.rpc.ErrorInfo` of RailForge's."""

    reason: str
    details: Mapping[str, str] = field(default_factory=dict)


class CallTrailers(flight.ClientMiddleware):
    """Keeps what one call's trailers say of its error."""

    error_info: ErrorInfo | None = None

    def received_headers(self, headers: Mapping[str, Sequence[str | bytes]]) -> None:
        """Take what is there; called for the headers, and for the trailers."""
        for trailer in headers.get(_TRAILER, ()):
            if isinstance(trailer, bytes):
                self.error_info = read_error_info(trailer) or self.error_info


class KeepTrailers(flight.ClientMiddlewareFactory):
    """Gives each call its CallTrailers."""

    def start_call(self, _info: flight.CallInfo) -> CallTrailers:
        """Return those of a call that this thread starts."""
        _of_thread.trailers = trailers = CallTrailers()
        return trailers


class _OfThread(threading.local):
    trailers: CallTrailers | None = None


_of_thread = _OfThread()


def trailers_of_last_call() -> CallTrailers | None:
    """Return those of the call that this thread has started last."""
    return _of_thread.trailers


def forget_last_call() -> None:
    """Have no call of this thread be its last, so that an older one's trailers explain no new error."""
    _of_thread.trailers = None


def read_error_info(status: bytes) -> ErrorInfo | None:
    """Return what a `google.rpc.Status` says; None when it is not RailForge's."""
    try:
        for number, detail in fields(status):
            if number != 3:  # noqa: PLR2004 - the number of `details`
                continue
            info = fields(dict(fields(detail))[2])
            texts = dict(info)
            if texts.get(2, b"").decode() == _DOMAIN:
                pairs = [dict(fields(entry)) for number, entry in info if number == 3]  # noqa: PLR2004 - `metadata`
                details = {pair.get(1, b"").decode(): pair.get(2, b"").decode() for pair in pairs}
                return ErrorInfo(texts[1].decode(), details)
    except (LookupError, ValueError):
        return None
    return None
