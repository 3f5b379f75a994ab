"""Lets Ctrl-C through while a call waits for the server.

pyarrow blocks in C++ until the server answers, and Python handles signals only between bytecodes: a query of
ten minutes would ignore Ctrl-C for ten minutes. pyarrow's own remedy covers `read_all` alone, only between
batches, and takes a query that the server cancelled for a Ctrl-C. So the call runs on another thread, while
the main thread, the only one that handles signals, waits where it can be interrupted.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def interruptible(call: Callable[[], T], abandon: Callable[[], None] | None = None) -> T:
    """Return what `call` returns or raise what it raises; a signal handler's exception comes first.

    `abandon` is called when the wait ends before the call does. The call then ends in its own time, unheard.
    """
    if threading.current_thread() is not threading.main_thread():
        return call()
    outcome: Future[T] = Future()
    # A daemon, so that a call that never ends does not keep the process from ending.
    thread = threading.Thread(target=_settle, args=(outcome, call), name="rail-forge call", daemon=True)
    try:
        thread.start()
        return outcome.result()
    finally:
        if abandon is not None and not outcome.done():
            abandon()


def _settle(outcome: Future[T], call: Callable[[], T]) -> None:
    try:
        outcome.set_result(call())
    except BaseException as error:  # noqa: BLE001 - the waiting thread raises it
        outcome.set_exception(error)
