"""The way to one server: pyarrow's client, opened when it is first used, and kept over forks.

gRPC does not survive a fork: its threads are the parent's, and a call of the child would wait for ever. It
does when it is shut down at that moment, which it is once nothing uses it. So the clients of a process are
closed before it forks, and both sides open their own with their next call. A process that is forked while a
call is on its way, on another thread, cannot do that; its child is told so.

That gRPC is shut down shows in its threads, which have ended. Where the process has a second gRPC, that of
the package `grpc`, its threads have the same names: those that stay are taken for that one's.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Event, RLock
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakSet

from pyarrow import flight

from ._error_info import KeepTrailers
from ._errors import Error

if TYPE_CHECKING:
    from types import TracebackType

    from ._address import Address, Tls


# The names that gRPC's library gives to its threads, and how long it may take to end them.
_GRPC_THREADS = frozenset({"event_engine", "grpc_global_tim", "lifeguard"})
_GRPC_ENDS_SECONDS = 1.0
# Only after this is garbage collected: it may take longer, and a process may fork often.
_GRPC_USUALLY_ENDS_SECONDS = 0.1


class Channel:
    """What goes to one server; gRPC opens it with the first call and reopens it when it breaks."""

    def __init__(self, address: Address, tls: Tls) -> None:
        self._address = address
        self._tls = tls
        self._client: flight.FlightClient | None = None
        # Whoever holds it may drop a stream then, which lets go of the channel.
        self._lock = RLock()
        self._uses = 0
        self.closed = Event()
        with _Forks.lock:
            _channels.add(self)

    @property
    def client(self) -> flight.FlightClient:
        """The client of this process, for use within `in_use`."""
        if _Forks.were_in_use:
            raise Error(
                "this process was forked while calls of its parent were on their way, after which gRPC cannot"
                ' be used: fork before, or start processes by "spawn" or "forkserver"'
            )
        with self._lock:
            if self._client is None:
                self._client = self._open()
            return self._client

    def in_use(self) -> _Use:
        """Keep the client open; what is going on within breaks when it is closed."""
        return _Use(self)

    def begin_use(self) -> None:
        """Count a use, until `end_use`."""
        with self._lock:
            self._uses += 1

    def end_use(self) -> None:
        """Count it no more."""
        with self._lock:
            self._uses -= 1

    def close(self) -> None:
        """Close the client for good. May be called again."""
        self.closed.set()
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def hold(self) -> bool:
        """Have nobody enter until the fork is over; return whether a call is on its way."""
        self._lock.acquire()
        return self._client is not None and self._uses > 0

    def close_to_fork(self) -> bool:
        """Close the client for now; return whether there was one."""
        client, self._client = self._client, None
        if client is not None:
            client.close()
        return client is not None

    def end_fork(self) -> None:
        """Go on as before the fork."""
        self._lock.release()

    def begin_as_child(self) -> None:
        """Begin anew: who used it were threads of the parent's."""
        self._uses = 0
        self._lock = RLock()

    def _open(self) -> flight.FlightClient:
        # gRPC goes through the proxy of `http_proxy` to this host too, which would read what has no TLS.
        options = [("grpc.enable_http_proxy", 0)] if self._address.is_here else None
        return flight.FlightClient(
            self._address.url,
            tls_root_certs=self._tls.roots,
            cert_chain=self._tls.certificate,
            private_key=self._tls.key,
            generic_options=options,
            middleware=[KeepTrailers()],
        )


class _Use:
    """A use of a channel, as a context; as a generator it would take a while of each call."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def __enter__(self) -> None:
        self._channel.begin_use()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._channel.end_use()


_channels: WeakSet[Channel] = WeakSet()


class _Forks:
    """What there is to know of the fork that is going on, and of the one that has made this process."""

    # Held for as long as a fork takes, since threads may fork at once.
    lock = RLock()
    held: ClassVar[list[Channel]] = []
    is_in_use = False
    were_in_use = False
    # Threads that look like those of our gRPC and are another's.
    others: frozenset[str] = frozenset()

    @classmethod
    def before(cls) -> None:
        cls.lock.acquire()
        # Until the opposite is known: Python goes on with the fork when this raises.
        cls.is_in_use = True
        is_any_used = False
        for channel in tuple(_channels):
            is_any_used |= channel.hold()
            cls.held.append(channel)
        if not is_any_used:
            closed = [channel.close_to_fork() for channel in cls.held]
            cls.is_in_use = any(closed) and not cls.grpc_ends()

    @classmethod
    def after_in_parent(cls) -> None:
        for channel in cls.held:
            channel.end_fork()
        cls.held = []
        cls.lock.release()

    @classmethod
    def after_in_child(cls) -> None:
        cls.were_in_use = cls.were_in_use or cls.is_in_use
        for channel in cls.held:
            channel.begin_as_child()
        cls.held = []
        cls.others = frozenset()
        cls.lock = RLock()

    @classmethod
    def grpc_ends(cls) -> bool:
        """Wait until gRPC's threads have ended, which takes some milliseconds; return False if they go on."""
        cls.others &= _grpc_threads()
        if not cls.threads_left(_GRPC_USUALLY_ENDS_SECONDS):
            return True
        gc.collect()  # what was read with may be kept by an error that nobody holds
        left = cls.threads_left(_GRPC_ENDS_SECONDS)
        if left and "grpc" in sys.modules:
            cls.others |= left
            return True
        return not left

    @classmethod
    def threads_left(cls, seconds: float) -> frozenset[str]:
        """Wait for gRPC's threads to end, but no longer than this; return those that go on."""
        deadline = time.monotonic() + seconds
        while (threads := _grpc_threads() - cls.others) and time.monotonic() <= deadline:
            time.sleep(0.001)
        return threads


def _grpc_threads() -> frozenset[str]:
    """Return the ids of the threads that have names of gRPC's."""
    found = set()
    for name in Path("/proc/self/task").glob("*/comm"):
        with suppress(OSError):  # the thread has ended meanwhile
            if name.read_text().strip() in _GRPC_THREADS:
                found.add(name.parent.name)
    return frozenset(found)


if sys.platform == "linux":
    os.register_at_fork(
        before=_Forks.before, after_in_parent=_Forks.after_in_parent, after_in_child=_Forks.after_in_child
    )
