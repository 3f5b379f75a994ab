"""A PostgreSQL to test against: an embedded one, or the one that `RAIL_FORGE_TEST_PG_URL` names.

    python -m rail_forge_testbed.postgres [--version 18] [--set NAME=VALUE]... [-- COMMAND ARGUMENTS...]

starts an embedded server, runs the command with `RAIL_FORGE_TEST_PG_URL` and libpq's `PGHOST`, `PGPORT`,
`PGUSER` and `PGDATABASE` pointing to it, and exits as the command did. Without a command it prints the URL
and stays until it is interrupted. It refuses to touch a server that it has not started, except to create
databases of unique names, which it drops.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

from rail_forge_testbed._binaries import FOLDERS
from rail_forge_testbed._embedded import HOST, SUPERUSER, EmbeddedPostgres, PostgresError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import FrameType

__all__ = [
    "URL_VARIABLE",
    "EmbeddedPostgres",
    "ExistingPostgres",
    "PostgresError",
    "PostgresServer",
    "postgres_server",
]

URL_VARIABLE = "RAIL_FORGE_TEST_PG_URL"


class PostgresServer(Protocol):
    """What tests may ask of a server, whoever runs it."""

    version: int

    def url(self, database: str | None = None, user: str | None = None, password: str | None = None) -> str:
        """The URL of a database, by default of the server's own."""

    def create_database(self, name: str) -> str:
        """Create an empty database and give its URL; the name may get a unique ending."""


class ExistingPostgres:
    """A server that somebody else runs; the databases created on it are dropped by `drop_databases`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._created: list[str] = []
        with psycopg.connect(url) as connection:
            self.version = connection.info.server_version // 10_000

    def url(self, database: str | None = None, user: str | None = None, password: str | None = None) -> str:
        """The server's URL with another database or other credentials."""
        parts = urlsplit(self._url)
        credentials, at, address = parts.netloc.rpartition("@")
        if user is not None:
            secret = "" if password is None else f":{quote(password, safe='')}"
            credentials, at = f"{quote(user, safe='')}{secret}", "@"
        path = parts.path if database is None else f"/{quote(database, safe='')}"
        return parts._replace(netloc=f"{credentials}{at}{address}", path=path).geturl()

    def create_database(self, name: str) -> str:
        """Create an empty database, its name with a unique ending, and give its URL."""
        unique = f"{name}_{secrets.token_hex(4)}"
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(unique)))
        self._created.append(unique)
        return self.url(unique)

    def drop_databases(self) -> None:
        """Drop what `create_database` created, with the sessions on it."""
        with psycopg.connect(self._url, autocommit=True) as connection:
            while self._created:
                name = sql.Identifier(self._created.pop())
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


@contextmanager
def postgres_server(
    version: int | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[PostgresServer]:
    """The server of `RAIL_FORGE_TEST_PG_URL`, or an embedded one.

    Nobody else's server is reconfigured: who asks for settings or for another version gets an embedded one.
    """
    url = os.environ.get(URL_VARIABLE)
    existing = ExistingPostgres(url) if url and not settings else None
    if existing is not None and version in (None, existing.version):
        try:
            yield existing
        finally:
            existing.drop_databases()
    else:
        with EmbeddedPostgres(version or max(FOLDERS), settings) as embedded:
            yield embedded


def main(arguments: Sequence[str]) -> int:
    """The command line; gives the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    options, command = _parse(list(arguments))
    # An inherited PGSERVICE, PGHOSTADDR or PGOPTIONS would lead libpq elsewhere, in the command and here.
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
    with EmbeddedPostgres(options.version, dict(options.set)) as server:
        if command:
            return _run(command, server)
        print(server.url(), flush=True)
        signal.pause()
    return 0


def _parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    command: list[str] = []
    if "--" in arguments:
        split = arguments.index("--")
        arguments, command = arguments[:split], arguments[split + 1 :]
    parser = argparse.ArgumentParser(
        prog="python -m rail_forge_testbed.postgres", usage="%(prog)s [options] [-- COMMAND]"
    )
    parser.add_argument("--version", type=int, choices=sorted(FOLDERS), default=max(FOLDERS))
    parser.add_argument("--set", type=_setting, action="append", default=[], metavar="NAME=VALUE")
    return parser.parse_args(arguments), command


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _run(command: Sequence[str], server: EmbeddedPostgres) -> int:
    try:
        child = subprocess.Popen(command, env=_client_environment(server))
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 127

    def forward(number: int, _frame: FrameType | None) -> None:
        # The terminal has sent its Ctrl-C to the command as well; two of them would cut its clean-up short.
        if not (number == signal.SIGINT and _in_terminal_foreground()):
            child.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, forward)
    code = child.wait()
    return code if code >= 0 else 128 - code


def _in_terminal_foreground() -> bool:
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    finally:
        os.close(terminal)


def _client_environment(server: EmbeddedPostgres) -> dict[str, str]:
    address = {"PGHOST": HOST, "PGPORT": str(server.port), "PGUSER": SUPERUSER, "PGDATABASE": "postgres"}
    return {**os.environ, **address, URL_VARIABLE: server.url()}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
