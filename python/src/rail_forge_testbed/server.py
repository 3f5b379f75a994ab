"""A `rail-forge` server as a process of its own, as users run it: for end-to-end tests and benchmarks.

The binary is the one that `RAIL_FORGE_BIN` names; nothing is searched or built here, so that no test runs
against a stale binary by accident. The server listens on a free port, its data lies in a private directory
unless a directory is given, and it cannot outlive the process that started it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rail_forge_testbed._guard import Guard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

BINARY_VARIABLE = "RAIL_FORGE_BIN"
START_SECONDS = 60.0
STOP_SECONDS = 30.0
CLI_SECONDS = 60.0
POLL_SECONDS = 0.01
LOG_TAIL_CHARACTERS = 4000
_SETTINGS = ("RAIL_FORGE_", "AWS_")


class ServerError(RuntimeError):
    """The server did not do as told; the message carries the end of its log."""


def binary() -> Path:
    """The `rail-forge` binary under test."""
    name = os.environ.get(BINARY_VARIABLE)
    if not name:
        raise ServerError(
            f"set {BINARY_VARIABLE} to the path of the rail-forge binary; 'make print-bin' prints it"
        )
    path = Path(name)
    if not path.is_file():
        raise ServerError(f"{BINARY_VARIABLE} names {path}, which does not exist; 'make build' builds it")
    return path.absolute()


def run_cli(
    *arguments: str, env: Mapping[str, str] | None = None, timeout_s: float = CLI_SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run `rail-forge` with these arguments to its end; `env` is added to the environment.

    Otherwise no `RAIL_FORGE_` and no `AWS_` variable is passed on; the same holds for servers.
    """
    return subprocess.run(
        [str(binary()), *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        env=_environment(env or {}),
        check=False,
    )


def _environment(added: Mapping[str, str]) -> dict[str, str]:
    # Settings of the developer's own shell must not reach a server under test.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    return {**inherited, **added}


class RailForgeServer:
    """One `rail-forge serve`; as a context manager it is started on entry and gone after exit.

    `sources` maps names to PostgreSQL URLs, `arguments` follow on the command line, and `env` is added to the
    environment. The snapshots lie in `data_dir`, which may also be written s3://BUCKET/PREFIX. After `stop`
    or `kill` it can be started again, on the same data and another port. It answers everybody on this
    machine, unless `authentication` has it ask for tokens.
    """

    def __init__(  # noqa: PLR0913 - each is a setting by its name
        self,
        sources: Mapping[str, str],
        *,
        data_dir: str | os.PathLike[str] | None = None,
        arguments: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        authentication: bool = False,
        start_timeout_s: float = START_SECONDS,
    ) -> None:
        self._sources = dict(sources)
        self._arguments = [*([] if authentication else ["--no-authentication"]), *arguments]
        self._env = _environment(env or {})
        self._start_timeout_s = start_timeout_s
        self._private = Path(tempfile.mkdtemp(prefix="rail-forge-server-"))
        self._guard = Guard(signal.SIGKILL, self._private)
        in_bucket = isinstance(data_dir, str) and data_dir.startswith("s3://")
        self.data_dir = self._private / "data" if data_dir is None or in_bucket else Path(data_dir).absolute()
        self._place = str(data_dir if in_bucket else self.data_dir)
        self._ready_file = self._private / "ready.json"
        self._port = 0
        self._pid: int | None = None
        self._addresses: dict[str, str] = {}

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
    def flight(self) -> str:
        """The address for Flight clients, as `grpc://127.0.0.1:PORT`, or `grpc+tls://` with TLS."""
        return self._addresses["flight"]

    @property
    def unix(self) -> str:
        """The address of its Unix domain socket, as `grpc+unix:///PATH`; the server must have one."""
        return self._addresses["unix"]

    @property
    def http(self) -> str:
        """The address of metrics and health, as `http://127.0.0.1:PORT`."""
        return self._addresses["http"]

    @property
    def pid(self) -> int:
        """The process id."""
        if self._pid is None:
            raise ServerError("the server is not running")
        return self._pid

    @property
    def log(self) -> str:
        """What the server has written so far, over all its starts."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    @property
    def log_path(self) -> Path:
        """Where that is, for those who read on where they were."""
        return self._private / "log"

    @property
    def memory_bytes(self) -> int:
        """The physical memory that the running server has now (Linux)."""
        return self._memory_bytes("VmRSS")

    @property
    def peak_memory_bytes(self) -> int:
        """The most physical memory that the running server has had at a time (Linux)."""
        return self._memory_bytes("VmHWM")

    def forget_peak_memory(self) -> None:
        """The most memory is from now on the most since now (Linux)."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")

    def _memory_bytes(self, name: str) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(rf"^{name}:\s*(\d+) kB$", status, re.MULTILINE)
        if found is None:
            raise ServerError("the server has exited")
        return int(found[1]) * 1024

    def place(self, name: str, text: str) -> None:
        """Put a file into the server's working directory, in which its arguments can name it."""
        (self._private / name).write_text(text)

    def listen_again(self, port: int) -> None:
        """Have the next start listen on a port that this server has had, as one that is restarted does."""
        self._port = port

    def start(self) -> None:
        """Start the server and wait until it is ready."""
        if self._pid is not None:
            raise ServerError("the server is already running")
        self._ready_file.unlink(missing_ok=True)
        sources = [word for name, url in self._sources.items() for word in ("--source", f"{name}={url}")]
        place = ["--data-dir", self._place, "--ready-file", str(self._ready_file)]
        self._pid = self._guard.start(
            [
                str(binary()),
                "serve",
                *sources,
                "--listen",
                f"127.0.0.1:{self._port}",
                *place,
                *self._arguments,
            ],
            log=self._private / "log",
            cwd=self._private,
            env=self._env,
        )
        self._wait_until_ready()

    def exit_code(self) -> int | None:
        """The exit code (negative: the signal that ended it), or None while the server runs."""
        return self._guard.exit_code()

    def stop(self) -> int:
        """Ask the server to end (SIGTERM), wait, and give its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """End the server in any case, and remove everything that is temporary."""
        try:
            if self._pid is not None:
                self._end(signal.SIGTERM)
        finally:
            self._guard.close()

    def _end(self, number: signal.Signals) -> int:
        # A server that exits now keeps its process id until it is asked again: nobody else is hit.
        if self.exit_code() is None:
            os.kill(self.pid, number)
        code = self._guard.wait(STOP_SECONDS)
        if code is None:
            raise ServerError(f"the server ignored {number.name} for {STOP_SECONDS:.0f} s{self._log_tail()}")
        self._pid = None
        return code

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self._start_timeout_s
        while time.monotonic() < deadline:
            # A file that is half written is not JSON yet.
            with suppress(FileNotFoundError, json.JSONDecodeError):
                self._addresses = json.loads(self._ready_file.read_text())
                return
            code = self.exit_code()
            if code is not None:
                self._pid = None
                raise ServerError(f"the server exited with {code} before it was ready{self._log_tail()}")
            time.sleep(POLL_SECONDS)
        raise ServerError(f"the server was not ready after {self._start_timeout_s:.0f} s{self._log_tail()}")

    def _log_tail(self) -> str:
        return f"; the end of its log:\n{self.log[-LOG_TAIL_CHARACTERS:]}"
