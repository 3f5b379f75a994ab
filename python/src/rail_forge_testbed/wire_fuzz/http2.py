"""A call below gRPC: an HTTP/2 connection of its own, with any headers, whose data need be no gRPC messages.

Just enough of HTTP/2 to say something wrong: headers are never compressed, answers only read for their end.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY, CONTINUATION = 0, 1, 3, 4, 7, 9
END_STREAM, END_HEADERS = 1, 4
HEAD_BYTES = 9
FRAME_BYTES = 16_384
# What a server takes before it has said more.
WINDOW_BYTES = 65_535
# HPACK's literal that is never indexed, with a new name; lengths begin with seven bits.
LITERAL = b"\x10"
LENGTH_BITS = 7


def exchange(
    address: tuple[str, int],
    headers: Sequence[tuple[str | bytes, str | bytes]],
    data: Sequence[bytes],
    seconds: float,
    *,
    is_ended: bool,
) -> str:
    """Say all that, and give how the stream ended."""
    end = time.monotonic() + seconds
    try:
        with socket.create_connection(address, timeout=seconds) as connection:
            connection.sendall(PREFACE + frame(SETTINGS, 0, 0, b"") + _said(headers, data, is_ended=is_ended))
            return _end(connection, end)
    except TimeoutError:
        return "nothing"
    except OSError:
        return "closed"


def frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    """One frame."""
    return struct.pack(">I", len(content))[1:] + struct.pack(">BBI", kind, flags, stream) + content


def _said(
    headers: Sequence[tuple[str | bytes, str | bytes]], data: Sequence[bytes], *, is_ended: bool
) -> bytes:
    block = b"".join(LITERAL + _text(name) + _text(value) for name, value in headers)
    blocks = [block[place : place + FRAME_BYTES] for place in range(0, len(block), FRAME_BYTES)] or [b""]
    frames = []
    for index, part in enumerate(blocks):
        flags = END_HEADERS if index == len(blocks) - 1 else 0
        frames.append(frame(CONTINUATION if index else HEADERS, flags, 1, part))
    left = WINDOW_BYTES
    for content in data:
        for place in range(0, max(len(content), 1), FRAME_BYTES):
            part = content[place : place + FRAME_BYTES][:left]
            left -= len(part)
            frames.append(frame(DATA, 0, 1, part))
    if is_ended:
        frames.append(frame(DATA, END_STREAM, 1, b""))
    return b"".join(frames)


def _text(text: str | bytes) -> bytes:
    content = text.encode() if isinstance(text, str) else text
    most = (1 << LENGTH_BITS) - 1
    if len(content) < most:
        return bytes([len(content)]) + content
    head, rest = bytearray([most]), len(content) - most
    while rest >= 1 << LENGTH_BITS:
        head.append(rest & most | 1 << LENGTH_BITS)
        rest >>= LENGTH_BITS
    head.append(rest)
    return bytes(head) + content


def _end(connection: socket.socket, end: float) -> str:
    got = b""
    while True:
        while len(got) >= HEAD_BYTES:
            size, kind, flags = int.from_bytes(got[:3], "big"), got[3], got[4]
            if len(got) < HEAD_BYTES + size:
                break
            if kind in (RST_STREAM, GOAWAY):
                return "reset" if kind == RST_STREAM else "gone"
            if kind in (DATA, HEADERS) and flags & END_STREAM:
                return "answered"
            got = got[HEAD_BYTES + size :]
        connection.settimeout(max(end - time.monotonic(), 0.001))
        read = connection.recv(1 << 16)
        if not read:
            return "closed"
        got += read
