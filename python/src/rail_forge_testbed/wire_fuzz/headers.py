"""Headers of calls: credentials that are none, and what a session says of itself that cannot be."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING

from .odd import BYTES

if TYPE_CHECKING:
    import random

    from .message import Call

RAW_HEADERS: tuple[tuple[str, str | bytes], ...] = (
    *(
        ("grpc-timeout", value)
        for value in ("1n", "0S", "99999999H", "999999999999999999999H", "-1S", "", "1x", b"\xff")
    ),
    *(("grpc-encoding", value) for value in ("gzip", "deflate", "zstd", "identity", "", "odd")),
    *(("grpc-accept-encoding", value) for value in ("gzip", ",,,", b"\xff")),
    *(("content-length", value) for value in ("0", "-1", "99999999999999999999")),
    *(("x-rail-forge-catalog", value) for value in (b"\xff", b"%", b"a\tb")),
    *(
        ("x-rail-forge-cache-control", b"\x80"),
        ("x-rail-forge-priority", b"\xe9"),
        ("grpc-status-details-bin", "?"),
    ),
    *(
        ("Upper", "x"),
        ("", "x"),
        ("connection", "close"),
        (":path", "/"),
        (":unknown", "x"),
        ("a" * 70_000, "x"),
    ),
    *(("authorization", b"Bearer \xff"), ("authorization", "Basic Og=="), ("cookie", b"\xff=\xff")),
)
_TEXT_HEADERS = ("x-rail-forge-catalog", "x-rail-forge-schema", "x-rail-forge-timezone")
_DEMANDS = (
    "no-cache",
    "max-staleness=0",
    "max-staleness=1e309",
    "max-staleness=-0",
    "max-staleness=NaN",
    ",,",
    "=",
)


def odd_credentials(chance: random.Random) -> str:
    """What is neither a token nor a login."""
    basic = base64.b64encode(
        chance.choice((b"a:b", b":", b"", b"\xff\xfe:", b"reader:" + b"x" * 300))
    ).decode()
    return chance.choice(
        (
            *(
                "",
                "Bearer",
                "Bearer ",
                "bearer  x",
                "Basic",
                "Basic ?",
                f"Basic {basic}",
                f"basic {basic}=",
                "Digest x",
            ),
            *(
                f"Bearer rf_{'0' * 16}_{'0' * 64}",
                "Bearer rf_",
                "Bearer rfl_",
                "Bearer rfl_e30.e30",
                "a" * 9000,
            ),
            f"Bearer {base64.b64encode(chance.randbytes(60)).decode()}",
        )
    )


def with_odd_headers(chance: random.Random, call: Call) -> Call:
    """The call, now and then with headers that are odd."""
    if chance.random() < 0.85:
        return call
    headers = list(call.headers)
    for _ in range(chance.choice((1, 1, 2, 60))):
        odd = chance.choice(
            ("%", "%ff", "%00", "shop", "a%2", "public", "UTC", "+99:99", "x" * 3000, "~!@#$%^&*()", "")
        )
        headers.append(
            chance.choice(
                (
                    (chance.choice(_TEXT_HEADERS), odd),
                    ("x-rail-forge-cache-control", chance.choice(_DEMANDS)),
                    ("x-rail-forge-priority", chance.choice(("batch", "interactive", "high", odd))),
                    ("cookie", f"arrow_flight_session_id={odd}; {odd}={odd}; ="),
                    ("x-rail-forge-odd-bin", chance.choice(BYTES)),
                    ("traceparent", odd),
                )
            )
        )
    return replace(call, headers=tuple(headers))
