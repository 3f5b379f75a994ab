"""Lets Ctrl-C through while a call waits for the server.

pyarrow blocks in C++ until the server answers, and Python handles signals only between bytecodes: a query of
ten minutes would ignore Ctrl-C for ten minutes. pyarrow's own remedy covers `read_all` alone, only between
batches, and takes a query that the server cancelled for a Ctrl-C. So the call runs on another thread, while
the main thread, the only one that handles signals, waits where it can be interrupted.
"""

from __future__ import annotations

import os
import sys
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def interruptible(call: Callable[[], T], abandon: Callable[[], None] | None = None) -> T:
    """Return what `call` returns or raise what it raises; a signal handler's exception comes first.

    `abandon` is called when the wait ends before the call does. The call then ends in its own time, unheard.
    """
    if threading.current_thread() is not threading.main_thread():
        return call()
    # A signal handler may make a call itself, while the thread of the one that it interrupts waits.
    worker = _idle.pop() if _idle else _Worker()
    outcome: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()
    worker.calls.put((call, outcome))
    try:
        value, error = outcome.get()
    except BaseException:
        worker.calls.put(None)
        if abandon is not None:
            abandon()
        raise
    _idle.append(worker)
    if error is not None:
        raise error
    result: T = value
    return result


class _Worker:
    """A thread that makes one call after the other: to start one takes longer than many a call does."""

    def __init__(self) -> None:
        self.calls: SimpleQueue[tuple[Callable[[], Any], SimpleQueue[Any]] | None] = SimpleQueue()
        # A daemon, so that a call that never ends does not keep the process from ending.
        threading.Thread(target=self._work, name="rail-forge calls", daemon=True).start()

    def _work(self) -> None:
        while (given := self.calls.get()) is not None:
            call, outcome = given
            try:
                answer: tuple[Any, BaseException | None] = (call(), None)
            except BaseException as error:  # noqa: BLE001 - the waiting thread raises it
                answer = (None, error)
            # Nothing of a call stays here until the next one.
            del given, call
            outcome.put(answer)
            del answer, outcome


# Threads that wait for a call of the main thread's; those of a parent are not there after a fork.
_idle: list[_Worker] = []

if sys.platform != "win32":
    os.register_at_fork(after_in_child=_idle.clear)
