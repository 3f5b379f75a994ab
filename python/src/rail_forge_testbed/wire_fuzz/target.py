"""The server that calls are sent to, and what is a finding: anything but a code, in time, with little memory.

It asks for tokens, and has little of everything. Two principals have open statements and tickets.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import resource
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

import psycopg

from rail_forge_testbed.server import RailForgeServer, run_cli

from . import corpus
from .accepted import is_accepted
from .line import Answer, Line
from .message import Call
from .protobuf import MOST_DEPTH, Field, decode, encode, packed, text

if TYPE_CHECKING:
    from collections.abc import Sequence

TIMEOUT_SECONDS = 1
MIB = 1 << 20
MEMORY_LIMIT_MIB = 64
# What a server may take beside its queries: code, messages on their way, what its allocator keeps.
OWN_MIB = 500
# A server that keeps more after a call is started anew: what one has left is not counted for the next.
FRESH_MIB = 250
# Of address space: a server that forgets its limits dies, instead of the machine.
RESERVE_BYTES = 8 << 30
# From the first byte to the last; a busy machine gets a second chance.
ANSWER_SECONDS = TIMEOUT_SECONDS + 2.0
# Handshakes wait for a client's first message.
SHAKE_SECONDS = 12.0
CANARY_SECONDS = 1.0
LIMITS = {
    "--query-timeout": f"{TIMEOUT_SECONDS}s",
    "--memory-limit": f"{MEMORY_LIMIT_MIB}MiB",
    "--cache-memory": "16MiB",
    "--spill-limit": "64MiB",
    "--result-cache-memory": "0B",
    "--initial-refresh": "never",
    # Tickets outlive the refreshes that there are among the calls.
    "--keep-replaced": "1h",
}
TABLES = (
    "CREATE TABLE s (id integer PRIMARY KEY, t text)",
    "INSERT INTO s SELECT i, md5(i::text) FROM generate_series(1, 10) AS i",
    "CREATE TABLE n (id integer REFERENCES s, t text)",
    "INSERT INTO n SELECT i % 10 + 1, md5(i::text) || repeat('x', 200) FROM generate_series(1, 60000) AS i",
)
CANARY = "SELECT count(*) FROM s"
PRINCIPALS = ("reader", "stranger")
_BAD_CODES = ("INTERNAL", "UNKNOWN", "DATA_LOSS")
# Larger headers, with those that gRPC adds, are refused by HTTP/2 before there is a call. gRPC's clients
# call that UNKNOWN, and INTERNAL where they were still sending.
MOST_HEADER_BYTES = 63 << 10
# Without the folder that cargo keeps crates in.
_PANIC = re.compile(r"panicked at (?:[^\n]*/registry/src/[^/\n]*/)?([^\n]*)")


@dataclass(frozen=True)
class Finding:
    """What went wrong: which kind of thing, and in which words."""

    kind: str
    words: str

    @property
    def signature(self) -> str:
        """The same for what is alike: the words without what they are about, the place of a panic with it."""
        words = self.words if self.kind == "panic" else re.sub(r"[^ ]*[0-9][^ ]*", "_", self.words)
        return f"{self.kind}: {words[:80]}"


class Target:
    """One server at a time."""

    def __init__(self, url: str, seed: int) -> None:
        self._url = url
        self._seed = seed
        self._stack = ExitStack()
        self._read = 0
        # The most memory that a server had at a time.
        self.peak_mib = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="rail-forge-wire-fuzz-")))
            with psycopg.connect(self._url, autocommit=True) as connection:
                for statement in TABLES:
                    connection.execute(statement.encode())
            key = folder / "signing.key"
            key.touch(mode=0o600)
            key.write_text(hashlib.sha256(str(self._seed).encode()).hexdigest())
            configuration = folder / "rail-forge.toml"
            configuration.write_text(corpus.STORED_QUERY)
            files = {"--signing-key-file": str(key), "--config": str(configuration)}
            self._server = stack.enter_context(
                RailForgeServer(
                    {"shop": self._url},
                    arguments=[*itertools.chain(*(LIMITS | files).items())],
                    # Where a panic was is told, and nothing more.
                    env={"RUST_BACKTRACE": "0"},
                    authentication=True,
                )
            )
            self._tokens = {name: self._token(name) for name in PRINCIPALS}
            stack.callback(self._disconnect)
            self._connect()
            self._send(Call("DoAction", (corpus.action("rail_forge.refresh", b""),)))
            self.handles = self._handles()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _token(self, name: str) -> str:
        ended = run_cli("token", "create", name, "--json", "--data-dir", str(self._server.data_dir))
        return str(json.loads(ended.stdout)["token"])

    def _connect(self) -> None:
        address = self._server.flight.removeprefix("grpc://")
        self._line, self._canaries = Line("calls", address), Line("canaries", address)
        resource.prlimit(self._server.pid, resource.RLIMIT_AS, (RESERVE_BYTES, RESERVE_BYTES))

    def _disconnect(self) -> None:
        self._line.close()
        self._canaries.close()

    def restart(self) -> None:
        """A server as good as new."""
        self._disconnect()
        self._server.kill()
        self._server.start()
        self._read = self._log_bytes()
        self._connect()

    def _handles(self) -> corpus.Handles:
        reader, stranger = PRINCIPALS
        return corpus.Handles(
            tickets=tuple(self._ticket(sql, reader) for sql in corpus.STATEMENTS),
            prepared=tuple(self._prepared(sql, reader) for sql in (*corpus.BOUND, *corpus.STATEMENTS)),
            foreign=(self._ticket("SELECT 1", stranger), self._prepared("SELECT $1", stranger)),
        )

    def _ticket(self, sql: str, principal: str) -> bytes:
        info = self._answered(Call("GetFlightInfo", (corpus.descriptor(sql.encode()),)), principal)
        # FlightInfo.endpoint, FlightEndpoint.ticket, Ticket.ticket: an Any, whose value has the handle.
        return _within(info, 3, 1, 1, 2, 1)

    def _prepared(self, sql: str, principal: str) -> bytes:
        request = packed("ActionCreatePreparedStatementRequest", text(1, sql))
        call = Call("DoAction", (corpus.action("CreatePreparedStatement", request),))
        # Result.body: an Any, whose value has the handle.
        return _within(self._answered(call, principal), 1, 2, 1)

    def _answered(self, call: Call, principal: str) -> bytes:
        answer = self._line.send(call, self._tokens[principal])
        if answer.code != "OK":
            raise RuntimeError(f"{call.rpc} is answered {answer.code}: {answer.words}")
        return answer.payloads[0]

    def answer(self, call: Call) -> Answer:
        """Send a call as it is."""
        return self._send(call)

    def check(self, call: Call, *, patient: bool = False) -> Finding | None:
        """Send a call; gives what is wrong with what comes of it. `patient` waits for a late line."""
        answer = self._send(call)
        found = self._judged(call, answer)
        if found is None and call.is_bind and answer.code == "OK" and answer.payloads:
            # What was bound is used.
            handle = _within(answer.payloads[0], 1, 1)
            use = Call("DoGet", (corpus.ticket(corpus.of_prepared(handle)),))
            found = self._judged(use, self._send(use))
        if found is None and patient:
            time.sleep(0.05)
        found = self._of_process() or found
        self._forget()
        return found

    def _judged(self, call: Call, answer: Answer) -> Finding | None:
        is_for_http = call.header_list_bytes > MOST_HEADER_BYTES
        if answer.code in _BAD_CODES and not (
            answer.is_cancelled or is_for_http or is_accepted(answer.words)
        ):
            return Finding(answer.code, answer.words)
        most = SHAKE_SECONDS if call.rpc == "Handshake" else ANSWER_SECONDS
        if answer.seconds > most:
            return Finding("slow", f"answered {answer.code} after {answer.seconds:.1f} s")
        if call.wanted not in (None, answer.code) and not (
            answer.is_cancelled and answer.code == "CANCELLED"
        ):
            return Finding("wrong", f"answered {answer.code} and not {call.wanted}: {answer.words}")
        return None

    def _of_process(self) -> Finding | None:
        code = self._server.exit_code()
        fresh = self._fresh_log()
        if code is not None:
            return Finding("died", f"the server exited with {code}: {fresh[-300:]}")
        if panic := _PANIC.search(fresh):
            return Finding("panic", panic[1])
        peak_mib = self._server.peak_memory_bytes // MIB
        self.peak_mib = max(self.peak_mib, peak_mib)
        if peak_mib > MEMORY_LIMIT_MIB + OWN_MIB:
            return Finding("memory", f"{peak_mib} MiB at the peak")
        return None

    def _forget(self) -> None:
        """Count the memory of what comes next from here."""
        if self._server.exit_code() is None:
            self._server.forget_peak_memory()
            if self._server.peak_memory_bytes // MIB > FRESH_MIB:
                self.restart()

    def canary(self) -> Finding | None:
        """Whether others are answered, rightly and soon; asked twice, as the machine may have other work."""
        for is_last in (False, True):
            started = time.monotonic()
            asked = Call("GetFlightInfo", (corpus.descriptor(CANARY.encode()),))
            info = self._send(asked, self._canaries)
            answer = info
            if info.code == "OK":
                ticket = encode((text(1, _within(info.payloads[0], 3, 1, 1)),))
                answer = self._send(Call("DoGet", (ticket,)), self._canaries)
            took = time.monotonic() - started
            # The one number, as it lies in the body.
            is_right = answer.code == "OK" and any(
                (10).to_bytes(8, "little") in each for each in answer.payloads
            )
            if is_right and took < CANARY_SECONDS:
                return None
            if is_last:
                return Finding(
                    "canary", f"answered {answer.code} {answer.words} after {took:.1f} s, right: {is_right}"
                )
        return None

    def _send(self, call: Call, line: Line | None = None) -> Answer:
        return (line or self._line).send(call, self._tokens[PRINCIPALS[0]])

    def _log_bytes(self) -> int:
        return self._server.log_path.stat().st_size

    def _fresh_log(self) -> str:
        if self._log_bytes() == self._read:
            return ""
        with self._server.log_path.open("rb") as log:
            log.seek(self._read)
            fresh = log.read()
        self._read += len(fresh)
        return fresh.decode(errors="replace")


def _within(content: bytes, *numbers: int) -> bytes:
    """The bytes of the field of a field."""
    for number in numbers:
        fields: Sequence[Field] = decode(content, MOST_DEPTH) or ()
        found = next((field for field in fields if field.number == number), None)
        if found is None or isinstance(found.value, int):
            raise RuntimeError(f"an answer has no field {number}")
        assert isinstance(found.value, bytes)
        content = found.value
    return content
