"""Both engines, and what counts as a difference between their answers.

The rules of `answers.py` say when two answers are the same. An error must be one on both sides, with one
exception: an error of a value (a number out of range, a subquery with two rows) depends on which rows an
expression is computed for, and SQL leaves that to the plan. Where a statement computes every expression for
every row, and so says `errors_count`, it counts; elsewhere, an error of a value on one side alone is set
aside. So is a statement that PostgreSQL does not answer in time; one that only RailForge does not is `slow`.
"""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

import psycopg

import rail_forge
from rail_forge_testbed.answers import (
    Refusal,
    Rows,
    answer_of_postgres,
    answer_of_rail_forge,
    difference,
)
from rail_forge_testbed.server import RailForgeServer

from .tables import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .tables import Table

TIMEOUT_MS = 10_000
# Classes of SQLSTATE: errors of values, two rows from a scalar subquery, limits; cancelled for its time.
OF_VALUES = ("21", "22", "54")
CANCELLED = "57014"
VALUE_MESSAGE = re.compile(
    r"out of range|overflow|division by zero|divide by zero|invalid input|more than one row|must be between"
    r"|too large|too long|more digits|null character|must be|must not be|must not end|cannot take"
    r"|underflow|infinit|NaN|depend on each other",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Difference:
    """How two answers differ: which kind of difference it is, and what in words."""

    kind: str
    words: str

    @property
    def signature(self) -> str:
        """The same for differences that look alike: the words without what they are about."""
        if self.kind not in ("refused", "answered"):
            return self.kind
        words = re.sub(r"'[^']*'|\"[^\"]*\"|[\d.]+", "_", self.words.split("\n", maxsplit=1)[0])
        return f"{self.kind}: {words[:60]}"


class Engines:
    """PostgreSQL and RailForge on one database; the tables are in one schema."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="rail-forge-fuzz-")))
            options = f"-c timezone=UTC -c search_path={SCHEMA} -c statement_timeout={TIMEOUT_MS}"
            self._postgres = stack.enter_context(psycopg.connect(self._url, autocommit=True, options=options))
            self._postgres.execute(f"CREATE SCHEMA {SCHEMA}".encode())
            configuration = folder / "rail-forge.toml"
            configuration.write_text(
                f'[[source]]\nname = "fuzz"\nurl = {json.dumps(self._url)}\nschemas = ["{SCHEMA}"]\n'
            )
            arguments = ["--config", str(configuration), "--initial-refresh", "never"]
            self._server = stack.enter_context(RailForgeServer({}, arguments=arguments))
            stack.callback(self._disconnect)
            self._client = self._connected()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def create(self, tables: Sequence[Table]) -> None:
        """Create the tables, in place of those that were there, and have RailForge pull them."""
        for table in tables:
            for statement in table.statements:
                self._postgres.execute(statement.encode())
        self._client.refresh()

    def compare(self, sql: str, *, in_order: bool, errors_count: bool) -> tuple[bool, Difference | None]:
        """Whether PostgreSQL answers, and the difference."""
        wanted = answer_of_postgres(self._postgres, sql)
        got = answer_of_rail_forge(self._client, sql)
        found = _difference(got, wanted, in_order=in_order, errors_count=errors_count)
        if found is not None and found.kind in ("slow", "crashed"):
            self._restart()
        return isinstance(wanted, Rows), found

    def _disconnect(self) -> None:
        # Of the client that is there in the end.
        self._client.close()

    def _connected(self) -> rail_forge.Client:
        return rail_forge.connect(self._server.flight, schema=SCHEMA, timeout=TIMEOUT_MS / 1000)

    def _restart(self) -> None:
        """What still runs is not to slow down the statements after it."""
        self._client.close()
        self._server.kill()
        self._server.start()
        self._client = self._connected()


def _difference(  # noqa: PLR0911 - a rule each
    got: Rows | Refusal, wanted: Rows | Refusal, *, in_order: bool, errors_count: bool
) -> Difference | None:
    if isinstance(got, Refusal) and "not reach" in got.message:
        return Difference("crashed", got.message)
    if isinstance(got, Refusal) and isinstance(wanted, Refusal):
        return None
    if isinstance(got, Refusal) and got.is_late:
        return Difference("slow", got.message)
    if isinstance(got, Refusal):
        if not errors_count and VALUE_MESSAGE.search(got.message) and "internal" not in got.message.lower():
            return None
        return Difference("refused", got.message)
    if isinstance(wanted, Refusal):
        state = wanted.sqlstate or ""
        if state == CANCELLED or (not errors_count and state.startswith(OF_VALUES)):
            return None
        return Difference("answered", f"PostgreSQL refuses: {wanted.message}")
    words = difference(got, wanted, in_order=in_order)
    if words is None:
        return None
    if got.types != wanted.types:
        return Difference("types", words)
    if difference(got, wanted, in_order=False) is None:
        return Difference("order", words)
    return Difference("values", words)
