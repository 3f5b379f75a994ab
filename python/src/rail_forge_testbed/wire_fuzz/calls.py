"""The call of a seed and a number, made of these two and of the handles alone."""

from __future__ import annotations

import random
import struct
from dataclasses import replace
from typing import TYPE_CHECKING

from . import corpus, protobuf
from .arrow import change_stream, random_stream
from .headers import RAW_HEADERS, odd_credentials, with_odd_headers
from .message import TOKEN, Call
from .odd import BYTES, change_bytes, change_number, change_text, random_text

if TYPE_CHECKING:
    from .corpus import Handles

# Failed attempts are answered late; nobody waits for it here.
IMPATIENT_SECONDS = 0.2
BEARER = ("authorization", f"Bearer {TOKEN}")
HEALTH = "/grpc.health.v1.Health/Check"
# What is said before a server has said how much it takes.
MOST_RAW_BYTES = 60_000
# How often each kind of call is made.
_WEIGHTS = {
    "described": 20,
    "got": 16,
    "bound": 34,
    "put": 6,
    "acted": 14,
    "forged": 5,
    "unknown": 1,
    "listed": 2,
    "raw": 5,
    "shaken": 2,
}


class Calls:
    """Makes calls."""

    def __init__(self, seed: int, handles: Handles) -> None:
        self._seed = seed
        self._handles = handles

    def make(self, number: int) -> Call:
        """The call of a number."""
        chance = random.Random(f"{self._seed}:{number}")
        [kind] = chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))
        call: Call = getattr(self, f"_{kind}")(chance)
        if call.wanted is None and not call.is_raw:
            call = with_odd_headers(chance, call)
        return _with_another_end(chance, call)

    def _command(self, chance: random.Random) -> protobuf.Fields:
        luck = chance.random()
        if luck < 0.15:
            return corpus.of_prepared(chance.choice(self._handles.prepared))
        if luck < 0.25:
            return corpus.of_ticket(chance.choice(self._handles.tickets))
        return chance.choice(corpus.COMMANDS)

    def _described(self, chance: random.Random) -> Call:
        luck = chance.random()
        if luck < 0.2:
            content = corpus.descriptor(_sql(chance))
        elif luck < 0.3:
            names = [
                chance.choice(("shop", "public", "s", "", '"', "é", "x" * 300))
                for _ in range(chance.randint(0, 5))
            ]
            content = corpus.path(*names)
        else:
            content = corpus.descriptor(self._command(chance))
        rpc = chance.choice(("GetFlightInfo", "GetFlightInfo", "GetSchema", "PollFlightInfo"))
        return Call(rpc, (self._changed(chance, content),))

    def _got(self, chance: random.Random) -> Call:
        return Call("DoGet", (self._changed(chance, corpus.ticket(self._command(chance))),))

    def _bound(self, chance: random.Random) -> Call:
        """Parameters of any type, mostly in a stream that is not what it should be; then they are used."""
        parts = random_stream(chance)
        for _ in range(chance.choice((0, 1, 1, 1, 1, 2))):
            parts = change_stream(chance, parts)
        command = corpus.of_prepared(chance.choice(self._handles.prepared))
        payloads = [corpus.flight_data(*part, None if index else command) for index, part in enumerate(parts)]
        if chance.random() < 0.1:
            place = chance.randrange(len(payloads))
            payloads[place] = self._changed(chance, payloads[place])
        return Call("DoPut", tuple(payloads), is_bind=True)

    def _put(self, chance: random.Random) -> Call:
        """Several messages, of one kind or of several, to calls that take streams, and to others."""
        parts = random_stream(chance)
        payloads = [
            corpus.flight_data(*part, None if index else self._command(chance))
            for index, part in enumerate(parts)
        ]
        payloads += [corpus.descriptor(self._command(chance))] * (chance.random() < 0.2)
        payloads = [self._changed(chance, payload) for payload in payloads] * chance.choice((1, 1, 1, 2, 40))
        rpc = chance.choice(("DoPut", "DoPut", "DoPut", "DoExchange", *corpus.RPCS))
        return Call(rpc, tuple(payloads))

    def _acted(self, chance: random.Random) -> Call:
        name = chance.choice(list(corpus.ACTIONS))
        body = chance.choice(corpus.ACTIONS[name])
        if name == "ClosePreparedStatement":
            body = protobuf.packed(
                "ActionClosePreparedStatementRequest", protobuf.text(1, chance.choice(self._handles.prepared))
            )
        if name == "CreatePreparedStatement" and chance.random() < 0.4:
            body = protobuf.packed("ActionCreatePreparedStatementRequest", protobuf.text(1, _sql(chance)))
        return Call("DoAction", (self._changed(chance, corpus.action(name, body)),))

    def _forged(self, chance: random.Random) -> Call:
        """A handle with other bits, or of somebody else, which is one that there never was."""
        prepared = chance.random() < 0.5
        handles = self._handles.prepared if prepared else self._handles.tickets
        handle = chance.choice(handles)
        if chance.random() < 0.3:
            handle = chance.choice(self._handles.foreign)
        else:
            while handle in handles:
                handle = change_bytes(chance, handle)
        if len(handle) > 1 << 20:
            handle = handle[: 1 << 20]
        command = corpus.of_prepared(handle) if prepared else corpus.of_ticket(handle)
        if not prepared or chance.random() < 0.3:
            return Call("DoGet", (corpus.ticket(command),), wanted="NOT_FOUND")
        if chance.random() < 0.5:
            return Call("GetFlightInfo", (corpus.descriptor(command),), wanted="NOT_FOUND")
        parts = random_stream(chance)
        payloads = [corpus.flight_data(*part, None if index else command) for index, part in enumerate(parts)]
        return Call("DoPut", tuple(payloads), wanted="NOT_FOUND")

    def _unknown(self, chance: random.Random) -> Call:
        """Credentials that are none, with any call."""
        if chance.random() < 0.3:
            shown: tuple[tuple[str, str | bytes], ...] = ()
        elif chance.random() < 0.3:
            shown = (("auth-token-bin", chance.randbytes(chance.choice((0, 1, 40)))),)
        else:
            shown = (("authorization", odd_credentials(chance)),)
        call: Call = getattr(self, chance.choice(("_described", "_got", "_put", "_acted", "_listed")))(chance)
        rpc = chance.choice(
            (
                call.rpc,
                call.rpc,
                "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                "/a",
                "/arrow.flight.protocol.FlightService/",
            )
        )
        # These two everybody may ask.
        rpc = "ListActions" if rpc in {"Handshake", HEALTH} else rpc
        return replace(
            call, rpc=rpc, headers=shown, wanted="UNAUTHENTICATED", is_bind=False, seconds=IMPATIENT_SECONDS
        )

    def _listed(self, chance: random.Random) -> Call:
        rpc = chance.choice(("ListFlights", "ListActions", HEALTH, "/x/y", "/"))
        return Call(rpc, (chance.choice((b"", protobuf.encode((protobuf.text(1, chance.choice(BYTES)),)))),))

    def _shaken(self, chance: random.Random) -> Call:
        """A handshake, mostly of somebody unknown."""
        content = corpus.handshake("reader", chance.choice(("", "rf_0_0", TOKEN, "x" * 20_000)))
        payloads = (self._changed(chance, content),) * chance.choice((0, 1, 1, 1, 5, 300))
        shown = ((), (("authorization", odd_credentials(chance)),), (BEARER,))
        return Call("Handshake", payloads, chance.choice(shown), seconds=IMPATIENT_SECONDS)

    def _raw(self, chance: random.Random) -> Call:
        """Data that are no messages of gRPC, or headers that are none of a call."""
        call: Call = getattr(self, chance.choice(("_described", "_got", "_put", "_acted", "_listed")))(chance)
        data = b"".join(struct.pack(">BI", 0, len(payload)) + payload for payload in call.payloads[:3])[
            :MOST_RAW_BYTES
        ]
        luck = chance.random()
        if luck < 0.3:
            length = change_number(chance, len(data)) & 0xFFFF_FFFF
            data = struct.pack(">BI", chance.choice((0, 0, 1, 2, 255)), length) + data[5:]
        elif luck < 0.6:
            data = change_bytes(chance, data)
        place = chance.randrange(len(data) + 1)
        headers: list[tuple[str, str | bytes]] = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", call.path),
            (":authority", "server"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
            BEARER,
        ]
        for _ in range(chance.choice((0, 0, 1, 1, 2, 4))):
            at = chance.randrange(len(headers))
            how = chance.randrange(3)
            if how == 0:
                headers.pop(at)
            elif how == 1:
                headers[at] = (
                    headers[at][0],
                    chance.choice((*BYTES, b"GET", b"gzip", b"application/json", b" ")),
                )
            else:
                headers.insert(chance.randrange(len(headers) + 1), chance.choice(RAW_HEADERS))
        is_known = all(value == BEARER[1] for name, value in headers if name == BEARER[0])
        seconds = None if is_known else IMPATIENT_SECONDS
        return Call(call.rpc, (data[:place], data[place:]), tuple(headers), seconds=seconds, is_raw=True)

    def _changed(self, chance: random.Random, content: bytes) -> bytes:
        for _ in range(chance.choice((0, 1, 1, 1, 2, 4))):
            if chance.random() < 0.05:
                other = protobuf.encode(self._command(chance))
                place = chance.randrange(len(content) + 1)
                content = content[:place] + other[chance.randrange(len(other)) :]
            else:
                content = protobuf.change(chance, content)
        return content


def _sql(chance: random.Random) -> bytes:
    if chance.random() < 0.2:
        return random_text(chance)
    content = chance.choice((*corpus.STATEMENTS, *corpus.BOUND)).encode()
    for _ in range(chance.choice((0, 1, 1, 2, 3))):
        content = change_text(chance, content) if chance.random() < 0.8 else change_bytes(chance, content)
    return content


def _with_another_end(chance: random.Random, call: Call) -> Call:
    if call.seconds is not None or chance.random() < 0.9:
        return call
    how = chance.randrange(3)
    if how == 0:
        return replace(call, answers=chance.choice((0, 0, 1, 2)))
    if how == 1:
        return replace(call, seconds=chance.choice((0.0005, 0.002, 0.005, 0.02)))
    return replace(call, is_ended=False, seconds=chance.choice((0.005, 0.03)))
