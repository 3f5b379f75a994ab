"""Waiting for something to become true: by asking again, and not for ever.

What was late is done again: the product is slow every time where it is slow, and a busy machine is not.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

POLL_SECONDS = 0.02
IDLE_WINDOW_SECONDS = 0.5
# A server without work wakes up now and then; this share of one core is still idle.
IDLE_SHARE = 0.2
# How often something may be late before it counts.
TRIES = 3


def until(condition: Callable[[], T], what: str, seconds: float = 30.0) -> T:
    """Ask until the answer is true, and give it; fails when that takes too long."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(POLL_SECONDS)
    return value


def until_equal(ask: Callable[[], object], wanted: object, what: str, seconds: float = 60.0) -> None:
    """Ask until the answer is the wanted one; fails with the last one when that takes too long."""
    deadline = time.monotonic() + seconds
    while (value := ask()) != wanted:
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}, but {value!r}"
        time.sleep(POLL_SECONDS)


def until_idle(pid: int, seconds: float = 10.0) -> None:
    """Wait until a process has stopped computing (Linux)."""
    measured = [(time.monotonic(), _cpu_seconds(pid))]

    def idle() -> bool:
        now, used = time.monotonic(), _cpu_seconds(pid)
        since, before = measured[-1]
        if now - since < IDLE_WINDOW_SECONDS:
            return False
        measured.append((now, used))
        return (used - before) / (now - since) < IDLE_SHARE

    until(idle, f"process {pid} is idle", seconds)


class Late(AssertionError):
    """What was done had its right end, and too late."""


def unless_late(act: Callable[[], T], before_another: Callable[[], object] | None = None) -> T:
    """Do something, and when it was `Late` again, a few times at most; gives what it gives."""
    for _ in range(TRIES - 1):
        try:
            return act()
        except Late:
            if before_another is not None:
                before_another()
    return act()


def in_time(act: Callable[[], T], seconds: float) -> T:
    """Do something that takes no longer than that; gives what it gives."""

    def measured() -> T:
        started = time.monotonic()
        try:
            given = act()
        except TimeoutError as error:
            raise Late(str(error)) from error
        took = time.monotonic() - started
        if took >= seconds:
            raise Late(f"it took {took:.1f} s, and not less than {seconds:.1f} s")
        return given

    return unless_late(measured)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return (user + system) / os.sysconf("SC_CLK_TCK")
