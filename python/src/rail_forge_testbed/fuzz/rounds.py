"""Rounds of statements: the same seed gives the same tables and the same statements."""

from __future__ import annotations

import math
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .queries import Queries, Statement
from .shrink import MOST_TRIES, shrink
from .tables import random_tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .compare import Difference, Engines
    from .tables import Table
    from .tree import Node

STATEMENTS = 250
# A try of what is slow takes as long as RailForge is given.
MOST_SLOW_TRIES = 8


@dataclass(frozen=True)
class Finding:
    """A statement that is answered differently, as it was made and shrunk, and what makes its tables."""

    seed: str
    statement: str
    shrunk: str
    difference: Difference
    setup: str

    def __str__(self) -> str:
        return (
            f"-- seed {self.seed}: {self.difference.kind}\n{self.setup}\n{self.shrunk};\n"
            f"-- {self.difference.words}"
        )


@dataclass
class Count:
    """How many statements were asked, and how many of them PostgreSQL answered."""

    asked: int = 0
    answered: int = 0


def play(  # noqa: PLR0913 - all but three have defaults
    engines: Engines,
    seed: str,
    count: Count,
    *,
    statements: int = STATEMENTS,
    known: set[str] | None = None,
    end: float = math.inf,
) -> Iterator[Finding]:
    """Ask the statements of one round; yield what differs, except for what looks like something known.

    After `end`, in the time of `time.monotonic`, no statement is asked.
    """
    chance = random.Random(seed)
    tables = random_tables(chance)
    engines.create(tables)
    for number in range(statements):
        if time.monotonic() > end:
            return
        name = f"{seed}:{number}"
        statement = Queries(random.Random(name), tables).statement()
        answered, found = _ask(engines, statement, statement.tree)
        count.asked += 1
        count.answered += answered
        if found is None or (known is not None and found.signature in known):
            continue
        yield _shrunk(engines, name, statement, found, tables)


def _ask(engines: Engines, statement: Statement, tree: Node) -> tuple[bool, Difference | None]:
    in_order = statement.is_ordered and str(tree.parts[-1]) != ""
    return engines.compare(str(tree), in_order=in_order, errors_count=statement.errors_count)


def _shrunk(
    engines: Engines, name: str, statement: Statement, found: Difference, tables: list[Table]
) -> Finding:
    def fails(tree: Node) -> bool:
        _, difference = _ask(engines, statement, tree)
        return difference is not None and difference.signature == found.signature

    tries = {"crashed": 0, "slow": MOST_SLOW_TRIES}.get(found.kind, MOST_TRIES)
    tree = shrink(statement.tree, fails, tries)
    _, last = _ask(engines, statement, tree)
    sql = str(tree)
    used = [table for table in tables if f"{table.name} " in f"{sql} "]
    setup = "\n".join(f"{text};" for table in used for text in table.statements[1:])
    return Finding(name, str(statement.tree), sql, last or found, setup)
