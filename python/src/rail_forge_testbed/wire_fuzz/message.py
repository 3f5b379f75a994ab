"""One call: which, with which headers and messages, and how it ends. It can be written down and sent."""

from __future__ import annotations

import json
from dataclasses import dataclass

SERVICE = "/arrow.flight.protocol.FlightService/"
# In headers, it stands for a token that is valid.
TOKEN = "{token}"
# What HTTP/2 counts for a header beside its name and its value.
HEADER_BYTES = 32


@dataclass(frozen=True)
class Call:
    """A call of the Flight service.

    `is_ended`: whether the client says that nothing more follows. `answers`: after how many answers it goes
    away, `seconds`: after how long. `wanted`: the code that it has to be answered with, if there is one, and
    it is answered. `is_bind`: whether what it answers is a handle, to be read afterwards. `is_raw`: whether
    it is said in HTTP/2, headers and data as they are, by which the code of an answer is not read.
    """

    rpc: str
    payloads: tuple[bytes, ...]
    headers: tuple[tuple[str, str | bytes], ...] = (("authorization", f"Bearer {TOKEN}"),)
    is_ended: bool = True
    answers: int | None = None
    seconds: float | None = None
    wanted: str | None = None
    is_bind: bool = False
    is_raw: bool = False

    @property
    def path(self) -> str:
        """The path of the call in HTTP."""
        return self.rpc if self.rpc.startswith("/") else SERVICE + self.rpc

    @property
    def size(self) -> int:
        """How much there is to look at."""
        return sum(map(len, self.payloads)) + sum(len(name) + len(value) for name, value in self.headers)

    @property
    def header_list_bytes(self) -> int:
        """The headers as HTTP/2 counts them (RFC 9113, 6.5.2); binary ones are sent in base64."""
        return sum(
            len(name) + (len(value) if isinstance(value, str) else 4 * len(value) // 3) + HEADER_BYTES
            for name, value in self.headers
        )

    def to_json(self) -> str:
        """The call as a line of JSON, bytes as hexadecimal digits."""
        headers = [
            [name, value if isinstance(value, str) else {"hex": value.hex()}] for name, value in self.headers
        ]
        payloads = [payload.hex() for payload in self.payloads]
        return json.dumps({**vars(self), "headers": headers, "payloads": payloads})

    @classmethod
    def from_json(cls, line: str) -> Call:
        """The call that a line of JSON says."""
        read = json.loads(line)
        read["payloads"] = tuple(map(bytes.fromhex, read["payloads"]))
        read["headers"] = tuple(
            (name, value if isinstance(value, str) else bytes.fromhex(value["hex"]))
            for name, value in read["headers"]
        )
        return cls(**read)
