"""A RailForge server for tests: `rail-forge serve` as a process of its own, in front of a test database.

The fixture `rail_forge_server` of pytest is made of it. The binary is the one that comes with the package, or
that RAIL_FORGE_BIN names.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sysconfig
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ._client import Client, connect
from ._errors import RefreshError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from ._actions import RefreshedTable

BINARY_VARIABLE = "RAIL_FORGE_BIN"
_START_SECONDS, _STOP_SECONDS, _POLL_SECONDS = 60.0, 30.0, 0.02
_LOG_CHARACTERS = 2_000


class ServerError(RuntimeError):
    """The server did not start; the message carries the end of its log."""


def binary() -> Path:
    """Return the `rail-forge` binary; raises ServerError when there is none."""
    named = os.environ.get(BINARY_VARIABLE)
    installed = Path(sysconfig.get_path("scripts")) / "rail-forge"
    found = named or (str(installed) if installed.is_file() else shutil.which("rail-forge"))
    if not found or not Path(found).is_file():
        raise ServerError(
            f"there is no rail-forge binary: install a wheel that has it, or set {BINARY_VARIABLE}"
        )
    return Path(found).absolute()


class Server:
    """A server on a free port of this machine, which answers without a token; a context manager.

    `sources` maps names to PostgreSQL URLs; `arguments` follow on the command line. Tables are pulled when it
    starts, and when `refresh` is called: a test calls it when it has committed what it wants to read.
    """

    def __init__(self, sources: Mapping[str, str], *, arguments: Sequence[str] = ()) -> None:
        self._sources = dict(sources)
        self._arguments = list(arguments)
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._addresses: dict[str, str] = {}

    @property
    def url(self) -> str:
        """The address for clients, such as `grpc://127.0.0.1:40123`."""
        return self._addresses["flight"]

    @property
    def port(self) -> int:
        """The port of that address."""
        return int(self.url.rpartition(":")[2])

    def connect(self) -> Client:
        """Return a new client."""
        return connect(self.url)

    def refresh(self, *tables: str) -> list[RefreshedTable]:
        """Bring tables up to date with PostgreSQL, all of them when none is named."""
        with self.connect() as client:
            return client.refresh(*tables)

    def start(self) -> None:
        """Start the server and wait until it is ready; raises ServerError when it does not become so."""
        try:
            self._start()
            # Tables that cannot be served are named by their queries.
            with suppress(RefreshError):
                self.refresh()
        except BaseException:  # Ctrl-C as well
            self.stop()
            raise

    def _start(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="rail-forge-")
        folder = Path(self._folder.name)
        ready = folder / "ready.json"
        sources = [word for name, url in self._sources.items() for word in ("--source", f"{name}={url}")]
        places = ["--data-dir", str(folder / "data"), "--ready-file", str(ready)]
        command = [
            str(binary()),
            "serve",
            "--no-authentication",
            *("--listen", "127.0.0.1:0"),
            *("--initial-refresh", "never"),
            *sources,
            *places,
        ]
        # The settings of the developer's own shell must not reach it.
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("RAIL_FORGE_")
        }
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, *self._arguments],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._is_ready(ready):
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = (folder / "log").read_text(errors="replace")[-_LOG_CHARACTERS:]
                raise ServerError(f"the server did not become ready:\n{said}")
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """End the server, and remove its data. May be called again."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._folder is not None:
            self._folder.cleanup()
        self._process = self._folder = None

    def _is_ready(self, file: Path) -> bool:
        try:
            self._addresses = json.loads(file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):  # half written
            return False
        return True

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
