"""Make a call smaller while it still fails in the same way: without messages, headers, fields, bytes."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from .message import TOKEN
from .protobuf import Fields, decode, encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .message import Call

MOST_TRIES = 400
MOST_SECONDS = 60.0


def shrink(call: Call, fails: Callable[[Call], bool]) -> Call:
    """The smallest call that was found to fail, within a number of tries and a time."""
    end = time.monotonic() + MOST_SECONDS
    tries = 0
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(call):
            if candidate.size >= call.size and candidate.is_ended == call.is_ended:
                continue
            tries += 1
            if tries > MOST_TRIES or time.monotonic() > end:
                return call
            if fails(candidate):
                call, smaller = candidate, True
                break
    return call


def _smaller(call: Call) -> Iterator[Call]:
    payloads = call.payloads
    half = len(payloads) // 2
    if half > 1:
        yield replace(call, payloads=payloads[:half])
        yield replace(call, payloads=payloads[half:])
    for place in range(len(payloads) if len(payloads) < MOST_TRIES // 4 else 0):
        yield replace(call, payloads=payloads[:place] + payloads[place + 1 :])
    for place, (_, value) in enumerate(call.headers):
        if TOKEN not in str(value):
            yield replace(call, headers=call.headers[:place] + call.headers[place + 1 :])
    if not call.is_ended:
        yield replace(call, is_ended=True, seconds=None)
    for place, payload in enumerate(payloads):
        for candidate in _smaller_bytes(payload):
            yield replace(call, payloads=(*payloads[:place], candidate, *payloads[place + 1 :]))


def _smaller_bytes(content: bytes) -> Iterator[bytes]:
    fields = decode(content)
    if fields and encode(fields) == content:
        yield from map(encode, _fewer(fields))
        return
    size = len(content) // 2
    while size > 0:
        for place in range(0, len(content), size):
            yield content[:place] + content[place + size :]
        size = size // 4 if size > 16 else 0


def _fewer(fields: Fields) -> Iterator[Fields]:
    for place, field in enumerate(fields):
        around = fields[:place], fields[place + 1 :]
        yield (*around[0], *around[1])
        if isinstance(field.value, tuple):
            for inner in _fewer(field.value):
                yield (*around[0], replace(field, value=inner), *around[1])
        elif isinstance(field.value, bytes) and len(field.value) > 1:
            for shorter in (field.value[: len(field.value) // 2], field.value[:-1]):
                yield (*around[0], replace(field, value=shorter), *around[1])
