"""A line to a server: what is sent over it as it is, and what comes back, with the code and the words."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc

from .http2 import exchange
from .message import TOKEN, Call

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENT_SECONDS = 30.0
# Reading on is the business of other tests.
MOST_ANSWERS = 50
_OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_metadata_size", 1 << 20))


@dataclass(frozen=True)
class Answer:
    """The code, the server's words, and what was answered before."""

    code: str
    words: str
    payloads: tuple[bytes, ...]
    seconds: float
    is_cancelled: bool


class Line:
    """A connection of its own, named so that gRPC shares it with no other."""

    def __init__(self, name: str, address: str) -> None:
        self._address = address
        # Channels of the same options would share a connection.
        self._channel = grpc.insecure_channel(address, [*_OPTIONS, ("rail-forge.line", name)])

    def close(self) -> None:
        """Hang up."""
        self._channel.close()

    def send(self, call: Call, token: str) -> Answer:
        """Make a call, with the token in its place."""
        if call.is_raw:
            return self._say(call, token)
        metadata = [
            (name, value.replace(TOKEN, token) if isinstance(value, str) else value)
            for name, value in call.headers
        ]
        started = time.monotonic()
        stop = threading.Event()
        is_plain = len(call.payloads) == 1 and call.is_ended
        channel = self._channel
        method = channel.unary_stream(call.path) if is_plain else channel.stream_stream(call.path)
        sent = call.payloads[0] if is_plain else _requests(call, stop)
        seconds = CLIENT_SECONDS if call.seconds is None else call.seconds
        got: list[bytes] = []
        is_cancelled = False
        try:
            answers = method(sent, timeout=seconds, metadata=metadata)
            if call.answers == 0:
                is_cancelled = bool(answers.cancel()) or True
            for answer in answers:
                got.append(answer)
                if len(got) in (call.answers, MOST_ANSWERS):
                    is_cancelled = True
                    answers.cancel()
            code, words = answers.code().name, answers.details() or ""
        except grpc.RpcError as error:
            failed: Any = error
            code, words = failed.code().name, failed.details() or ""
        finally:
            stop.set()
        took = time.monotonic() - started
        # The server knows how long the client waits.
        if call.seconds is not None and code in ("DEADLINE_EXCEEDED", "CANCELLED"):
            code, is_cancelled, took = "CANCELLED", True, 0.0
        return Answer(code, words, tuple(got), took, is_cancelled)

    def _say(self, call: Call, token: str) -> Answer:
        headers = [
            (name, value.replace(TOKEN, token) if isinstance(value, str) else value)
            for name, value in call.headers
        ]
        host, port = self._address.split(":")
        started = time.monotonic()
        seconds = CLIENT_SECONDS if call.seconds is None else call.seconds
        how = exchange((host, int(port)), headers, call.payloads, seconds, is_ended=call.is_ended)
        is_cancelled = call.seconds is not None
        took = 0.0 if is_cancelled else time.monotonic() - started
        return Answer("OK", how, (), took, is_cancelled)


def _requests(call: Call, stop: threading.Event) -> Iterator[bytes]:
    yield from call.payloads
    if not call.is_ended:
        stop.wait(CLIENT_SECONDS)
