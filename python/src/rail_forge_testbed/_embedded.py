"""A private PostgreSQL server for tests, the demo and benchmarks: started from nothing, gone without a trace.

It listens on a free port of 127.0.0.1 and on a Unix socket in a private directory. Everybody who can reach
these is trusted without a password, except the role `locked` (password `right`), with which tests of wrong
passwords work. Text sorts in byte order, as in the C locale. Durability is switched off: a crash of
PostgreSQL (`kill`) may lose what was committed last, unless the transaction said
`SET synchronous_commit = on`, and a crash of the machine may lose everything. Not for data that
anybody wants to keep.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from rail_forge_testbed import _binaries, locales
from rail_forge_testbed._guard import Guard

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

HOST = "127.0.0.1"
LOCALES = "locales"  # a folder
SUPERUSER = "postgres"
START_SECONDS = 60.0
STOP_SECONDS = 15.0
PORT_ATTEMPTS = 10
POLL_SECONDS = 0.01
IPC_RMID = 0  # linux/ipc.h
SHARED_MEMORY_LINE, STATUS_LINE = 6, 7  # of postmaster.pid, counted from 0: pidfile.h of PostgreSQL

SETTINGS: Mapping[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "max_connections": "60",
    "wal_level": "logical",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Files in the data directory, not in /dev/shm: nothing stays behind after SIGKILL, and parallel queries
    # do not fail in a container whose /dev/shm is small.
    "dynamic_shared_memory_type": "mmap",
}

ACCESS = """\
# The first line that matches decides.
local all locked              scram-sha-256
host  all locked 127.0.0.1/32 scram-sha-256
local all all                 trust
host  all all    127.0.0.1/32 trust
"""

# Byte order for text, with upper() and lower() that know Unicode. The builtin provider came with version 17.
LOCALE: Mapping[int, tuple[str, ...]] = {
    16: ("--locale=C.UTF-8", "--lc-collate=C"),
    18: ("--locale=C.UTF-8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
}


class PostgresError(RuntimeError):
    """The embedded PostgreSQL did not do as told; the message carries the end of its log."""


class EmbeddedPostgres:
    """One PostgreSQL server; as a context manager it is started on entry and gone after exit.

    `directory` becomes the data directory and is kept; without it the data lies in a private temporary
    directory. Of glibc's locales it knows those of `locale_names` (`en_US`), and `C`; of ICU's, with `icu`,
    all.
    """

    def __init__(
        self,
        version: int = 18,
        settings: Mapping[str, str] | None = None,
        directory: str | os.PathLike[str] | None = None,
        locale_names: Sequence[str] = (),
        *,
        icu: bool = False,
    ) -> None:
        self._installation = _binaries.installation(version, icu=icu)
        self.version = version
        self._settings = {**SETTINGS, **(settings or {})}
        self._kept = None if directory is None else Path(directory).absolute()
        self._locales = tuple(locale_names)
        self._account = _binaries.account()
        self._private: Path | None = None
        self._guard: Guard | None = None
        self._pid: int | None = None
        self._port: int | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def port(self) -> int:
        """The TCP port on 127.0.0.1, which stays the same over restarts."""
        if self._port is None:
            raise PostgresError("the server was never started")
        return self._port

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        if self._pid is None:
            raise PostgresError("the server is not running")
        return self._pid

    @property
    def socket_directory(self) -> Path:
        """Where the Unix socket is, for clients of the same user or root."""
        return self._private_directory() / "socket"

    @property
    def log(self) -> str:
        """What the server has logged so far."""
        path = self._private_directory() / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def url(self, database: str | None = None, user: str | None = None, password: str | None = None) -> str:
        """The URL of a database, by default of `postgres` as the superuser."""
        secret = "" if password is None else f":{quote(password, safe='')}"
        name = quote(user or SUPERUSER, safe="")
        return f"postgres://{name}{secret}@{HOST}:{self.port}/{quote(database or 'postgres', safe='')}"

    def create_database(self, name: str) -> str:
        """Create an empty database of exactly that name and give its URL."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url(name)

    def start(self) -> None:
        """Start the server, on its former port if it had one, and wait until it answers."""
        if self._pid is not None:
            raise PostgresError("the server is already running")
        if self._guard is None:
            self._guard = Guard(signal.SIGQUIT, self._private_directory())
        self._make_locales()
        fresh = self._is_fresh()
        if fresh:
            self._initialise()
        self._write_settings()
        self._launch()
        if fresh:
            self._create_locked_role()

    def stop(self) -> None:
        """A clean, fast shutdown: clients are disconnected, the data stays for the next `start`."""
        if self._pid is None:
            return
        guard = self._running_guard()
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            # A server that exits now keeps its process id until it is asked again: nobody else is hit.
            if guard.exit_code() is None:
                os.kill(self._pid, number)
                guard.wait(STOP_SECONDS)
        self._pid = None

    def restart(self) -> None:
        """Stop and start again on the same port."""
        self.stop()
        self.start()

    def kill(self) -> None:
        """End every process with SIGKILL, as an outage would; `start` recovers."""
        postmaster = self.pid
        # A stopped postmaster forks nobody who would be missed below.
        os.kill(postmaster, signal.SIGSTOP)
        processes = [postmaster, *_children(postmaster)]
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self._running_guard().wait(STOP_SECONDS)
        _wait_until_gone(processes)
        _remove_shared_memory(self._data_directory() / "postmaster.pid")
        self._pid = None

    def close(self) -> None:
        """Stop, and remove everything that is temporary. The server cannot be started again."""
        try:
            self.stop()
        finally:
            if self._guard is not None:
                self._guard.close()

    def _private_directory(self) -> Path:
        if self._private is None:
            self._private = _binaries.private_directory(self._account)
        return self._private

    def _data_directory(self) -> Path:
        return self._kept or self._private_directory() / "data"

    def _running_guard(self) -> Guard:
        if self._guard is None:
            raise PostgresError("the server was never started")
        return self._guard

    def _make_locales(self) -> None:
        directory = self._private_directory() / LOCALES
        if self._locales and not directory.exists():
            locales.make(self._locales, directory)
            _binaries.give_to(directory, self._account)

    def _initialise(self) -> None:
        data = self._data_directory()
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        _binaries.give_to(data, self._account)
        identity = ["-U", SUPERUSER, "-E", "UTF8", "--auth=trust", *LOCALE[self.version]]
        # By the guard: an initdb that is killed half way would leave its shared memory behind.
        self._execute("initdb", "-D", str(data), "--no-sync", "--no-instructions", *identity)
        if self._running_guard().wait(START_SECONDS) != 0:
            raise PostgresError(f"initdb failed: {self.log[-2000:].strip()}")
        (data / "pg_hba.conf").write_text(ACCESS)
        with (data / "postgresql.conf").open("a") as file:
            file.write("include = 'testbed.conf'\n")

    def _is_fresh(self) -> bool:
        """Whether the data directory needs `initdb`; refuses one that this server could not use."""
        data = self._data_directory()
        if self._kept and self._account and not _binaries.open_to_all(_existing_part(data.parent)):
            uid = self._account.uid
            raise PostgresError(f"PostgreSQL does not run as root, and user id {uid} cannot reach {data}")
        file = data / "PG_VERSION"
        if not file.exists():
            return True
        if (found := file.read_text().strip()) != str(self.version):
            raise PostgresError(f"{data} belongs to PostgreSQL {found}, not {self.version}")
        return False

    def _write_settings(self) -> None:
        # A file of its own, so that what a test sets with ALTER SYSTEM wins.
        lines = []
        for name, value in self._settings.items():
            if not re.fullmatch(r"[A-Za-z0-9_.]+", name):
                raise PostgresError(f"{name!r} is not the name of a PostgreSQL setting")
            escaped = value.replace("\\", "\\\\").replace("'", "''")
            lines.append(f"{name} = '{escaped}'\n")
        file = self._data_directory() / "testbed.conf"
        file.write_text("".join(lines))
        _binaries.give_to(file, self._account)

    def _launch(self) -> None:
        for port in self._candidate_ports():
            before = len(self.log)
            self._spawn(port)
            if self._wait_until_ready():
                self._port = port
                return
            self._pid = None
            if "could not create any TCP/IP sockets" not in self.log[before:]:
                raise PostgresError(f"PostgreSQL did not start: {self.log[before:][-2000:].strip()}")
        raise PostgresError("no free TCP port was found; a former port may be in use by somebody else")

    def _candidate_ports(self) -> Iterator[int]:
        for attempt in range(PORT_ATTEMPTS):
            if self._port is None:
                yield _free_port()
            else:
                # The port may be taken for a moment, for example by a client's outgoing connection.
                time.sleep(attempt * 0.1)
                yield self._port

    def _spawn(self, port: int) -> None:
        self.socket_directory.mkdir(mode=0o700, exist_ok=True)
        _binaries.give_to(self.socket_directory, self._account)
        address = ["-h", HOST, "-p", str(port), "-k", str(self.socket_directory)]
        self._pid = self._execute("postgres", "-D", str(self._data_directory()), *address)

    def _execute(self, program: str, *arguments: str) -> int:
        private = self._private_directory()
        root = _binaries.reachable_installation(self._installation, self._account, private)
        return self._running_guard().start(
            [str(root / "bin" / program), *arguments],
            log=private / "log",
            cwd=private,
            env=self._environment(),
            account=self._account,
        )

    def _environment(self) -> dict[str, str]:
        # Nothing of the caller's locale, time zone or PG* variables may decide how the server behaves.
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
        if self._locales:
            environment["LOCPATH"] = str(self._private_directory() / LOCALES)
        return environment

    def _wait_until_ready(self) -> bool:
        """Whether the server became ready; False when it exited instead."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            # Only this server's own lines count: a killed predecessor leaves its file behind.
            lines = _lock_file_lines(self._data_directory() / "postmaster.pid")
            if lines[:1] == [str(self._pid)] and [line.strip() for line in lines[STATUS_LINE:]] == ["ready"]:
                return True
            if self._running_guard().exit_code() is not None:
                return False
            time.sleep(POLL_SECONDS)
        raise PostgresError(
            f"PostgreSQL was not ready after {START_SECONDS:.0f} s: {self.log[-2000:].strip()}"
        )

    def _create_locked_role(self) -> None:
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute("CREATE ROLE locked LOGIN PASSWORD 'right'")


def _existing_part(path: Path) -> Path:
    return next(step for step in (path, *path.parents) if step.exists())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _lock_file_lines(path: Path) -> list[str]:
    """The lines of `postmaster.pid`; the first is the process id."""
    try:
        return path.read_text().splitlines()
    except FileNotFoundError:
        return []


def _children(parent: int) -> list[int]:
    """Process ids of the children; none where there is no /proc, and backends then leave by themselves."""
    children = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == parent:
                children.append(int(stat.parent.name))
    return children


def _wait_until_gone(processes: list[int]) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while any(_is_alive(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def _remove_shared_memory(lock_file: Path) -> None:
    # PostgreSQL keeps a System V segment as a lock; after SIGKILL only the next start would remove it.
    for line in _lock_file_lines(lock_file)[SHARED_MEMORY_LINE:STATUS_LINE]:
        if line.strip():
            ctypes.CDLL(None).shmctl(int(line.split()[-1]), IPC_RMID, None)
