"""Call after call: the same seed makes the same calls, and each of them can be made and sent alone."""

from __future__ import annotations

import itertools
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .calls import Calls
from .shrink import shrink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .message import Call
    from .target import Finding, Target

# How many calls there are from one look after other clients to the next.
BETWEEN_CANARIES = 200
# What needs time or memory is tried again, on a server that has nothing else to do and has kept nothing.
TRIED_AGAIN = ("slow", "canary", "memory")


@dataclass(frozen=True)
class Find:
    """A call after which something was wrong, as it was made and as it was shrunk."""

    seed: int
    number: int
    call: Call
    shrunk: Call
    finding: Finding
    is_alone: bool

    def __str__(self) -> str:
        how = "" if self.is_alone else " (not when sent alone, to a fresh server)"
        return (
            f"-- seed {self.seed}, number {self.number}: {self.finding.kind}{how}\n"
            f"-- {self.finding.words}\n{self.shrunk.to_json()}"
        )


@dataclass
class Count:
    """How many calls were sent, and how many findings looked like one before."""

    sent: int = 0
    known: dict[str, int] = field(default_factory=dict)


def play(  # noqa: PLR0913 - all but three have defaults
    target: Target,
    seed: int,
    count: Count,
    *,
    end: float = math.inf,
    calls: int | None = None,
    first: int = 0,
) -> Iterator[Find]:
    """Send calls, until there were so many or until `end` (of `time.monotonic`); yield what is found.

    What looks like something that was found before is counted and not yielded.
    """
    made = Calls(seed, target.handles)
    for number in itertools.count(first) if calls is None else range(first, first + calls):
        if time.monotonic() > end:
            return
        call = made.make(number)
        found = target.check(call)
        count.sent += 1
        if found is None and count.sent % BETWEEN_CANARIES == 0:
            found = target.canary()
        if found is None:
            continue
        if found.signature in count.known:
            count.known[found.signature] += 1
            if found.kind in ("died", "memory"):
                target.restart()
            continue
        find = _examined(target, seed, number, call, found)
        if find is not None:
            count.known[found.signature] = 1
            yield find


def _examined(target: Target, seed: int, number: int, call: Call, found: Finding) -> Find | None:
    def fails(candidate: Call) -> bool:
        again = target.check(candidate, patient=found.kind == "panic")
        if again is not None and again.kind in ("died", "memory", "slow"):
            target.restart()
        return again is not None and again.signature == found.signature

    target.restart()
    is_alone = fails(call)
    if not is_alone and found.kind in TRIED_AGAIN:
        return None
    shrunk = shrink(call, fails) if is_alone else call
    target.restart()
    return Find(seed, number, call, shrunk, found, is_alone)
